import { AppError, type Logger } from "@rciots/runtime";
import { limits } from "@rciots/protocol";
import type { KubeObject } from "../kube/cluster.ts";
import { adoptRevision, enforcedRevision, giveUp, isSameRevision } from "./revision-state.ts";
import { isDigest, type ReconcileState, type RevisionStore } from "./revision-store.ts";
import type { DesiredRevision, RevisionRecord } from "./revision.ts";

export interface StateKeeperOptions {
  readonly store: RevisionStore;
  readonly logger: Logger;
  /** The state changed and is stored; called before anything else can change it. */
  readonly onChange: () => void;
}

/**
 * The state of the newest revision, in memory and on disk. Changes happen one after the other, and each is
 * durable before it takes effect.
 */
export interface StateKeeper {
  readonly state: ReconcileState | undefined;
  load(): Promise<void>;
  /** Takes a newer revision; the one that is stored already changes nothing. */
  adopt(desired: DesiredRevision): Promise<void>;
  /** Applies a change to the state as it is when its turn comes; undefined leaves it. */
  change(next: (state: ReconcileState) => ReconcileState | undefined): Promise<void>;
  /** Adds to the time that the newest revision was tried; written to disk now and then. */
  addSpent(elapsedMs: number): Promise<void>;
  documentsOf(digest: string): Promise<readonly KubeObject[] | undefined>;
  /** Lets go of objects that were only kept in memory until they were prepared. */
  releaseDocuments(): void;
  /** The objects of a revision that should run are gone: does without it. */
  dropMissing(digest: string): Promise<void>;
  forget(): void;
  /** Resolves once no change is under way. */
  settled(): Promise<void>;
}

/** A crash loses at most this much of a revision's age. */
const spentIntervalMs = 5_000;

export function createStateKeeper({ store, logger, onChange }: StateKeeperOptions): StateKeeper {
  let state: ReconcileState | undefined;
  /** What may be gone back to although the newest revision's objects were lost. */
  let goodBefore: readonly RevisionRecord[] = [];
  let fresh: { readonly digest: string; readonly documents: readonly KubeObject[] } | undefined;
  let savedSpentMs = 0;
  let queue: Promise<unknown> = Promise.resolve();

  const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
    const result = queue.then(work);
    queue = result.catch(() => undefined);
    return result;
  };

  const commit = async (next: ReconcileState): Promise<void> => {
    await store.saveState(next);
    [state, savedSpentMs] = [next, next.spentMs];
    onChange();
    await store.keepOnly([next.desired, ...next.good].map(({ digest }) => digest));
  };

  const adopt = async (desired: DesiredRevision): Promise<void> => {
    const record = recordOf(desired);
    await exclusively(async () => {
      if (state && isSameRevision(state.desired, record)) return;
      await store.saveDocuments(record.digest, desired.documents);
      fresh = { digest: record.digest, documents: desired.documents };
      await commit(adoptRevision(state?.good ?? goodBefore, record, new Date().toISOString()));
    });
  };

  const dropMissing = (digest: string): Promise<void> =>
    exclusively(async () => {
      if (!state || enforcedRevision(state).digest !== digest) return;
      logger.error({ digest }, "the objects of a revision are missing from the state folder");
      goodBefore = state.good.filter((record) => record.digest !== digest);
      if (state.phase === "rolled_back" && state.desired.digest !== digest) {
        const reason = state.reason ?? "the revision to go back to is missing";
        return commit(giveUp({ ...state, good: goodBefore }, reason, new Date().toISOString()));
      }
      // The platform sends it again: with no state, what it sends is new.
      state = undefined;
      onChange();
    });

  return {
    get state() {
      return state;
    },
    load: () =>
      exclusively(async () => {
        state = await store.loadState();
        savedSpentMs = state?.spentMs ?? 0;
        onChange();
      }),
    adopt,
    change: (next) =>
      exclusively(async () => {
        const changed = state && next(state);
        if (changed) await commit(changed);
      }),
    addSpent: async (elapsedMs) => {
      if (state?.phase !== "pending") return;
      state = { ...state, spentMs: state.spentMs + elapsedMs };
      if (state.spentMs - savedSpentMs < spentIntervalMs) return;
      await exclusively(async () => {
        if (!state) return;
        await store.saveState(state);
        savedSpentMs = state.spentMs;
      });
    },
    documentsOf: async (digest) => (fresh?.digest === digest ? fresh.documents : store.loadDocuments(digest)),
    releaseDocuments: () => (fresh = undefined),
    dropMissing,
    forget: () => (state = undefined),
    settled: async () => void (await queue),
  };
}

function recordOf({
  revision,
  digest,
  documents,
  deadlineMs,
  prune = true,
}: DesiredRevision): RevisionRecord {
  const sound =
    Number.isSafeInteger(revision) &&
    revision >= 0 &&
    isDigest(digest) &&
    Number.isFinite(deadlineMs) &&
    deadlineMs > 0;
  if (!sound)
    throw new AppError({ code: "revision_invalid", status: 400, message: "The revision is malformed." });
  if (documents.length > limits.bundleObjects) {
    const message = `The revision has ${documents.length} objects; at most ${limits.bundleObjects} are allowed.`;
    throw new AppError({ code: "revision_too_large", status: 413, message });
  }
  return { revision, digest, deadlineMs, prune };
}
