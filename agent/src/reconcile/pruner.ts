import { errorMessage, type Logger } from "@rciots/runtime";
import { type Cluster, describeRef, type KubeObject, type ObjectRef } from "../kube/cluster.ts";
import { isConflict, isKubeError, isUnreachable } from "../kube/kube-error.ts";
import { applyRank, crdRank, isCrd, isNamespace } from "./apply-order.ts";
import { type ApplySet, partOfLabel } from "./apply-set.ts";
import { forEachBounded } from "./bounded.ts";
import type { InventoryEntry } from "./inventory.ts";
import { foreignContentOfCrd, foreignContentOfNamespace } from "./namespace-content.ts";
import { ownedHashOf } from "./tracked-object.ts";
import type { ApplySignals } from "./applier.ts";

export const pruneAnnotation = "rciots.dev/prune";

/**
 * gone: no longer there. deleting: deleted, finalizers still run. kept: left alone for a reason that may pass,
 * it stays in the inventory. released: not ours (any more), it leaves the inventory. failed: refused.
 */
export type PruneOutcome = "gone" | "deleting" | "kept" | "released" | "failed";

export interface PruneResult {
  readonly ref: ObjectRef;
  readonly outcome: PruneOutcome;
  readonly message?: string;
}

export interface PrunerOptions {
  readonly cluster: Cluster;
  readonly applySet: ApplySet;
  /** Never deleted: it holds the agent. */
  readonly ownNamespace: string;
  readonly concurrency: number;
  readonly logger: Logger;
}

export interface Pruner {
  /**
   * Deletes what the inventory lists and `keep` does not claim, in reverse order of application, each by the
   * uid that was applied. Takes what is settled out of the inventory. Rejects only when the API server can't
   * be reached.
   */
  prune(keep: (key: string) => boolean, signals: ApplySignals): Promise<ReadonlyMap<string, PruneResult>>;
}

export function createPruner(options: PrunerOptions): Pruner {
  const { cluster, applySet, ownNamespace, concurrency, logger } = options;

  const pruneOne = async (key: string, entry: InventoryEntry, abort: AbortSignal): Promise<PruneResult> => {
    const { ref } = entry;
    if (isNamespace(ref) && ref.name === ownNamespace)
      return { ref, outcome: "released", message: "the agent lives in it" };
    try {
      const live = await cluster.get(ref, { signal: abort, metadataOnly: !isCrd(ref) });
      if (!live) return { ref, outcome: "gone" };
      const verdict = pruneVerdict(entry, live, applySet.id) ?? (await judgeContent(ref, live, abort));
      if (verdict) return { ref, ...verdict };
      if (live.metadata.deletionTimestamp) return { ref, outcome: "deleting", message: waitingText(live) };
      const uid = live.metadata.uid;
      const deleted = await cluster.delete(ref, { propagation: "Background", uid, signal: abort });
      logger.info({ object: describeRef(ref), deleted, key }, "pruned");
      return { ref, outcome: deleted ? "deleting" : "gone" };
    } catch (error) {
      if (!isKubeError(error) || isUnreachable(error)) throw error;
      // Replaced between the look and the deletion; the next pass looks again.
      if (isConflict(error)) return { ref, outcome: "kept", message: error.message };
      return { ref, outcome: "failed", message: errorMessage(error) };
    }
  };

  const judgeContent = async (
    ref: ObjectRef,
    live: KubeObject,
    signal: AbortSignal,
  ): Promise<Omit<PruneResult, "ref"> | undefined> => {
    if (live.metadata.deletionTimestamp || !(isNamespace(ref) || isCrd(ref))) return undefined;
    const query = { cluster, isOurs: (key: string) => applySet.inventory.has(key), signal };
    const found = isNamespace(ref)
      ? await foreignContentOfNamespace(ref.name, query)
      : await foreignContentOfCrd(live, query);
    if (found === undefined) return undefined;
    return { outcome: "kept", message: `kept: it holds what no revision applied, such as ${found}` };
  };

  const prune: Pruner["prune"] = async (keep, signals) => {
    const results = new Map<string, PruneResult>();
    const extra = [...applySet.inventory].filter(([key]) => !keep(key));
    for (const wave of inDeletionOrder(extra)) {
      await forEachBounded(wave, concurrency, signals.cancelled, async ([key, entry]) => {
        results.set(key, await pruneOne(key, entry, signals.abort));
      });
    }
    const settled = [...results].filter(([, { outcome }]) => outcome === "gone" || outcome === "released");
    if (settled.length > 0) {
      const keys = new Set(settled.map(([key]) => key));
      await applySet.update(
        (inventory) => new Map([...inventory].filter(([key]) => !keys.has(key))),
        signals.abort,
      );
    }
    return results;
  };

  return { prune };
}

/** Whether this very object is ours to delete; undefined: it is. */
export function pruneVerdict(
  entry: InventoryEntry,
  live: KubeObject,
  applySetId: string,
): { readonly outcome: PruneOutcome; readonly message: string } | undefined {
  const { labels = {}, annotations = {}, uid } = live.metadata;
  if (entry.uid !== undefined && entry.uid !== uid) {
    return { outcome: "released", message: "kept: somebody else made it anew" };
  }
  if (labels[partOfLabel] !== applySetId)
    return { outcome: "released", message: "kept: it no longer carries this agent's label" };
  if (entry.uid === undefined && ownedHashOf(live) === "") {
    return { outcome: "released", message: "kept: this agent never applied it" };
  }
  if (isNamespace(entry.ref) && entry.created !== true) {
    return { outcome: "released", message: "kept: it was there before this agent" };
  }
  if (annotations[pruneAnnotation] === "disabled") {
    return { outcome: "kept", message: `kept: its annotation ${pruneAnnotation} says disabled` };
  }
  return undefined;
}

function waitingText({ metadata }: KubeObject): string {
  return `it is being deleted; waits for the finalizers ${(metadata.finalizers ?? []).join(", ") || "of its content"}`;
}

type Extra = [string, InventoryEntry];

/** Webhooks first (they could refuse the rest), CRDs and Namespaces last. */
function inDeletionOrder(extra: readonly Extra[]): Extra[][] {
  const ranks = new Map<number, Extra[]>();
  for (const item of extra) {
    const rank = applyRank(item[1].ref);
    // Everything between the first and the last may go side by side.
    const wave = rank <= crdRank ? rank : rank > crdRank && isLate(rank) ? rank : crdRank + 1;
    ranks.set(wave, [...(ranks.get(wave) ?? []), item]);
  }
  return [...ranks.entries()].sort(([a], [b]) => b - a).map(([, wave]) => wave);
}

const lateRank = applyRank({ apiVersion: "example.invalid/v1", kind: "Any" });
const isLate = (rank: number): boolean => rank > lateRank;
