import { AppError, createBackoff, errorMessage, isAppError, type Logger, sleep } from "@rciots/runtime";
import { limits } from "@rciots/protocol";
import type { Cluster, KubeObject } from "../kube/cluster.ts";
import { createApplySet } from "./apply-set.ts";
import { type Decommission, decommissionSet, type DecommissionResult } from "./decommission.ts";
import { createEnforcement, DocumentsMissingError } from "./enforcement.ts";
import type { WatchMode } from "./drift-watch.ts";
import { createReporter } from "./reporter.ts";
import { adoptRevision, enforcedRevision, giveUp, isSameRevision, markGood } from "./revision-state.ts";
import { createRevisionStore, isDigest, type ReconcileState } from "./revision-store.ts";
import { type DesiredRevision, emptyDigest, type RevisionRecord, type RevisionReport } from "./revision.ts";
import type { StateStore } from "./state-store.ts";
import { objectStatuses, reportedState } from "./verdict.ts";

export interface ReconcilerOptions {
  readonly cluster: Cluster;
  readonly state: StateStore;
  readonly deviceId: string;
  readonly agentVersion: string;
  /** The agent's own namespace, where the ApplySet's parent is kept. */
  readonly namespace: string;
  /** Of the parent. Default: "rciots-agent". */
  readonly applySetName?: string;
  /** Of objects that name no namespace. Default: "default". */
  readonly defaultNamespace?: string;
  readonly logger: Logger;
  /** Called when something changed; must not throw and need not be quick. */
  readonly onReport: (report: RevisionReport) => void;
  /** Requests at once. Default: 8. */
  readonly concurrency?: number;
  /** Longest time a change by somebody else goes unseen where watching is not allowed. Default: 30 s. */
  readonly driftIntervalMs?: number;
  /** Between two looks at an object that is not healthy and can't be watched. Default: 2 s. */
  readonly healthIntervalMs?: number;
  /** Least time between reports. Default: 250 ms. */
  readonly reportIntervalMs?: number;
  /** A clock that only goes forward, in ms. */
  readonly nowMs?: () => number;
}

export interface ReconcilerStatus {
  /** The newest revision that was set and is stored; undefined before the first. */
  readonly desired: RevisionRecord | undefined;
  /** The revision whose objects are enforced. */
  readonly running: RevisionRecord | undefined;
  readonly report: RevisionReport | undefined;
  /** False while the API server does not answer. */
  readonly reachable: boolean;
  readonly watches: Readonly<Record<string, WatchMode>>;
  /** Files of the state folder that were found broken and set aside. */
  readonly storeFaults: readonly string[];
}

export interface Reconciler {
  /** Reads the stored state and goes on where the last process stopped. */
  start(): Promise<void>;
  /**
   * Resolves once the revision is stored durably; it is applied in the background. The revision that is stored
   * already changes nothing, whatever became of it. `null`: nothing is assigned, prune everything.
   */
  setDesired(desired: DesiredRevision | null): Promise<void>;
  /** Back to the last good revision, until a newer one is set. Rejects with `no_good_revision`. */
  rollback(options: { readonly reason: string }): Promise<RevisionRecord>;
  /** Ends the reconciler for good and forgets its state; with `wipe` deletes what was applied first. */
  decommission(options: Decommission): Promise<DecommissionResult>;
  status(): ReconcilerStatus;
  /** Awaits the step in flight. */
  stop(): Promise<void>;
}

const nothingAssigned: DesiredRevision = {
  revision: 0,
  digest: emptyDigest,
  documents: [],
  deadlineMs: 3_600_000,
};

/** A request in flight when a newer revision arrives gets this long to finish. */
const cancelGraceMs = 5_000;
const persistIntervalMs = 5_000;
/** A healthy device whose API server is away for longer than this is called degraded. */
const unreachableAfterMs = 30_000;

/**
 * Level-triggered: each step compares what should be with what is and does what is due, so that it does not
 * matter which event woke it, or whether the process was killed in between. Only one step runs at a time.
 *
 * Invariants: the state on disk is written before its consequences are carried out; the inventory names an
 * object before that object is first applied; nothing is pruned unless everything of the enforced revision
 * is applied.
 */
export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { cluster, logger, namespace, driftIntervalMs = 30_000, reportIntervalMs = 250 } = options;
  const nowMs = options.nowMs ?? (() => performance.now());
  const store = createRevisionStore(options.state, logger);
  const applySet = createApplySet({
    ...options,
    store,
    name: options.applySetName ?? "rciots-agent",
  });
  const stopping = new AbortController();
  let state: ReconcileState | undefined;
  /** Survives the loss of the newest revision's objects. */
  let goodBefore: readonly RevisionRecord[] = [];
  let fresh: { readonly digest: string; readonly documents: readonly KubeObject[] } | undefined;
  let cycle = new AbortController();
  let wake = new AbortController();
  let running: Promise<void> | undefined;
  let started: Promise<void> | undefined;
  let writing: Promise<unknown> = Promise.resolve();
  let enforced: RevisionRecord | undefined;
  let reachable = true;
  let unreachableSinceMs: number | undefined;
  let spentMarkMs: number | undefined;
  let savedSpentMs = 0;

  const enforcement = createEnforcement({
    cluster,
    applySet,
    loadDocuments: async (digest) =>
      fresh?.digest === digest ? fresh.documents : store.loadDocuments(digest),
    ownNamespace: namespace,
    defaultNamespace: options.defaultNamespace ?? "default",
    concurrency: options.concurrency ?? 8,
    driftIntervalMs,
    healthIntervalMs: options.healthIntervalMs ?? 2_000,
    nowMs,
    logger,
    onProgress: () => reporter.touch(),
    onWork: () => wake.abort(),
  });

  const snapshot = (): RevisionReport | undefined => {
    if (!state) return undefined;
    const summary = enforcement.summary();
    const unreachable =
      unreachableSinceMs !== undefined && nowMs() - unreachableSinceMs >= unreachableAfterMs;
    // After a restart a settled device says nothing until it has looked at everything.
    if (!summary.tried && (state.phase === "good" || state.phase === "failed") && !unreachable)
      return undefined;
    const told =
      unreachable && state.phase === "good"
        ? { state: "degraded" as const, message: "the API server can't be reached" }
        : reportedState({ state, summary });
    return reportOf(state, told, {
      counts: summary.counts,
      objects: objectStatuses(enforcement),
    });
  };

  const reporter = createReporter({
    onReport: options.onReport,
    snapshot,
    minIntervalMs: reportIntervalMs,
    objectsIntervalMs: 4 * reportIntervalMs,
    logger,
  });

  /** State changes are stored one after the other, each before anything is done about it. */
  const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
    const result = writing.then(work);
    writing = result.catch(() => undefined);
    return result;
  };

  const commit = async (next: ReconcileState): Promise<void> => {
    await store.saveState(next);
    [state, savedSpentMs] = [next, next.spentMs];
    retarget();
    reporter.mark();
  };

  const retarget = (): void => {
    const target = state && enforcedRevision(state);
    if (target && enforced && isSameRevision(target, enforced)) return;
    enforced = target;
    enforcement.retarget(target);
    cycle.abort();
    wake.abort();
  };

  const forgetOldDocuments = async (): Promise<void> => {
    if (!state) return;
    await store.keepOnly([state.desired, ...state.good].map(({ digest }) => digest));
  };

  const start = (): Promise<void> =>
    (started ??= exclusively(async () => {
      state = await store.loadState();
      savedSpentMs = state?.spentMs ?? 0;
      retarget();
      running = run();
      reporter.mark();
    }));

  const setDesired: Reconciler["setDesired"] = async (given) => {
    const desired = given ?? nothingAssigned;
    const record = recordOf(desired);
    await start();
    await exclusively(async () => {
      if (state && isSameRevision(state.desired, record)) return;
      await store.saveDocuments(record.digest, desired.documents);
      fresh = { digest: record.digest, documents: desired.documents };
      spentMarkMs = undefined;
      const before = state ?? (goodBefore.length > 0 ? { good: goodBefore } : undefined);
      await commit(adoptRevision(before as ReconcileState | undefined, record, new Date().toISOString()));
      await forgetOldDocuments();
    });
  };

  const rollback: Reconciler["rollback"] = async ({ reason }) => {
    await start();
    return exclusively(async () => {
      const next = state && giveUp(state, reason, new Date().toISOString());
      if (next?.phase !== "rolled_back" || state?.phase === "rolled_back") {
        const message = "There is no earlier good revision to go back to.";
        throw new AppError({ code: "no_good_revision", status: 409, message });
      }
      await commit(next);
      return enforcedRevision(next);
    });
  };

  /** Time counts only while the API server answers: a device that was off has not failed. */
  const countTime = (): void => {
    const now = nowMs();
    if (state?.phase === "pending" && reachable && spentMarkMs !== undefined) {
      state = { ...state, spentMs: state.spentMs + (now - spentMarkMs) };
    }
    spentMarkMs = now;
  };

  /** What the last step showed about the newest revision. */
  const judge = async (): Promise<void> => {
    const judged = state;
    if (!judged) return;
    const now = new Date().toISOString();
    const summary = enforcement.summary();
    if (judged.phase === "pending" || judged.phase === "failed") {
      if (summary.healthy) return commit(markGood(judged, now)).then(forgetOldDocuments);
    }
    if (judged.phase !== "pending") return;
    if (summary.hopeless) return fail(judged, summary.trouble ?? "it was refused", now);
    if (judged.spentMs >= judged.desired.deadlineMs) {
      const seconds = Math.round(judged.desired.deadlineMs / 1_000);
      return fail(
        judged,
        `not healthy after ${seconds} s: ${summary.trouble ?? "it is still being applied"}`,
        now,
      );
    }
    if (judged.spentMs - savedSpentMs >= persistIntervalMs) {
      await store.saveState(judged);
      savedSpentMs = judged.spentMs;
    }
  };

  const fail = async (judged: ReconcileState, trouble: string, now: string): Promise<void> => {
    const reason = `revision ${judged.desired.revision} failed: ${trouble}`;
    logger.warn({ revision: judged.desired.revision, reason }, "revision failed");
    const next = giveUp(judged, reason, now);
    if (next.phase === "rolled_back") {
      const { counts } = enforcement.summary();
      const told = { state: "failed" as const, message: reason };
      reporter.tell(
        reportOf({ ...judged, finishedAt: now }, told, { counts, objects: objectStatuses(enforcement) }),
      );
    }
    await commit(next);
  };

  /** The objects of the revision that should run are gone: wait for the platform to send them again. */
  const giveUpMissing = async (error: DocumentsMissingError): Promise<void> => {
    const lost = state;
    if (!lost) return;
    logger.error({ error: error.message }, "waiting for the platform to send the revision again");
    goodBefore = lost.good.filter(({ digest }) => digest !== error.digest);
    if (lost.phase === "rolled_back" && lost.desired.digest !== error.digest) {
      const next = giveUp(
        { ...lost, good: goodBefore },
        lost.reason ?? error.message,
        new Date().toISOString(),
      );
      return commit(next);
    }
    state = undefined;
    retarget();
  };

  const step = async (): Promise<void> => {
    const graced = new AbortController();
    cycle = new AbortController();
    const signals = { cancel: cycle.signal, abort: graced.signal };
    const ended = new AbortController();
    const grace = graceAfter(cycle.signal, ended.signal, () => graced.abort());
    if (stopping.signal.aborted) cycle.abort();
    try {
      countTime();
      await enforcement.step(signals);
      [reachable, unreachableSinceMs] = [true, undefined];
    } finally {
      ended.abort();
      await grace;
      countTime();
    }
    if (signals.cancel.aborted) return;
    await exclusively(async () => {
      if (!signals.cancel.aborted) await judge();
    });
  };

  const run = async (): Promise<void> => {
    const backoff = createBackoff({ minMs: 250, maxMs: 8_000 });
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      let pauseMs: number;
      try {
        await step();
        if (cycle.signal.aborted && !stopping.signal.aborted) continue;
        backoff.reset();
        fresh = undefined;
        pauseMs = pauseUntilDue();
      } catch (error) {
        pauseMs = await onStepError(error, 100 + backoff.next());
      }
      reporter.mark();
      await sleep(pauseMs, AbortSignal.any([wake.signal, stopping.signal]));
    }
  };

  const onStepError = async (error: unknown, pauseMs: number): Promise<number> => {
    if (stopping.signal.aborted || cycle.signal.aborted) return 0;
    if (error instanceof DocumentsMissingError) {
      await exclusively(() => giveUpMissing(error)).catch((fault: unknown) =>
        logger.error({ error: errorMessage(fault) }, "state not stored"),
      );
      return 0;
    }
    if (isAppError(error)) {
      reachable = false;
      unreachableSinceMs ??= nowMs();
    }
    logger.warn({ error: errorMessage(error) }, "reconcile step failed; trying again");
    return pauseMs;
  };

  const pauseUntilDue = (): number => {
    const now = nowMs();
    const due = [enforcement.nextDueAtMs() - now];
    if (state?.phase === "pending") due.push(state.desired.deadlineMs - state.spentMs, persistIntervalMs);
    // setTimeout overflows beyond 2^31 ms; an hour is as good as for ever.
    return Math.max(0, Math.min(...due, 3_600_000));
  };

  const stop = async (): Promise<void> => {
    stopping.abort();
    cycle.abort();
    await started?.catch(() => undefined);
    await running;
    await enforcement.stop();
    await writing;
    await reporter.stop();
  };

  const decommission: Reconciler["decommission"] = async (request) => {
    await start();
    await stop();
    const result = await decommissionSet({
      ...request,
      cluster,
      applySet,
      store,
      ownNamespace: namespace,
      logger,
      state,
    });
    state = undefined;
    return result;
  };

  return {
    start,
    setDesired,
    rollback,
    decommission,
    status: () => ({
      desired: state?.desired,
      running: state && enforcedRevision(state),
      report: snapshot(),
      reachable,
      watches: enforcement.watchModes(),
      storeFaults: store.faults,
    }),
    stop,
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

function reportOf(
  state: ReconcileState,
  told: { readonly state: RevisionReport["state"]; readonly message?: string },
  details: Pick<RevisionReport, "counts" | "objects">,
): RevisionReport {
  const { desired, startedAt, finishedAt } = state;
  const running = state.phase === "rolled_back" ? state.good[0]?.revision : undefined;
  return {
    revision: desired.revision,
    ...(desired.digest === emptyDigest ? {} : { digest: desired.digest }),
    ...told,
    ...details,
    ...(running === undefined ? {} : { runningRevision: running }),
    startedAt,
    ...(finishedAt === undefined ? {} : { finishedAt }),
  };
}

/** Calls `onOverdue` when `cancel` was given and `ended` does not follow soon. */
async function graceAfter(cancel: AbortSignal, ended: AbortSignal, onOverdue: () => void): Promise<void> {
  await new Promise<void>((resolve) => {
    if (cancel.aborted || ended.aborted) return resolve();
    for (const signal of [cancel, ended]) signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await sleep(cancelGraceMs, ended);
  if (!ended.aborted) onOverdue();
}
