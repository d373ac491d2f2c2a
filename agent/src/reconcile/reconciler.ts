import { AppError, createBackoff, errorMessage, isAppError, type Logger, sleep } from "@rciots/runtime";
import { createManifestDiff, type DiffPage, type DiffRequest } from "../diff/manifest-diff.ts";
import type { Cluster } from "../kube/cluster.ts";
import { isKubeError, isUnreachable } from "../kube/kube-error.ts";
import { createApplySet } from "./apply-set.ts";
import { type Decommission, decommissionSet, type DecommissionResult } from "./decommission.ts";
import type { WatchMode } from "./drift-watch.ts";
import { createEnforcement, DocumentsMissingError } from "./enforcement.ts";
import { createReporter } from "./reporter.ts";
import { enforcedRevision, giveUp, isSameRevision, markGood } from "./revision-state.ts";
import { createRevisionStore, type ReconcileState } from "./revision-store.ts";
import { type DesiredRevision, emptyDigest, type RevisionRecord, type RevisionReport } from "./revision.ts";
import { createStateKeeper } from "./state-keeper.ts";
import type { StateStore } from "./state-store.ts";
import { createStepSignals } from "./step-signals.ts";
import { objectStatuses, reportedState, type Summary } from "./verdict.ts";

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
  /** Compares a revision with what is live, and changes nothing. Rejects with `digest_unknown` and `busy`. */
  diff(request: DiffRequest): Promise<DiffPage>;
  /** Ends the reconciler for good and forgets its state; with `wipe` deletes what was applied first. */
  decommission(options: Decommission): Promise<DecommissionResult>;
  status(): ReconcilerStatus;
  /** Where it has applied something, and where it would apply what names no namespace. */
  namespaces(): readonly string[];
  /** Awaits the step in flight. */
  stop(): Promise<void>;
}

const nothingAssigned: DesiredRevision = {
  revision: 0,
  digest: emptyDigest,
  documents: [],
  deadlineMs: 3_600_000,
};

/** A step is taken at least this often while a revision is on trial. */
const trialIntervalMs = 5_000;
/** A healthy device whose API server is away for longer than this is called degraded. */
const unreachableAfterMs = 30_000;
const longestPauseMs = 3_600_000;
/** Only ends a pause. The default reason is an exception with a stack, which costs more than the pause. */
const woken = "woken";

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
  const applySet = createApplySet({ ...options, store, name: options.applySetName ?? "rciots-agent" });
  const stopping = new AbortController();
  let wake = new AbortController();
  let signals = createStepSignals();
  signals.end();
  let running: Promise<void> | undefined;
  let started: Promise<void> | undefined;
  let enforced: RevisionRecord | undefined;
  let unreachableSinceMs: number | undefined;
  let isStepping = false;
  /** Nothing changed since the stored state was read. */
  let untouched = true;
  /** Why the last step could not be finished. */
  let stepFault: string | undefined;
  /** Up to here time is counted; undefined: the time since is not to be counted. */
  let countedToMs: number | undefined;

  const onStateChange = (): void => {
    untouched &&= running === undefined;
    const target = keeper.state && enforcedRevision(keeper.state);
    if (!target || !enforced || !isSameRevision(target, enforced)) {
      [enforced, countedToMs] = [target, undefined];
      enforcement.retarget(target);
      signals.cancel();
      wake.abort(woken);
    }
    reporter.mark();
  };

  const keeper = createStateKeeper({ store, logger, onChange: onStateChange });
  const enforcement = createEnforcement({
    cluster,
    applySet,
    loadDocuments: (digest) => keeper.documentsOf(digest),
    ownNamespace: namespace,
    defaultNamespace: options.defaultNamespace ?? "default",
    concurrency: options.concurrency ?? 8,
    driftIntervalMs,
    healthIntervalMs: options.healthIntervalMs ?? 2_000,
    nowMs,
    logger,
    onProgress: () => reporter.touch(),
    onWork: () => wake.abort(woken),
  });

  const diff = createManifestDiff({
    cluster,
    applySet,
    defaultNamespace: options.defaultNamespace ?? "default",
    records: () => (keeper.state === undefined ? [] : [keeper.state.desired, ...keeper.state.good]),
    documentsOf: (digest) => keeper.documentsOf(digest),
    prepared(digest) {
      const { objects, faults } = enforcement;
      if (enforced?.digest !== digest || objects.length === 0) return undefined;
      return { objects: objects.map(({ object }) => object), faults };
    },
    isBusy: () => isStepping,
    stopping: stopping.signal,
  });

  const summary = (): Summary => {
    const found = enforcement.summary();
    return { ...found, trouble: stepFault ?? found.trouble };
  };

  const report = (state: ReconcileState, told: ReturnType<typeof reportedState>): RevisionReport =>
    composeReport(state, told, { counts: summary().counts, objects: objectStatuses(enforcement) });

  const snapshot = (): RevisionReport | undefined => {
    const { state } = keeper;
    if (!state) return undefined;
    const away = unreachableSinceMs !== undefined && nowMs() - unreachableSinceMs >= unreachableAfterMs;
    if (away && state.phase === "good")
      return report(state, { state: "degraded", message: stepFault ?? "unreachable" });
    const settled = state.phase === "good" || state.phase === "failed";
    // After a restart a settled device says nothing until it has looked at everything.
    return untouched && settled && !summary().tried
      ? undefined
      : report(state, reportedState({ state, summary: summary() }));
  };

  const reporter = createReporter({
    onReport: options.onReport,
    snapshot,
    minIntervalMs: reportIntervalMs,
    objectsIntervalMs: 4 * reportIntervalMs,
    logger,
  });

  /** Time counts only while the API server answers: a device that was off has not failed. */
  const countTime = async (): Promise<void> => {
    const now = nowMs();
    const elapsedMs = countedToMs === undefined ? 0 : now - countedToMs;
    countedToMs = now;
    await keeper.addSpent(elapsedMs);
  };

  /** What the last step showed about the newest revision. */
  const judge = (cancelled: AbortSignal): Promise<void> =>
    keeper.change((state) => {
      if (cancelled.aborted || (state.phase !== "pending" && state.phase !== "failed")) return undefined;
      const now = new Date().toISOString();
      if (enforcement.summary().healthy && stepFault === undefined) return markGood(state, now);
      const reason = state.phase === "pending" ? failureOf(state, summary()) : undefined;
      return reason === undefined ? undefined : fail(state, reason, now);
    });

  const fail = (state: ReconcileState, reason: string, now: string): ReconcileState => {
    logger.warn({ revision: state.desired.revision, reason }, "revision failed");
    const next = giveUp(state, reason, now);
    // The roll-back follows at once; that it failed, and on which object, is told by itself.
    if (next.phase === "rolled_back") {
      reporter.tell(
        report({ ...state, finishedAt: now }, { state: "failed", message: reason.slice(0, 2_048) }),
      );
    }
    return next;
  };

  const step = async (): Promise<void> => {
    await countTime();
    await enforcement.step(signals);
    [unreachableSinceMs, stepFault] = [undefined, undefined];
    await countTime();
    await judge(signals.cancelled);
  };

  const onStepError = async (error: unknown): Promise<void> => {
    logger.warn({ error: errorMessage(error) }, "reconcile step failed; trying again");
    stepFault = errorMessage(error);
    if (error instanceof DocumentsMissingError) return keeper.dropMissing(error.digest);
    // No connection or no credentials: that says nothing about the revision. An answer does.
    const answered = isKubeError(error) ? !isUnreachable(error) : !isAppError(error);
    if (answered) {
      unreachableSinceMs = undefined;
      await countTime();
      return judge(signals.cancelled);
    }
    unreachableSinceMs ??= nowMs();
    countedToMs = undefined;
  };

  const run = async (): Promise<void> => {
    const backoff = createBackoff({ minMs: 250, maxMs: 8_000 });
    while (!stopping.signal.aborted) {
      [wake, signals] = [new AbortController(), createStepSignals()];
      const { cancelled } = signals;
      let pauseMs: number;
      try {
        isStepping = true;
        await step();
        backoff.reset();
        keeper.releaseDocuments();
        pauseMs = pauseUntilDue();
      } catch (error) {
        pauseMs = 100 + backoff.next();
        if (!cancelled.aborted)
          await onStepError(error).catch((fault: unknown) => logStoreFault(logger, fault));
      } finally {
        isStepping = false;
        signals.end();
      }
      if (cancelled.aborted) continue;
      reporter.mark();
      await sleep(pauseMs, wake.signal);
    }
  };

  const pauseUntilDue = (): number => {
    const { state } = keeper;
    const due = [enforcement.nextDueAtMs() - nowMs(), longestPauseMs];
    if (state?.phase === "pending") due.push(state.desired.deadlineMs - state.spentMs, trialIntervalMs);
    return Math.max(0, Math.min(...due));
  };

  const start = (): Promise<void> =>
    (started ??= keeper.load().then(() => {
      if (!stopping.signal.aborted) running = run();
    }));

  const rollback: Reconciler["rollback"] = async ({ reason }) => {
    await start();
    let target: RevisionRecord | undefined;
    await keeper.change((state) => {
      const next = giveUp(state, reason, new Date().toISOString());
      if (next.phase !== "rolled_back" || state.phase === "rolled_back") return undefined;
      target = enforcedRevision(next);
      return next;
    });
    if (target) return target;
    const message = "There is no earlier good revision to go back to.";
    throw new AppError({ code: "no_good_revision", status: 409, message });
  };

  const stop = async (): Promise<void> => {
    stopping.abort();
    signals.cancel();
    wake.abort(woken);
    await started?.catch(() => undefined);
    await running;
    await enforcement.stop();
    await keeper.settled();
    await reporter.stop();
  };

  const decommission: Reconciler["decommission"] = async (request) => {
    await start();
    await stop();
    const { state } = keeper;
    const inputs = { ...request, cluster, applySet, store, ownNamespace: namespace, logger, state };
    const result = await decommissionSet(inputs);
    keeper.forget();
    return result;
  };

  return {
    start,
    setDesired: async (desired) => {
      await start();
      await keeper.adopt(desired ?? nothingAssigned);
    },
    rollback,
    decommission,
    diff: async (request) => {
      await start();
      return diff(request);
    },
    namespaces() {
      const used = [...applySet.inventory.values()].flatMap(({ ref }) => ref.namespace ?? []);
      return [
        ...new Set([...(options.defaultNamespace === undefined ? [] : [options.defaultNamespace]), ...used]),
      ];
    },
    status: () => ({
      desired: keeper.state?.desired,
      running: keeper.state && enforcedRevision(keeper.state),
      report: snapshot(),
      reachable: unreachableSinceMs === undefined,
      watches: enforcement.watchModes(),
      storeFaults: store.faults,
    }),
    stop,
  };
}

/** Why the revision on trial is to be given up now; undefined: not yet. */
function failureOf({ desired, spentMs }: ReconcileState, { hopeless, trouble }: Summary): string | undefined {
  if (hopeless) return `revision ${desired.revision} failed: ${trouble ?? "it was refused"}`;
  if (spentMs < desired.deadlineMs) return undefined;
  const seconds = Math.round(desired.deadlineMs / 1_000);
  const waiting = trouble ?? "it is still being applied";
  return `revision ${desired.revision} failed: not healthy after ${seconds} s: ${waiting}`;
}

function composeReport(
  state: ReconcileState,
  told: ReturnType<typeof reportedState>,
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

function logStoreFault(logger: Logger, fault: unknown): void {
  logger.error({ error: errorMessage(fault) }, "the state can't be stored");
}
