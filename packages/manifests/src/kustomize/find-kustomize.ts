import { basename } from "node:path";
import { tmpdir } from "node:os";
import { findExecutable, isExecutable } from "../process/find-executable.ts";
import { runLimited } from "../process/run-limited.ts";

export type KustomizeKind = "kustomize" | "kubectl" | "oc";

export interface KustomizeBinary {
  kind: KustomizeKind;
  /** Absolute. */
  path: string;
  /** Of kustomize itself, e.g. `v5.8.1`. */
  version: string;
  /** `prlimit` of util-linux, which bounds the memory of the child; null where there is none. */
  limiter: string | null;
}

export interface FindKustomizeOptions {
  /** The value of PATH. */
  pathEnv: string | undefined;
  /** Looked through after PATH. */
  extraDirs?: readonly string[];
  /** Take this file and nothing else; its name says which of the three it is (`kustomize` when unclear). */
  explicitPath?: string | undefined;
  signal?: AbortSignal;
}

const kinds: readonly KustomizeKind[] = ["kustomize", "kubectl", "oc"];
const probeTimeoutMs = 20_000;

/** Finds a program that renders kustomizations and runs: `kustomize`, `kubectl`, then `oc`. Null when there is none. */
export async function findKustomize(options: FindKustomizeOptions): Promise<KustomizeBinary | null> {
  const limiter = await findExecutable("prlimit", {
    pathEnv: options.pathEnv,
    extraDirs: ["/usr/bin", "/bin"],
  });
  for (const { kind, path } of await candidates(options)) {
    const version = await readVersion(kind, path, options.signal);
    if (version !== null) return { kind, path, version, limiter };
  }
  return null;
}

async function candidates({
  pathEnv,
  extraDirs = [],
  explicitPath,
}: FindKustomizeOptions): Promise<{ kind: KustomizeKind; path: string }[]> {
  if (explicitPath !== undefined) {
    const named = kinds.find((kind) => basename(explicitPath).startsWith(kind)) ?? "kustomize";
    return (await isExecutable(explicitPath)) ? [{ kind: named, path: explicitPath }] : [];
  }
  const found = [];
  for (const kind of kinds) {
    const path = await findExecutable(kind, { pathEnv, extraDirs });
    if (path !== null) found.push({ kind, path });
  }
  return found;
}

/** Asks the program for kustomize's version; null when it does not run or has no kustomize inside. */
async function readVersion(
  kind: KustomizeKind,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const args = kind === "kustomize" ? ["version"] : ["version", "--client", "-o", "json"];
  const home = tmpdir();
  const result = await runLimited({
    file: path,
    args,
    cwd: home,
    env: { PATH: "", HOME: home, KUBECONFIG: "/dev/null" },
    timeoutMs: probeTimeoutMs,
    maxOutputBytes: 64 * 1024,
    signal,
  });
  if (result.end !== "exit" || result.exitCode !== 0) return null;
  const output = result.stdout.toString();
  const pattern = kind === "kustomize" ? /v\d+\.\d+\.\d+[^\s}]*/ : /"kustomizeVersion":\s*"([^"]+)"/;
  const match = pattern.exec(output);
  const version = match?.[1] ?? match?.[0] ?? "";
  return isSupported(version) ? version : null;
}

/** From 4.5 on: components, `labels`, --load-restrictor, and a kubectl that says which kustomize it holds. */
function isSupported(version: string): boolean {
  const [, major, minor] = (/^v(\d+)\.(\d+)\./.exec(version) ?? []).map(Number);
  return major !== undefined && minor !== undefined && (major > 4 || (major === 4 && minor >= 5));
}
