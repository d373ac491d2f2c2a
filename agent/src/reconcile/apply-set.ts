import { createHash } from "node:crypto";
import { errorMessage, type Logger } from "@rciots/runtime";
import { type Cluster, groupOf, type KubeObject, type ObjectRef } from "../kube/cluster.ts";
import { isConflict, isKubeError } from "../kube/kube-error.ts";
import { decodeInventory, encodeInventory, type Inventory, uniteInventories } from "./inventory.ts";
import type { RevisionStore } from "./revision-store.ts";
import { fieldManager, serialize } from "./manifest.ts";

export interface ApplySetOptions {
  readonly cluster: Cluster;
  readonly store: RevisionStore;
  /** Where the parent object is kept: the agent's own namespace; made where it is missing. */
  readonly namespace: string;
  readonly name: string;
  readonly agentVersion: string;
  readonly deviceId: string;
  readonly logger: Logger;
}

/**
 * The set of objects this agent owns, in the manner of KEP-3659: every member carries the label `part-of`
 * with the set's id, and a parent object (a ConfigMap beside the agent) describes the set. The parent also
 * holds the inventory, so that an agent that lost its folder still knows exactly what was applied.
 */
export interface ApplySet {
  readonly id: string;
  readonly parent: ObjectRef;
  /** The last one that was loaded or saved. */
  readonly inventory: Inventory;
  load(signal: AbortSignal): Promise<Inventory>;
  /**
   * Replaces the inventory, in the cluster and on disk. `change` is applied anew when another writer came
   * first, so that no entry of either is lost.
   */
  update(change: (inventory: Inventory) => Inventory, signal: AbortSignal): Promise<void>;
  /** Deletes the parent. */
  remove(signal: AbortSignal): Promise<void>;
}

export const partOfLabel = "applyset.kubernetes.io/part-of";
const inventoryKey = "inventory.json.gz";
const updateAttempts = 6;

/** The id that the specification derives from the parent's identity. */
export function applySetId({
  namespace,
  name,
}: {
  readonly namespace: string;
  readonly name: string;
}): string {
  const hash = createHash("sha256").update(`${name}.${namespace}.ConfigMap.`).digest("base64url");
  return `applyset-${hash}-v1`;
}

export function createApplySet(options: ApplySetOptions): ApplySet {
  const { cluster, store, namespace, name, logger } = options;
  const parent: ObjectRef = { apiVersion: "v1", kind: "ConfigMap", namespace, name };
  const id = applySetId({ namespace, name });
  let inventory: Inventory = new Map();
  /** Of the parent as last seen: a write fails when somebody else wrote since. */
  let resourceVersion: string | undefined;

  const readParent = async (signal: AbortSignal): Promise<Inventory> => {
    const object = await cluster.get(parent, { signal });
    resourceVersion = object?.metadata.resourceVersion;
    const encoded = (object?.["binaryData"] as Record<string, string> | undefined)?.[inventoryKey];
    if (encoded === undefined) return new Map();
    try {
      return await decodeInventory(Buffer.from(encoded, "base64"));
    } catch (error) {
      logger.error({ parent, error: errorMessage(error) }, "the inventory in the cluster can't be read");
      return new Map();
    }
  };

  const readLocal = async (): Promise<Inventory> => {
    const content = await store.loadInventory();
    if (!content) return new Map();
    try {
      return await decodeInventory(content);
    } catch {
      await store.setAsideInventory();
      return new Map();
    }
  };

  const writeParent = async (next: Inventory, content: Buffer, signal: AbortSignal): Promise<void> => {
    const object = parentObject(options, id, next, content, resourceVersion);
    const applied = await cluster.apply(serialize(object), {
      fieldManager,
      force: true,
      metadataOnly: true,
      signal,
    });
    resourceVersion = applied.metadata.resourceVersion;
  };

  /** What to do about a refused write; false: nothing helps. */
  const recover = async (error: unknown, signal: AbortSignal): Promise<boolean> => {
    if (!isKubeError(error)) return false;
    if (error.status === 404) {
      resourceVersion = undefined;
      const home: KubeObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
      await cluster.apply(serialize(home), { fieldManager, force: true, signal });
      return true;
    }
    if (!isConflict(error)) return false;
    inventory = uniteInventories(inventory, await readParent(signal));
    return true;
  };

  const update: ApplySet["update"] = async (change, signal) => {
    for (let tried = 1; ; tried++) {
      const next = change(inventory);
      const content = await encodeInventory(next);
      try {
        await writeParent(next, content, signal);
        await store.saveInventory(content);
        inventory = next;
        return;
      } catch (error) {
        if (tried >= updateAttempts || !(await recover(error, signal))) throw error;
      }
    }
  };

  return {
    id,
    parent,
    get inventory() {
      return inventory;
    },
    async load(signal) {
      const local = await readLocal();
      inventory = uniteInventories(local, await readParent(signal));
      return inventory;
    },
    update,
    async remove(signal) {
      await cluster.delete(parent, { signal });
      inventory = new Map();
      resourceVersion = undefined;
    },
  };
}

function parentObject(
  { namespace, name, agentVersion, deviceId }: ApplySetOptions,
  id: string,
  inventory: Inventory,
  content: Buffer,
  resourceVersion: string | undefined,
): KubeObject {
  const refs = [...inventory.values()].map(({ ref }) => ref);
  const groupKinds = refs.map(({ apiVersion, kind }) =>
    [kind, groupOf(apiVersion)].filter(Boolean).join("."),
  );
  const namespaces = refs.flatMap((ref) =>
    ref.namespace && ref.namespace !== namespace ? [ref.namespace] : [],
  );
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name,
      namespace,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      labels: { "applyset.kubernetes.io/id": id },
      annotations: {
        "applyset.kubernetes.io/tooling": `${fieldManager}/v${agentVersion}`,
        "applyset.kubernetes.io/contains-group-kinds": listText(groupKinds),
        "applyset.kubernetes.io/additional-namespaces": listText(namespaces),
        "rciots.dev/device": deviceId,
      },
    },
    binaryData: { [inventoryKey]: content.toString("base64") },
  };
}

const listText = (values: readonly string[]): string => [...new Set(values)].sort().join(",");
