import { spawn } from "node:child_process";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Binaries,
  buildFlags,
  cacheDir,
  components,
  goToolchain,
  isExecutable,
  kubeletCacheDir,
  kubeletDir,
  locateBinaries,
  missingBinaries,
  moduleDir,
} from "./binaries.ts";

export interface EnsureOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Receives progress lines: what is built and how long it has taken. */
  readonly log?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Builds what is missing, one binary at a time, and returns the paths. Throws with a reason and a remedy
 * where Go cannot build. Safe to call from several processes: the second waits for the first.
 */
export async function ensureBinaries(options: EnsureOptions = {}): Promise<Binaries> {
  const { env = process.env, log = () => undefined, signal } = options;
  if (missingBinaries(env).length === 0) return locateBinaries(env);
  const toolchain = await goToolchain(env);
  if (!toolchain.usable)
    throw new Error(`${toolchain.reason}. To run the cluster tests, ${toolchain.remedy}.`);
  const folder = cacheDir(env);
  await mkdir(folder, { recursive: true });
  const release = await takeLock(join(folder, ".lock"), log, signal);
  try {
    const missing = missingBinaries(env);
    for (const [index, name] of missing.entries()) {
      await buildOne({
        name,
        source: { dir: moduleDir, target: components[name] },
        folder,
        env,
        signal,
        log: (line) => log(`[${index + 1}/${missing.length}] ${line}`),
      });
    }
  } finally {
    await release();
  }
  return locateBinaries(env);
}

/** The kubelet's stand-in, by its path: a module of its own, built in seconds where the control plane was. */
export async function ensureKubelet(options: EnsureOptions = {}): Promise<string> {
  const { env = process.env, log = () => undefined, signal } = options;
  const folder = kubeletCacheDir(env);
  const path = join(folder, "kubelet");
  if (isExecutable(path)) return path;
  const toolchain = await goToolchain(env);
  if (!toolchain.usable) throw new Error(`${toolchain.reason}. To run these tests, ${toolchain.remedy}.`);
  await mkdir(folder, { recursive: true });
  const release = await takeLock(join(folder, ".lock"), log, signal);
  try {
    if (!isExecutable(path))
      await buildOne({ name: "kubelet", source: { dir: kubeletDir, target: "." }, folder, env, log, signal });
  } finally {
    await release();
  }
  return path;
}

interface BuildStep {
  readonly name: string;
  /** The folder of a Go module, and what to build of it. */
  readonly source: { readonly dir: string; readonly target: string };
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

/** A binary appears under its name only when it is whole: built beside it, then renamed. */
async function buildOne(step: BuildStep): Promise<void> {
  const { name, source, folder, env, log, signal } = step;
  const startedMs = Date.now();
  const elapsed = () => `${Math.round((Date.now() - startedMs) / 1000)} s`;
  log(`building ${name}${name === "kube-apiserver" ? " (minutes when the Go build cache is cold)" : ""}`);
  const partial = join(folder, `.${name}.${process.pid}.tmp`);
  const ticker = new AbortController();
  const ticking = tick(ticker.signal, () => log(`still building ${name}, ${elapsed()}`));
  try {
    const args = ["build", ...buildFlags, "-o", partial, source.target];
    await goBuild(args, { cwd: source.dir, env }, signal);
    await rename(partial, join(folder, name));
    log(`built ${name} in ${elapsed()}`);
  } finally {
    ticker.abort();
    await ticking;
    await rm(partial, { force: true });
  }
}

async function tick(signal: AbortSignal, onTick: () => void): Promise<void> {
  while (!signal.aborted) {
    await sleep(30_000, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) onTick();
  }
}

async function goBuild(
  args: string[],
  { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
  signal?: AbortSignal,
): Promise<void> {
  const child = spawn("go", args, {
    cwd,
    env: { ...env, CGO_ENABLED: "0" },
    stdio: ["ignore", "ignore", "pipe"],
    ...(signal ? { signal } : {}),
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-8_192)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`go ${args[0]} ${args.at(-1)} ended with ${code}:\n${stderr}`);
}

/**
 * A lock file that names its holder's process id. A holder that died is replaced; should two waiters replace
 * it in the same instant both build, which costs time but is correct, since binaries appear by rename.
 */
async function takeLock(
  path: string,
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<() => Promise<void>> {
  for (let announced = false; ;) {
    signal?.throwIfAborted();
    try {
      const file = await open(path, "wx", 0o600);
      await file.writeFile(String(process.pid));
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (await isStale(path)) {
      await rm(path, { force: true });
      continue;
    }
    if (!announced) log(`another process is building into this cache; waiting for ${path}`);
    announced = true;
    await sleep(500, undefined, signal ? { signal } : {});
  }
}

/** An empty lock is one being written; it is stale only when it stays empty. */
async function isStale(path: string): Promise<boolean> {
  try {
    const pid = Number(await readFile(path, "utf8"));
    if (pid > 0) return !isAlive(pid);
    return Date.now() - (await stat(path)).mtimeMs > 10_000;
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
