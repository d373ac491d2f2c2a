import type { Cluster, ObjectRef } from "../kube/cluster.ts";
import { isUnsupported } from "../kube/kube-error.ts";
import { isNamespace } from "./apply-order.ts";
import type { ApplySet } from "./apply-set.ts";
import type { InventoryEntry } from "./inventory.ts";
import type { TrackedObject } from "./tracked-object.ts";

export interface InventoryLedgerOptions {
  readonly cluster: Pick<Cluster, "get">;
  readonly applySet: ApplySet;
}

/** Keeps the inventory ahead of what is done: an object is listed before it is first sent. */
export interface InventoryLedger {
  load(signal: AbortSignal): Promise<void>;
  /** Stores the intention to apply these; a kill at any later moment leaves nothing unknown. */
  writeAhead(
    objects: readonly { readonly key: string; readonly ref: ObjectRef }[],
    signal: AbortSignal,
  ): Promise<void>;
  /** Deleting goes by uid: stores every uid that is new. */
  recordUids(tracked: ReadonlyMap<string, TrackedObject>, signal: AbortSignal): Promise<void>;
}

export function createInventoryLedger({ cluster, applySet }: InventoryLedgerOptions): InventoryLedger {
  let loaded = false;

  /** Of a Namespace; one that this account may not look at is taken as somebody else's. */
  const isToBeCreated = async (ref: ObjectRef, signal: AbortSignal): Promise<true | undefined> => {
    if (!isNamespace(ref)) return undefined;
    try {
      return (await cluster.get(ref, { signal, metadataOnly: true })) ? undefined : true;
    } catch (error) {
      if (isUnsupported(error)) return undefined;
      throw error;
    }
  };

  return {
    async load(signal) {
      if (loaded) return;
      await applySet.load(signal);
      loaded = true;
    },
    async writeAhead(objects, signal) {
      const added = objects.filter(
        ({ key, ref }) => applySet.inventory.get(key)?.ref.apiVersion !== ref.apiVersion,
      );
      if (added.length === 0) return;
      const entries = new Map<string, InventoryEntry>();
      for (const { key, ref } of added) {
        const known = applySet.inventory.get(key);
        const created = known ? known.created : await isToBeCreated(ref, signal);
        entries.set(key, { ref, uid: known?.uid, created });
      }
      await applySet.update((inventory) => new Map([...inventory, ...entries]), signal);
    },
    async recordUids(tracked, signal) {
      const changed = [...tracked].filter(
        ([key, { live }]) => live && applySet.inventory.get(key)?.uid !== live.uid,
      );
      if (changed.length === 0) return;
      await applySet.update((inventory) => {
        const next = new Map(inventory);
        for (const [key, { object, live }] of changed) {
          next.set(key, { ...next.get(key), ref: object.ref, uid: live?.uid });
        }
        return next;
      }, signal);
    },
  };
}
