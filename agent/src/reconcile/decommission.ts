import { createBackoff, errorMessage, type Logger, sleep } from "@rciots/runtime";
import type { Cluster } from "../kube/cluster.ts";
import type { ApplySet } from "./apply-set.ts";
import { createPruner, type PruneResult } from "./pruner.ts";
import { adoptRevision } from "./revision-state.ts";
import { emptyDigest } from "./revision.ts";
import type { ReconcileState, RevisionStore } from "./revision-store.ts";

export interface Decommission {
  /** Delete everything that was applied. */
  readonly wipe: boolean;
  /** How long deleting may take. Default: 2 minutes. */
  readonly timeoutMs?: number;
}

export interface DecommissionResult {
  readonly deleted: number;
  /** What is still there, and why. */
  readonly left: readonly PruneResult[];
}

export interface DecommissionInputs extends Decommission {
  readonly cluster: Cluster;
  readonly applySet: ApplySet;
  readonly store: RevisionStore;
  readonly ownNamespace: string;
  readonly logger: Logger;
  readonly state: ReconcileState | undefined;
}

/**
 * Deletes the whole inventory and then the records. Killed midway, the next start goes on: the stored state
 * already asks for nothing.
 */
export async function decommissionSet(inputs: DecommissionInputs): Promise<DecommissionResult> {
  const { store, applySet, state, wipe, timeoutMs = 120_000 } = inputs;
  if (!wipe) {
    await store.clear();
    return { deleted: 0, left: [] };
  }
  if (state) await storeEmptyRevision(store, state);
  const timeout = AbortSignal.timeout(timeoutMs);
  const results = await deleteAll(inputs, timeout);
  const left = [...results.values()].filter(({ outcome }) => outcome !== "gone" && outcome !== "released");
  const deleted = [...results.values()].filter(({ outcome }) => outcome === "gone").length;
  if (left.length === 0 && !timeout.aborted) await applySet.remove(timeout);
  await store.clear();
  return { deleted, left };
}

async function storeEmptyRevision(store: RevisionStore, state: ReconcileState): Promise<void> {
  await store.saveDocuments(emptyDigest, []);
  const desired = { ...state.desired, digest: emptyDigest, prune: true };
  await store.saveState(adoptRevision([], desired, new Date().toISOString()));
}

/** Repeats until nothing is left to wait for: finalizers take time, and the API server may be away. */
async function deleteAll(
  { cluster, applySet, ownNamespace, logger }: DecommissionInputs,
  signal: AbortSignal,
): Promise<Map<string, PruneResult>> {
  const pruner = createPruner({ cluster, applySet, ownNamespace, concurrency: 8, logger });
  const results = new Map<string, PruneResult>();
  const backoff = createBackoff({ minMs: 250, maxMs: 4_000 });
  while (!signal.aborted) {
    try {
      if (results.size === 0) await applySet.load(signal);
      const pass = await pruner.prune(() => false, { cancelled: signal, abort: signal });
      for (const [key, result] of pass) results.set(key, result);
      const open = [...pass.values()].filter(({ outcome }) => outcome === "deleting" || outcome === "failed");
      if (open.length === 0) break;
    } catch (error) {
      if (!signal.aborted) logger.warn({ error: errorMessage(error) }, "deleting failed; trying again");
    }
    await sleep(200 + backoff.next(), signal);
  }
  return results;
}
