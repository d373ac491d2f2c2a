import { randomUUID } from "node:crypto";
import type {
  Cluster,
  KubeObject,
  ObjectRef,
  ResourceType,
  SecretContent,
  WatchEvent,
} from "../../agent/src/kube/cluster.ts";
import { objectKey } from "../../agent/src/kube/cluster.ts";
import { KubeError } from "../../agent/src/kube/kube-error.ts";

/*
 * A Kubernetes API in memory, for load: thousands of agents in one process, each with a cluster of its own. It keeps
 * objects, answers watches and reports workloads as ready at once. It validates nothing and merges nothing: what an
 * API server really does is tested against a real one, in the cluster and e2e tests.
 */

const builtIn: ResourceType[] = [
  ["v1", "Namespace", "namespaces", false],
  ["v1", "ConfigMap", "configmaps", true],
  ["v1", "Secret", "secrets", true],
  ["v1", "Service", "services", true],
  ["v1", "ServiceAccount", "serviceaccounts", true],
  ["apps/v1", "Deployment", "deployments", true],
  ["apps/v1", "DaemonSet", "daemonsets", true],
  ["apps/v1", "StatefulSet", "statefulsets", true],
  ["batch/v1", "Job", "jobs", true],
  ["rbac.authorization.k8s.io/v1", "Role", "roles", true],
  ["rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", true],
].map(([apiVersion, kind, plural, namespaced]) => ({
  apiVersion: apiVersion as string,
  kind: kind as string,
  group: (apiVersion as string).includes("/") ? ((apiVersion as string).split("/")[0] ?? "") : "",
  plural: plural as string,
  namespaced: namespaced as boolean,
  verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
}));

/** What a controller and a kubelet would have written by the time everything runs. */
function readyStatus(object: KubeObject, generation: number): Record<string, unknown> | undefined {
  if (object.kind === "Namespace") return { phase: "Active" };
  if (!["Deployment", "StatefulSet", "DaemonSet"].includes(object.kind)) return undefined;
  const replicas = (object["spec"] as { replicas?: number } | undefined)?.replicas ?? 1;
  return {
    observedGeneration: generation,
    replicas,
    readyReplicas: replicas,
    updatedReplicas: replicas,
    availableReplicas: replicas,
    currentReplicas: replicas,
    desiredNumberScheduled: 1,
    currentNumberScheduled: 1,
    updatedNumberScheduled: 1,
    numberAvailable: 1,
    numberReady: 1,
    conditions: [{ type: "Available", status: "True" }],
  };
}

export interface SimulatedCluster extends Cluster {
  /** Objects by `objectKey`; for assertions. */
  readonly objects: ReadonlyMap<string, KubeObject>;
  /** How many server-side applies were answered. */
  readonly applyCount: number;
}

export function createSimulatedCluster(): SimulatedCluster {
  const objects = new Map<string, KubeObject>();
  const watchers = new Set<{ apiVersion: string; kind: string; onEvent: (event: WatchEvent) => void }>();
  let version = 1;
  let applyCount = 0;

  function notify(type: WatchEvent["type"], object: KubeObject): void {
    for (const watcher of watchers) {
      if (watcher.apiVersion === object.apiVersion && watcher.kind === object.kind)
        watcher.onEvent({ type, object });
    }
  }

  function stored(ref: ObjectRef, desired: KubeObject): KubeObject {
    const known = objects.get(objectKey(ref));
    const isSame = known !== undefined && JSON.stringify(known["x-applied"]) === JSON.stringify(desired);
    if (isSame) return known;
    version += 1;
    const generation = (known?.metadata.generation ?? 0) + 1;
    const status = readyStatus(desired, generation);
    const object: KubeObject = {
      ...desired,
      metadata: {
        ...desired.metadata,
        uid: known?.metadata.uid ?? randomUUID(),
        resourceVersion: String(version),
        generation,
      },
      ...(status === undefined ? {} : { status }),
      "x-applied": desired,
    };
    objects.set(objectKey(ref), object);
    notify(known === undefined ? "ADDED" : "MODIFIED", object);
    return object;
  }

  return {
    objects,
    get applyCount() {
      return applyCount;
    },
    version: async () => ({ gitVersion: "v0.0.0-simulated", platform: "simulator" }),
    ping: async () => undefined,
    resource: async (apiVersion, kind) =>
      builtIn.find((type) => type.apiVersion === apiVersion && type.kind === kind),
    resources: async () => builtIn,
    get: async (ref) => objects.get(objectKey(ref)),
    async list({ apiVersion, kind, namespace }) {
      const items = [...objects.values()].filter(
        (object) =>
          object.apiVersion === apiVersion &&
          object.kind === kind &&
          (namespace === undefined || object.metadata.namespace === namespace),
      );
      return { items, resourceVersion: String(version) };
    },
    async apply({ ref, json }, { dryRun }) {
      applyCount += 1;
      const desired = JSON.parse(Buffer.from(json).toString("utf8")) as KubeObject;
      return dryRun === true ? desired : stored(ref, desired);
    },
    async delete(ref, { uid } = {}) {
      const known = objects.get(objectKey(ref));
      if (known === undefined) return false;
      if (uid !== undefined && known.metadata.uid !== uid) {
        throw new KubeError({
          status: 409,
          reason: "Conflict",
          message: "the UID in the precondition does not match",
        });
      }
      objects.delete(objectKey(ref));
      version += 1;
      notify("DELETED", known);
      return true;
    },
    async watch({ apiVersion, kind }, { onEvent, signal }) {
      const watcher = { apiVersion, kind, onEvent };
      watchers.add(watcher);
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
      });
      watchers.delete(watcher);
    },
    async readSecret(namespace, name): Promise<SecretContent | undefined> {
      const found = objects.get(objectKey({ apiVersion: "v1", kind: "Secret", namespace, name }));
      return found === undefined ? undefined : (found["x-secret"] as SecretContent);
    },
    async writeSecret({ namespace, name, data }): Promise<SecretContent> {
      version += 1;
      const content: SecretContent = {
        data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value)])),
        resourceVersion: String(version),
      };
      const object: KubeObject = {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { namespace, name },
        "x-secret": content,
      };
      objects.set(objectKey({ apiVersion: "v1", kind: "Secret", namespace, name }), object);
      return content;
    },
    close: () => undefined,
  };
}
