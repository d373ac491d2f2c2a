import { randomUUID } from "node:crypto";
import {
  type Cluster,
  type KubeObject,
  objectKey,
  type ObjectRef,
  type ResourceType,
} from "../kube/cluster.ts";
import { KubeError, unreachable } from "../kube/kube-error.ts";
import { fieldManager } from "./manifest.ts";

/** A few kinds in memory, only to bring about faults that a real API server can't be made to show. */
export interface FakeCluster extends Cluster {
  readonly objects: Map<string, KubeObject>;
  /** Called before each call; may throw, or wait. */
  before: (
    method: "get" | "list" | "apply" | "delete" | "watch",
    ref: Partial<ObjectRef>,
    signal?: AbortSignal,
  ) => unknown;
  /** As if nobody answered. */
  down: boolean;
}

const namespaced = (kind: string) => kind !== "Namespace";

export function createFakeCluster(): FakeCluster {
  const objects = new Map<string, KubeObject>();
  let version = 0;

  const call = async (
    method: Parameters<FakeCluster["before"]>[0],
    ref: Partial<ObjectRef>,
    signal?: AbortSignal,
  ) => {
    if (fake.down) throw unreachable(new Error("connect ECONNREFUSED"));
    await fake.before(method, ref, signal);
    signal?.throwIfAborted();
  };

  const resource = async (apiVersion: string, kind: string): Promise<ResourceType> => {
    if (fake.down) throw unreachable(new Error("connect ECONNREFUSED"));
    return {
      apiVersion,
      kind,
      group: "",
      plural: `${kind.toLowerCase()}s`,
      namespaced: namespaced(kind),
      verbs: ["list"],
    };
  };

  const unused = async (): Promise<never> => {
    throw new KubeError({ status: 405, reason: "MethodNotAllowed", message: "not in this fake" });
  };

  const fake: FakeCluster = {
    objects,
    before: () => undefined,
    down: false,
    resource,
    version: unused,
    ping: unused,
    resources: async () => [await resource("v1", "ConfigMap")],
    get: async (ref, { signal } = {}) => {
      await call("get", ref, signal);
      return objects.get(objectKey(ref));
    },
    list: async ({ kind, namespace }, { signal } = {}) => {
      await call("list", { kind, namespace }, signal);
      const all = [...objects.values()];
      const items = all.filter(
        (item) => item.kind === kind && (!namespace || item.metadata.namespace === namespace),
      );
      return { items, resourceVersion: String(version) };
    },
    apply: async ({ ref, json }, { signal }) => {
      await call("apply", ref, signal);
      const key = objectKey(ref);
      const known = objects.get(key);
      const sent = JSON.parse(Buffer.from(json).toString()) as KubeObject;
      const applied: KubeObject = {
        ...sent,
        metadata: {
          ...sent.metadata,
          uid: known?.metadata.uid ?? randomUUID(),
          resourceVersion: String(++version),
          managedFields: [{ manager: fieldManager, operation: "Apply", fieldsV1: {} }],
        },
      };
      objects.set(key, applied);
      return applied;
    },
    delete: async (ref, { signal } = {}) => {
      await call("delete", ref, signal);
      return objects.delete(objectKey(ref));
    },
    watch: async (query, { signal }) => {
      await call("watch", query, signal);
      await new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
    },
    readSecret: unused,
    writeSecret: unused,
    exec: unused,
    logs: unused,
    forward: { request: unused, upgrade: unused, close: () => undefined },
    close: () => undefined,
  };
  return fake;
}
