import type { Cluster, KubeObject } from "../kube/cluster.ts";
import type { Logger } from "@rciots/runtime";
import { isKubeError, isUnreachable } from "../kube/kube-error.ts";
import { createApplier, type ApplySignals } from "./applier.ts";
import { type ApplySet, partOfLabel } from "./apply-set.ts";
import { forEachBounded } from "./bounded.ts";
import {
  createDriftWatch,
  type KindId,
  type Observation,
  type WatchedKind,
  type WatchMode,
} from "./drift-watch.ts";
import { healthOf } from "./health.ts";
import { createInventoryLedger } from "./inventory-ledger.ts";
import { type DocumentFault, prepareRevision } from "./manifest.ts";
import { isSameContent, observeObject, requireCorrection } from "./observation.ts";
import { createPruner, type PruneResult } from "./pruner.ts";
import type { RevisionRecord } from "./revision.ts";
import { applyDueAtMs, carryOver, markOf, type TrackedObject } from "./tracked-object.ts";
import { type Summary, summarize } from "./verdict.ts";

export interface EnforcementOptions {
  readonly cluster: Cluster;
  readonly applySet: ApplySet;
  readonly loadDocuments: (digest: string) => Promise<readonly KubeObject[] | undefined>;
  readonly ownNamespace: string;
  readonly defaultNamespace: string;
  readonly concurrency: number;
  readonly driftIntervalMs: number;
  readonly healthIntervalMs: number;
  readonly nowMs: () => number;
  readonly logger: Logger;
  /** Details changed. */
  readonly onProgress: () => void;
  /** There is something to do before the next step is due. */
  readonly onWork: () => void;
}

/** Brings one revision's objects into the cluster and keeps them there. Steps must not overlap. */
export interface Enforcement {
  /** From the next step on, this revision. Undefined: nothing is enforced and nothing pruned. */
  retarget(revision: RevisionRecord | undefined): void;
  /** Does what is due. Rejects when the API server can't be reached; the next step goes on from there. */
  step(signals: ApplySignals): Promise<void>;
  /** When the next step is due, on the clock of `nowMs`. */
  nextDueAtMs(): number;
  summary(): Summary;
  readonly objects: readonly TrackedObject[];
  readonly faults: readonly DocumentFault[];
  readonly pruned: ReadonlyMap<string, PruneResult>;
  watchModes(): Readonly<Record<string, WatchMode>>;
  stop(): Promise<void>;
}

/** The objects of a revision that should run are not on disk (any more). */
export class DocumentsMissingError extends Error {
  readonly digest: string;
  constructor(digest: string) {
    super(`the objects of revision content ${digest} are missing from the state folder`);
    this.digest = digest;
  }
}

const blank: Summary = {
  counts: {},
  tried: false,
  healthy: false,
  allApplied: false,
  hopeless: false,
  trouble: undefined,
};

export function createEnforcement(options: EnforcementOptions): Enforcement {
  const { cluster, applySet, nowMs, logger, concurrency, driftIntervalMs } = options;
  let target: RevisionRecord | undefined;
  let prepared = false;
  let tracked = new Map<string, TrackedObject>();
  let faults: readonly DocumentFault[] = [];
  let pruned: ReadonlyMap<string, PruneResult> = new Map();
  let pruneDueAtMs = Infinity;
  let prunePauseMs = 0;
  let healthDueAtMs = Infinity;

  const applier = createApplier({
    cluster,
    concurrency,
    crdTimeoutMs: 20_000,
    maxRetryPauseMs: driftIntervalMs,
    nowMs,
    logger,
    onProgress: options.onProgress,
  });
  const ledger = createInventoryLedger({ cluster, applySet });
  const pruner = createPruner({ cluster, applySet, ownNamespace: options.ownNamespace, concurrency, logger });
  const drift = createDriftWatch({
    cluster,
    labelSelector: `${partOfLabel}=${applySet.id}`,
    pollIntervalMs: driftIntervalMs,
    logger,
    onObject: (key, observation) => observe(key, observation),
    onListed: (kind, keys) => {
      // Applied while the list was under way, or gone: a look at the object itself decides.
      const missing = [...tracked].filter(
        ([key, object]) => isOfKind(object, kind) && object.live && !keys.has(key),
      );
      for (const [, object] of missing) object.stale = true;
      if (missing.length > 0) options.onWork();
    },
    onMode: () => {
      healthDueAtMs = 0;
      options.onWork();
    },
    onBlind: (kind) => {
      for (const object of tracked.values()) if (isOfKind(object, kind)) object.dirty = true;
      options.onWork();
    },
  });

  const observeOptions = () => ({ nowMs: nowMs(), driftIntervalMs, logger });

  const observe = (key: string, observation: Observation | undefined): void => {
    const object = tracked.get(key);
    if (object && observeObject(object, observation, observeOptions())) options.onWork();
  };

  const prepare = async ({ cancelled, abort }: ApplySignals): Promise<void> => {
    const revision = target;
    if (!revision || prepared) return;
    const documents = await options.loadDocuments(revision.digest);
    if (!documents) throw new DocumentsMissingError(revision.digest);
    const result = await prepareRevision({
      cluster,
      documents,
      labels: { [partOfLabel]: applySet.id },
      defaultNamespace: options.defaultNamespace,
      reserved: [applySet.parent],
      signal: abort,
    });
    if (cancelled.aborted) return;
    await ledger.writeAhead(result.objects, abort);
    if (cancelled.aborted) return;
    tracked = new Map(
      result.objects.map((object) => [object.key, carryOver(object, tracked.get(object.key))]),
    );
    faults = result.faults;
    prepared = true;
    pruned = new Map();
    [pruneDueAtMs, prunePauseMs, healthDueAtMs] = [0, 0, 0];
    drift.setKinds(kindsOf(tracked.values()));
    options.onProgress();
  };

  /** Kinds that no API served when the revision was prepared: once one does, their namespaces are known. */
  const resolveLate = async (abort: AbortSignal): Promise<void> => {
    const open = [...tracked.values()].filter(({ object }) => object.unresolved);
    for (const { apiVersion, kind } of kindsOf(open)) {
      if (await cluster.resource(apiVersion, kind, { signal: abort })) {
        prepared = false;
        return;
      }
    }
  };

  const pruneIfDue = async (signals: ApplySignals): Promise<void> => {
    if (nowMs() < pruneDueAtMs || !target?.prune || signals.cancelled.aborted) return;
    // Not before everything new is in place, and never on the word of a revision that is partly broken.
    if (!summary().allApplied) return;
    pruned = new Map([...pruned, ...(await pruner.prune((key) => tracked.has(key), signals))]);
    const outcomes = [...pruned.values()].map(({ outcome }) => outcome);
    const waiting = outcomes.includes("deleting");
    prunePauseMs = waiting
      ? Math.min(driftIntervalMs, Math.max(250, prunePauseMs * 2))
      : 10 * driftIntervalMs;
    const unsettled = waiting || outcomes.includes("kept") || outcomes.includes("failed");
    pruneDueAtMs = unsettled ? nowMs() + prunePauseMs : Infinity;
    options.onProgress();
  };

  const refreshHealth = async ({ cancelled, abort }: ApplySignals): Promise<void> => {
    const modes = drift.modes();
    if (nowMs() >= healthDueAtMs) {
      for (const object of tracked.values()) {
        const watched = modes[kindIdOf(object)] === "watching";
        if (!watched && object.live && object.health.health !== "Current") object.stale = true;
      }
    }
    const stale = [...tracked.values()].filter((object) => object.stale && !object.dirty);
    await forEachBounded(stale, concurrency, cancelled, (object) => readHealth(object, abort));
    const unwatched = [...tracked.values()].some(
      (object) => object.health.health !== "Current" && modes[kindIdOf(object)] !== "watching",
    );
    healthDueAtMs = unwatched ? nowMs() + options.healthIntervalMs : Infinity;
  };

  const readHealth = async (object: TrackedObject, signal: AbortSignal): Promise<void> => {
    object.stale = false;
    try {
      const read = await cluster.get(object.object.ref, { signal, metadataOnly: !object.object.hasStatus });
      object.health = healthOf(read);
      const mark = read && markOf(read);
      if (mark && isSameContent(object, mark)) object.live = mark;
      else requireCorrection(object, mark ? "changed" : "deleted", observeOptions());
    } catch (error) {
      if (!isKubeError(error) || isUnreachable(error)) throw error;
      object.health = { health: "Unknown", message: error.message };
    }
    options.onProgress();
  };

  const step: Enforcement["step"] = async (signals) => {
    if (!target) return;
    await ledger.load(signals.abort);
    await prepare(signals);
    if (signals.cancelled.aborted || !prepared) return;
    await resolveLate(signals.abort);
    await prepare(signals);
    if (signals.cancelled.aborted || !prepared) return;
    await applier.pass([...tracked.values()], signals);
    await ledger.recordUids(tracked, signals.abort);
    if (signals.cancelled.aborted) return;
    await refreshHealth(signals);
    await pruneIfDue(signals);
  };

  const nextDueAtMs = (): number => {
    if (!target) return Infinity;
    if (!prepared) return 0;
    const applies = [...tracked.values()].map(
      (object) => applyDueAtMs(object) ?? (object.stale ? 0 : Infinity),
    );
    const prune = target.prune && summary().allApplied ? pruneDueAtMs : Infinity;
    return applies.reduce((least, due) => Math.min(least, due), Math.min(prune, healthDueAtMs));
  };

  const summary = (): Summary =>
    prepared ? summarize({ objects: [...tracked.values()], faults, nowMs: nowMs() }) : blank;

  return {
    retarget(revision) {
      target = revision;
      prepared = false;
      faults = [];
    },
    step,
    nextDueAtMs,
    summary,
    get objects() {
      return prepared ? [...tracked.values()] : [];
    },
    get faults() {
      return faults;
    },
    get pruned() {
      return pruned;
    },
    watchModes: () => drift.modes(),
    stop: () => drift.stop(),
  };
}

const kindIdOf = ({ object }: TrackedObject): string => `${object.ref.apiVersion}/${object.ref.kind}`;

const isOfKind = ({ object }: TrackedObject, { apiVersion, kind }: KindId): boolean =>
  object.ref.apiVersion === apiVersion && object.ref.kind === kind;

function kindsOf(objects: Iterable<TrackedObject>): WatchedKind[] {
  const kinds = new Map<string, KindId & { namespaces: Set<string> }>();
  for (const object of objects) {
    const { apiVersion, kind, namespace } = object.object.ref;
    const known = kinds.get(kindIdOf(object)) ?? { apiVersion, kind, namespaces: new Set() };
    if (namespace !== undefined) known.namespaces.add(namespace);
    kinds.set(kindIdOf(object), known);
  }
  return [...kinds.values()].map((known) => ({ ...known, namespaces: [...known.namespaces] }));
}
