import { existsSync } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Environment } from "@rciots/runtime";
import { createKubeCluster } from "./kube/kube-cluster.ts";
import type { FoundCluster } from "./workloads.ts";

const serviceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount";
const microshiftKubeconfig = "/var/lib/microshift/resources/kubeadmin/kubeconfig";
const defaultNamespace = "rciots-agent";

export interface FindClusterOptions {
  mode: "auto" | "in-cluster" | "kubeconfig" | "none";
  /** Given by the one who runs the agent; without it the usual places are looked at. */
  kubeconfig?: string | undefined;
  namespace?: string | undefined;
  env: Environment;
  homeDir: string;
}

export function isInCluster(env: Environment): boolean {
  return (env["KUBERNETES_SERVICE_HOST"] ?? "") !== "" && existsSync(join(serviceAccountDir, "token"));
}

/**
 * The cluster this device runs manifests on, or undefined where there is none (yet): a MicroShift writes its
 * kubeconfig only when it is up.
 */
export async function findCluster(options: FindClusterOptions): Promise<FoundCluster | undefined> {
  const { mode, env } = options;
  if (mode === "none") return undefined;
  const wantsOwn = mode === "in-cluster" || (mode === "auto" && options.kubeconfig === undefined);
  if (wantsOwn && isInCluster(env)) return ownCluster(options);
  if (mode === "in-cluster") return undefined;
  const path = await firstReadable(kubeconfigPaths(options));
  if (path === undefined) return undefined;
  const namespace = options.namespace ?? defaultNamespace;
  return { cluster: createKubeCluster({ kubeconfig: { path } }), namespace };
}

async function ownCluster({ env, namespace }: FindClusterOptions): Promise<FoundCluster> {
  const inCluster = {
    host: env["KUBERNETES_SERVICE_HOST"] ?? "",
    port: env["KUBERNETES_SERVICE_PORT"] ?? "443",
    serviceAccountDir,
  };
  return { cluster: createKubeCluster({ inCluster }), namespace: namespace ?? (await podNamespace()) };
}

async function podNamespace(): Promise<string> {
  try {
    return (await readFile(join(serviceAccountDir, "namespace"), "utf8")).trim();
  } catch {
    return defaultNamespace;
  }
}

function kubeconfigPaths({ kubeconfig, env, homeDir }: FindClusterOptions): string[] {
  if (kubeconfig !== undefined) return [kubeconfig];
  const shared = env["KUBECONFIG"] || undefined;
  // A list of files is merged by kubectl; the first that is there is what this device runs on.
  if (shared !== undefined) return shared.split(process.platform === "win32" ? ";" : ":");
  return [join(homeDir, ".kube", "config"), microshiftKubeconfig];
}

async function firstReadable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const isReadable = await access(path).then(
      () => true,
      () => false,
    );
    if (isReadable) return path;
  }
  return undefined;
}
