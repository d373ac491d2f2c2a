import { createHash } from "node:crypto";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createSemaphore } from "@rciots/runtime";
import {
  defaultDocumentLimits,
  parseRendered,
  type DocumentLimits,
  type Rendered,
} from "../documents/rendered.ts";
import type { FileLimits, ManifestFile } from "../files/manifest-file.ts";
import { validateManifestFiles } from "../files/validate-files.ts";
import { throwFaults } from "../manifest-fault.ts";
import { runLimited, type RunOptions, type RunResult } from "../process/run-limited.ts";
import type { KustomizeBinary } from "./find-kustomize.ts";
import { checkKustomizations } from "./kustomization-policy.ts";
import { kustomizeFailure, readWarnings } from "./kustomize-message.ts";

export interface KustomizeOptions {
  /** From `findKustomize` or `fetchKustomize`. */
  binary: KustomizeBinary;
  /** Of one build; default 30 s. */
  timeoutMs?: number;
  /** Of YAML that kustomize may print; default 16 MiB. */
  maxOutputBytes?: number;
  /** Builds at the same time; the others wait in order. Default 2. */
  maxConcurrent?: number;
  /** Memory of one build; default 512 MiB. A hard limit where `prlimit` is, else a goal for Go's collector. */
  maxMemoryBytes?: number;
  limits?: Partial<FileLimits & DocumentLimits>;
  /** Where build folders are made and removed; default the system's. */
  tempDir?: string;
}

export interface RenderOptions {
  /** The folder that holds the kustomization to build; default the top. */
  root?: string;
  signal?: AbortSignal;
}

export interface RenderResult extends Rendered {
  /** Deprecated fields and the like, in kustomize's words. */
  warnings: string[];
}

export interface Kustomize {
  readonly binary: KustomizeBinary;
  /** Checks the files and builds them. Throws AppError; `details.faults` names files and lines. */
  render: (files: readonly ManifestFile[], options?: RenderOptions) => Promise<RenderResult>;
  /** Checks the files as `render` does, without building. */
  check: (files: readonly ManifestFile[], options?: RenderOptions) => Promise<void>;
}

const mib = 1024 * 1024;

/** Renders kustomizations with real kustomize, one empty folder and one bounded process per build. */
export function createKustomize(options: KustomizeOptions): Kustomize {
  const settings = {
    timeoutMs: 30_000,
    maxOutputBytes: 16 * mib,
    maxConcurrent: 2,
    maxMemoryBytes: 512 * mib,
    tempDir: tmpdir(),
    ...options,
  };
  const limits = { ...defaultDocumentLimits, ...options.limits };
  const semaphore = createSemaphore(settings.maxConcurrent);

  const checked = async (files: readonly ManifestFile[], root: string): Promise<ManifestFile[]> => {
    validateManifestFiles(files, {
      root,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    const { faults, files: rewritten } = await checkKustomizations(files, root);
    throwFaults(faults);
    return rewritten;
  };

  return {
    binary: options.binary,
    check: async (files, { root = "" } = {}) => void (await checked(files, root)),
    render: async (files, { root = "", signal } = {}) => {
      const rewritten = await checked(files, root);
      const { stdout, stderr } = await semaphore.run(() =>
        build({ files, rewritten, root }, settings, signal),
      );
      return Object.assign(await parseRendered(stdout.toString(), limits), {
        warnings: readWarnings(stderr),
      });
    },
  };
}

type Settings = Required<Omit<KustomizeOptions, "limits">>;

interface BuildInput {
  /** As they were written: what faults point at. */
  files: readonly ManifestFile[];
  /** What kustomize is given in their place. */
  rewritten: readonly ManifestFile[];
  root: string;
}

/** Builds in `<temp>/files/<root>` with HOME `<temp>/home`; both are gone afterwards. */
async function build(
  { files, rewritten, root }: BuildInput,
  settings: Settings,
  signal: AbortSignal | undefined,
): Promise<RunResult> {
  const temp = await realpath(await mkdtemp(join(settings.tempDir, "rciots-render-")));
  try {
    await mkdir(join(temp, "home"), { mode: 0o700 });
    await writeFiles(join(temp, "files"), rewritten);
    const result = await runLimited({ ...command(temp, root, settings), signal });
    const hiddenFolders = [join(temp, "files", root), join(temp, "files"), temp];
    const failure = await kustomizeFailure(result, { ...settings, files, root, hiddenFolders });
    if (failure !== null) throw failure;
    return result;
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}

async function writeFiles(folder: string, files: readonly ManifestFile[]): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  const folders = new Set(files.map(({ path }) => dirname(join(folder, path))));
  for (const path of folders) await mkdir(path, { recursive: true, mode: 0o700 });
  for (const { path, content } of files)
    await writeFile(join(folder, path), content, { mode: 0o600, flag: "wx" });
}

function command(temp: string, root: string, settings: Settings): Omit<RunOptions, "signal"> {
  const { binary, maxMemoryBytes, timeoutMs, maxOutputBytes } = settings;
  const verb = binary.kind === "kustomize" ? "build" : "kustomize";
  const args = [verb, "--load-restrictor", "LoadRestrictionsRootOnly", "."];
  // RLIMIT_DATA counts memory that can be written to; address space that Go only reserves stays free.
  const bounds = [`--data=${maxMemoryBytes}`, "--core=0", "--nofile=512", "--", binary.path];
  return {
    file: binary.limiter ?? binary.path,
    args: binary.limiter === null ? args : [...bounds, ...args],
    cwd: join(temp, "files", root),
    env: {
      PATH: join(temp, "home"),
      HOME: join(temp, "home"),
      TMPDIR: temp,
      KUBECONFIG: "/dev/null",
      GOMEMLIMIT: `${Math.floor(maxMemoryBytes * 0.8)}`,
      // Nothing should be fetched: should a future kustomize try, it meets a proxy that is not there.
      HTTP_PROXY: "http://127.0.0.1:9",
      HTTPS_PROXY: "http://127.0.0.1:9",
    },
    timeoutMs,
    maxOutputBytes,
  };
}

/** A key for callers that cache what `render` gave: the files, the root and kustomize's version. Hex SHA-256. */
export function renderKey(files: readonly ManifestFile[], root: string, kustomizeVersion: string): string {
  const hash = createHash("sha256");
  const add = (text: string): void => void hash.update(`${Buffer.byteLength(text)}:`).update(text);
  ["rciots-render-1", kustomizeVersion, root].forEach(add);
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  for (const { path, content } of sorted) [path, content].forEach(add);
  return hash.digest("hex");
}
