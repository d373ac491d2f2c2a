import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The folder of the Go module that pins the control plane's versions. */
export const moduleDir = dirname(fileURLToPath(import.meta.url));

/** Every program a test cluster needs, and the Go package it is built from. */
export const components = {
  kustomize: "sigs.k8s.io/kustomize/kustomize/v5",
  etcd: "go.etcd.io/etcd/server/v3",
  kubectl: "k8s.io/kubernetes/cmd/kubectl",
  helm: "helm.sh/helm/v3/cmd/helm",
  "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
  "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
} as const;

export type BinaryName = keyof typeof components;
export const binaryNames = Object.keys(components) as BinaryName[];
export type Binaries = Readonly<Record<BinaryName, string>>;

const gitVersion = "v1.36.3";
const [gitMajor, gitMinor] = gitVersion.slice(1).split(".");

/** Kubernetes reads its own version from link-time variables; without them it calls itself v0.0.0. */
const linkerFlags = [
  "-s -w",
  `-X k8s.io/component-base/version.gitVersion=${gitVersion}`,
  `-X k8s.io/component-base/version.gitMajor=${gitMajor}`,
  `-X k8s.io/component-base/version.gitMinor=${gitMinor}`,
  `-X k8s.io/client-go/pkg/version.gitVersion=${gitVersion}`,
].join(" ");

export const buildFlags: readonly string[] = ["-trimpath", "-ldflags", linkerFlags];

/** Of kubebuilder's assets, only the names in this list are taken. */
const assetNames: readonly BinaryName[] = ["etcd", "kube-apiserver", "kubectl"];

/**
 * Where built binaries are kept: outside the checkout, one folder per content of go.mod, go.sum, the
 * build flags and the platform, so that a changed pin never meets an old binary.
 */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(readFileSync(join(moduleDir, file)));
  hash.update([process.platform, process.arch, ...buildFlags].join("\0"));
  return join(cacheRoot(env), "rciots", "cluster", hash.digest("hex"));
}

/** The folder of the Go module that stands in for a node's kubelet. */
export const kubeletDir = join(moduleDir, "kubelet");

/** Where its binary is kept, by the content of its module. */
export function kubeletCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(kubeletDir).sort()) hash.update(readFileSync(join(kubeletDir, file)));
  hash.update([process.platform, process.arch, ...buildFlags].join("\0"));
  return join(cacheRoot(env), "rciots", "kubelet", hash.digest("hex"));
}

const cacheRoot = (env: NodeJS.ProcessEnv): string =>
  env["RCIOTS_CACHE_DIR"] ?? env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");

/** Paths of all binaries, present or not: kubebuilder's assets first, then the cache. */
export function locateBinaries(env: NodeJS.ProcessEnv = process.env): Binaries {
  const assets = env["KUBEBUILDER_ASSETS"];
  const cache = cacheDir(env);
  const locate = (name: BinaryName): string => {
    const asset = assets && assetNames.includes(name) ? join(assets, name) : undefined;
    return asset && isExecutable(asset) ? asset : join(cache, name);
  };
  return Object.fromEntries(binaryNames.map((name) => [name, locate(name)])) as Record<BinaryName, string>;
}

export function missingBinaries(env: NodeJS.ProcessEnv = process.env): BinaryName[] {
  const located = locateBinaries(env);
  return binaryNames.filter((name) => !isExecutable(located[name]));
}

export type ClusterAvailability =
  | { readonly available: true; readonly binaries: Binaries }
  | { readonly available: false; readonly reason: string; readonly remedy: string };

/**
 * Whether `startCluster` can run now. When it cannot, `reason` and `remedy` are sentences to print beside
 * the name of the test that is skipped.
 */
export async function clusterAvailability(
  env: NodeJS.ProcessEnv = process.env,
): Promise<ClusterAvailability> {
  const missing = missingBinaries(env);
  if (missing.length === 0) return { available: true, binaries: locateBinaries(env) };
  const toolchain = await goToolchain(env);
  if (!toolchain.usable) return { available: false, reason: toolchain.reason, remedy: toolchain.remedy };
  return {
    available: false,
    reason: `the test control plane is not built yet (missing: ${missing.join(", ")})`,
    remedy: "run `npx tsx test/cluster/ensure.ts` once; a cold build takes 15 to 20 minutes on two cores",
  };
}

export type GoToolchain =
  | { readonly usable: true; readonly version: string }
  | { readonly usable: false; readonly reason: string; readonly remedy: string };

/**
 * Asks Go inside the module, so that an older Go which may fetch the pinned toolchain counts as usable and
 * one which may not (GOTOOLCHAIN=local, no network) says why.
 */
export async function goToolchain(env: NodeJS.ProcessEnv = process.env): Promise<GoToolchain> {
  const wanted = /^go (\S+)/m.exec(readFileSync(join(moduleDir, "go.mod"), "utf8"))?.[1] ?? "unknown";
  const remedy = `install Go ${wanted} or newer, or set KUBEBUILDER_ASSETS and RCIOTS_CACHE_DIR to folders with built binaries`;
  try {
    const { stdout } = await run("go", ["env", "GOVERSION"], { cwd: moduleDir, env, timeout: 120_000 });
    return { usable: true, version: stdout.trim() };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const detail = String((error as { stderr?: string }).stderr ?? "").trim() || String(error);
    const reason = missing
      ? "Go is not installed, so the test control plane cannot be built"
      : `Go cannot build the test control plane: ${detail}`;
    return { usable: false, reason, remedy };
  }
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
