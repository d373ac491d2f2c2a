import type { ReconcileState } from "./revision-store.ts";
import type { RevisionRecord } from "./revision.ts";

/** Every way a revision's state can change; all pure, `now` in ISO 8601. */

const keptGood = 2;

/** A newer revision was asked for; whatever became of the one before, this one gets its own chance. */
export function adoptRevision(
  good: readonly RevisionRecord[],
  desired: RevisionRecord,
  now: string,
): ReconcileState {
  return { version: 1, desired, phase: "pending", spentMs: 0, startedAt: now, good };
}

export function isSameRevision(a: RevisionRecord, b: RevisionRecord): boolean {
  return (
    a.revision === b.revision && a.digest === b.digest && a.deadlineMs === b.deadlineMs && a.prune === b.prune
  );
}

/** The newest revision is healthy: it is what later ones fall back to. */
export function markGood(state: ReconcileState, now: string): ReconcileState {
  const { desired } = state;
  const older = state.good.filter(({ digest }) => digest !== desired.digest);
  return {
    ...state,
    phase: "good",
    reason: undefined,
    finishedAt: now,
    good: [desired, ...older].slice(0, keptGood),
  };
}

/**
 * The newest revision is given up. With an earlier good one of other content that one runs from now on, until
 * something newer is asked for; without, the failed one stays and is still tried.
 */
export function giveUp(state: ReconcileState, reason: string, now: string): ReconcileState {
  const at = state.good.findIndex(({ digest }) => digest !== state.desired.digest);
  const ended = { ...state, reason, finishedAt: now };
  return at === -1
    ? { ...ended, phase: "failed" }
    : { ...ended, phase: "rolled_back", good: state.good.slice(at) };
}

/** The revision whose objects are to be in the cluster now. */
export function enforcedRevision(state: ReconcileState): RevisionRecord {
  return state.phase === "rolled_back" ? (state.good[0] ?? state.desired) : state.desired;
}
