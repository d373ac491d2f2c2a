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
 * objects, answers watches and reports workloads as ready at once, or as its
 * `behaviour` says. It validates nothing and merges nothing: what an
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

/**
 * How workloads fare: `healthy` at once; `degraded` some seconds after they were; `stuck`, whose pods never get
 * ready; `refused`, where the API server takes no Deployment.
 */
export type WorkloadBehaviour = "healthy" | "degraded" | "stuck" | "refused";

const workloadKinds = ["Deployment", "StatefulSet", "DaemonSet"];

/** What a controller and a kubelet would have written by the time `isReady`, or before. */
function statusOf(
  object: KubeObject,
  generation: number,
  isReady: boolean,
): Record<string, unknown> | undefined {
  if (object.kind === "Namespace") return { phase: "Active" };
  if (!workloadKinds.includes(object.kind)) return undefined;
  const replicas = (object["spec"] as { replicas?: number } | undefined)?.replicas ?? 1;
  const ready = isReady ? replicas : 0;
  return {
    observedGeneration: generation,
    replicas,
    readyReplicas: ready,
    updatedReplicas: replicas,
    availableReplicas: ready,
    currentReplicas: replicas,
    desiredNumberScheduled: 1,
    currentNumberScheduled: 1,
    updatedNumberScheduled: 1,
    numberAvailable: isReady ? 1 : 0,
    numberReady: isReady ? 1 : 0,
    conditions: [{ type: "Available", status: isReady ? "True" : "False" }],
  };
}

export interface SimulatedCluster extends Cluster {
  /** Objects by `objectKey`; for assertions. */
  readonly objects: ReadonlyMap<string, KubeObject>;
  /** How many server-side applies were answered. */
  readonly applyCount: number;
}

export interface SimulatedClusterOptions {
  /** Default: everything is healthy at once. */
  behaviour?: WorkloadBehaviour;
  /** How long degraded workloads are healthy first. Default: 5 s. */
  degradeAfterMs?: number;
  /** Told of each object that was applied and changed. */
  onApplied?: (object: KubeObject) => void;
}

export function createSimulatedCluster(options: SimulatedClusterOptions = {}): SimulatedCluster {
  const { behaviour = "healthy", degradeAfterMs = 5_000, onApplied } = options;
  const timers = new Set<NodeJS.Timeout>();
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

  function stored(ref: ObjectRef, desired: KubeObject, applied: string): KubeObject {
    const known = objects.get(objectKey(ref));
    if (known !== undefined && known["x-applied"] === applied) return known;
    version += 1;
    const generation = (known?.metadata.generation ?? 0) + 1;
    const status = statusOf(desired, generation, behaviour !== "stuck");
    const object: KubeObject = {
      ...desired,
      metadata: {
        ...desired.metadata,
        uid: known?.metadata.uid ?? randomUUID(),
        resourceVersion: String(version),
        generation,
      },
      ...(status === undefined ? {} : { status }),
      "x-applied": applied,
    };
    objects.set(objectKey(ref), object);
    notify(known === undefined ? "ADDED" : "MODIFIED", object);
    onApplied?.(desired);
    if (behaviour === "degraded" && workloadKinds.includes(object.kind)) degradeLater(ref);
    return object;
  }

  /** Its pods stop being ready, as when a node runs out of memory. */
  function degradeLater(ref: ObjectRef): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      const known = objects.get(objectKey(ref));
      if (known === undefined) return;
      version += 1;
      const status = statusOf(known, known.metadata.generation ?? 1, false);
      const object = { ...known, metadata: { ...known.metadata, resourceVersion: String(version) }, status };
      objects.set(objectKey(ref), object);
      notify("MODIFIED", object);
    }, degradeAfterMs);
    timers.add(timer.unref());
  }

  function refuseWorkloads({ kind, name }: ObjectRef): void {
    if (behaviour !== "refused" || !workloadKinds.includes(kind)) return;
    throw new KubeError({
      status: 422,
      reason: "Invalid",
      message: `${kind} "${name}" is invalid: spec.template: Forbidden: this simulated cluster takes no workloads`,
    });
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
      refuseWorkloads(ref);
      const applied = Buffer.from(json).toString("utf8");
      const desired = JSON.parse(applied) as KubeObject;
      return dryRun === true ? desired : stored(ref, desired, applied);
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
    async exec(): Promise<never> {
      throw new KubeError({
        status: 405,
        reason: "MethodNotAllowed",
        message: "nothing runs in this cluster",
      });
    },
    logs: nothingServes,
    forward: {
      request: nothingServes,
      upgrade: nothingServes,
      close: () => undefined,
    },
    close() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}

async function nothingServes(): Promise<never> {
  throw new KubeError({ status: 503, reason: "Unreachable", message: "nothing serves this cluster" });
}
