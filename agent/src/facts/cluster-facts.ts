import type { Facts } from "@rciots/protocol";
import type { Cluster } from "../kube/cluster.ts";

const askTimeoutMs = 10_000;

/** Kind and version of the cluster; empty while its API server does not answer. Never rejects. */
export async function readClusterFacts(
  cluster: Pick<Cluster, "version" | "resources">,
): Promise<Pick<Facts, "clusterKind" | "clusterVersion">> {
  const signal = AbortSignal.timeout(askTimeoutMs);
  try {
    const { gitVersion } = await cluster.version({ signal });
    return { clusterKind: await kindOf(cluster, gitVersion, signal), clusterVersion: gitVersion };
  } catch {
    return {};
  }
}

/** OpenShift serves its own configuration API; MicroShift has OpenShift's routes without it. */
async function kindOf(
  cluster: Pick<Cluster, "resources">,
  gitVersion: string,
  signal: AbortSignal,
): Promise<string> {
  if (/\+k3s/i.test(gitVersion)) return "k3s";
  const groups = new Set((await cluster.resources({ signal })).map(({ group }) => group));
  if (groups.has("config.openshift.io")) return "openshift";
  return groups.has("route.openshift.io") ? "microshift" : "kubernetes";
}
