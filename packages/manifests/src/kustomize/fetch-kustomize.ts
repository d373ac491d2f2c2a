import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@rciots/runtime";
import { findExecutable } from "../process/find-executable.ts";
import { runLimited, type RunOptions, type RunResult } from "../process/run-limited.ts";
import { findKustomize, type FindKustomizeOptions, type KustomizeBinary } from "./find-kustomize.ts";

/** What is built where no kustomize is found. */
export const pinnedKustomizeVersion = "v5.8.1";
const moduleName = "sigs.k8s.io/kustomize/kustomize/v5";
const minGoMinor = 24;

export interface FetchKustomizeOptions {
  /** Where a built kustomize is kept, under `kustomize-<version>/`. */
  cacheDir: string;
  /** PATH, HOME, and what Go needs to reach its modules (GOPROXY, HTTPS_PROXY, ...); the rest is not passed on. */
  env: Readonly<Record<string, string | undefined>>;
  /** One sentence per step, for a person who waits. */
  onProgress?: (message: string) => void;
  /** Of the build; default 10 minutes. */
  buildTimeoutMs?: number;
  signal?: AbortSignal;
  /** For tests: runs a program, finds a kustomize. */
  run?: (options: RunOptions) => Promise<RunResult>;
  find?: (options: FindKustomizeOptions) => Promise<KustomizeBinary | null>;
}

/** What Go reads to find, verify and cache modules, and to get through a proxy. */
const passedOn =
  /^(?:PATH|HOME|TMPDIR|GOPROXY|GOSUMDB|GONOSUMDB|GONOSUMCHECK|GOPRIVATE|GONOPROXY|GOINSECURE|GOMODCACHE|GOCACHE|GOPATH|GOROOT|XDG_CACHE_HOME|SSL_CERT_FILE|SSL_CERT_DIR|(?:HTTP|HTTPS|NO|ALL)_PROXY)$/i;

/**
 * A kustomize to render with: one on the PATH (`kustomize`, `kubectl`, `oc`), else the one in the
 * cache folder, else the pinned version built from source with Go into that folder. Go checks the
 * source against its checksum database; a ready-made binary without a known checksum is never
 * downloaded. Throws AppError `kustomize_missing` that says what to install.
 */
export async function fetchKustomize(options: FetchKustomizeOptions): Promise<KustomizeBinary> {
  const { find = findKustomize, env, onProgress = () => undefined } = options;
  const folder = join(options.cacheDir, `kustomize-${pinnedKustomizeVersion}`);
  const search = {
    pathEnv: env["PATH"],
    extraDirs: [folder],
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const found = await find(search);
  if (found !== null) return found;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const go = await findGo(options);
  if (go === null) throw missing(`no Go 1.${minGoMinor} or newer is there to build it`);
  onProgress(`Building kustomize ${pinnedKustomizeVersion} with Go, once; this takes a few minutes.`);
  await buildWithGo(go, folder, options);
  const built = await find({ ...search, explicitPath: join(folder, "kustomize") });
  if (built === null) throw missing("the one that was built does not run");
  onProgress(`Kustomize ${built.version} is ready.`);
  return built;
}

async function findGo(options: FetchKustomizeOptions): Promise<string | null> {
  const { env, run = runLimited } = options;
  const go = await findExecutable("go", { pathEnv: env["PATH"], extraDirs: ["/usr/local/go/bin"] });
  if (go === null) return null;
  const result = await run({ ...goCommand(go, ["env", "GOVERSION"], options), timeoutMs: 20_000 });
  const minor = /^go1\.(\d+)/.exec(result.stdout.toString().trim())?.[1];
  return minor !== undefined && Number(minor) >= minGoMinor ? go : null;
}

/** Built in a folder beside the final one and moved there whole, so that a broken build is never found. */
async function buildWithGo(go: string, folder: string, options: FetchKustomizeOptions): Promise<void> {
  const { run = runLimited, cacheDir, buildTimeoutMs = 600_000 } = options;
  const staging = await mkdtemp(join(cacheDir, "kustomize-build-"));
  try {
    const target = `${moduleName}@${pinnedKustomizeVersion}`;
    const command = goCommand(go, ["install", "-trimpath", "-ldflags=-s -w", target], options);
    const result = await run({
      ...command,
      env: { ...command.env, GOBIN: staging },
      timeoutMs: buildTimeoutMs,
    });
    if (result.end === "aborted")
      throw new AppError({ code: "aborted", status: 499, message: "Building kustomize was cancelled." });
    if (result.end !== "exit" || result.exitCode !== 0)
      throw missing("building it with Go failed", new Error(result.stderr.slice(-2000)));
    await rename(join(staging, "kustomize"), join(folder, "kustomize"));
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

function goCommand(
  go: string,
  args: string[],
  { env, cacheDir, signal }: FetchKustomizeOptions,
): Omit<RunOptions, "timeoutMs"> {
  const passed = Object.entries(env).filter(
    (entry): entry is [string, string] => passedOn.test(entry[0]) && entry[1] !== undefined,
  );
  return {
    file: go,
    args,
    cwd: cacheDir,
    // GOTOOLCHAIN=local: a missing compiler is reported, not downloaded.
    env: { ...Object.fromEntries(passed), GOTOOLCHAIN: "local", CGO_ENABLED: "0", GOFLAGS: "-mod=mod" },
    maxOutputBytes: 1024 * 1024,
    signal,
  };
}

function missing(reason: string, cause?: unknown): AppError {
  const message =
    `There is no kustomize on this machine, and ${reason}. ` +
    "Install kustomize, kubectl 1.24 or newer, oc 4.14 or newer, or Go, and start again.";
  return new AppError({ code: "kustomize_missing", status: 503, message, cause });
}
