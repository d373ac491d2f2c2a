import { type Logger, sleep } from "@rciots/runtime";
import { type Cluster, describeRef } from "../kube/cluster.ts";
import { isKubeError, isUnreachable } from "../kube/kube-error.ts";
import { crdRank, isCrd } from "./apply-order.ts";
import { forEachBounded } from "./bounded.ts";
import { healthOf } from "./health.ts";
import { fieldManager } from "./manifest.ts";
import {
  applyDueAtMs,
  beginApply,
  recordApplied,
  recordFault,
  type TrackedObject,
} from "./tracked-object.ts";

export interface ApplierOptions {
  readonly cluster: Cluster;
  readonly concurrency: number;
  /** How long one pass waits for new CRDs before it goes on with the rest. */
  readonly crdTimeoutMs: number;
  readonly maxRetryPauseMs: number;
  readonly nowMs: () => number;
  readonly logger: Logger;
  /** Something was applied or failed. */
  readonly onProgress: () => void;
}

export interface ApplySignals {
  /** No further object is begun once it aborts. */
  readonly cancelled: AbortSignal;
  /** Requests in flight are cut off. */
  readonly abort: AbortSignal;
}

export interface Applier {
  /**
   * Applies what is due, rank by rank. A refusal is recorded on its object and the rest goes on; rejects only
   * when the API server can't be reached at all.
   */
  pass(objects: readonly TrackedObject[], signals: ApplySignals): Promise<void>;
}

export function createApplier(options: ApplierOptions): Applier {
  const { cluster, concurrency, nowMs, logger, onProgress } = options;

  const applyOne = async (tracked: TrackedObject, abort: AbortSignal): Promise<void> => {
    const { object } = tracked;
    const versionBefore = beginApply(tracked);
    try {
      const applied = await cluster.apply(object, {
        fieldManager,
        force: true,
        metadataOnly: !object.hasStatus,
        signal: abort,
      });
      recordApplied(tracked, applied, versionBefore);
    } catch (error) {
      if (!isKubeError(error) || isUnreachable(error)) throw error;
      recordFault(tracked, error, { nowMs: nowMs(), maxPauseMs: options.maxRetryPauseMs });
      logger.warn(
        { object: describeRef(object.ref), status: error.status, error: error.message },
        "apply refused",
      );
    }
    onProgress();
  };

  /** A kind is usable once its CRD is established and the API server's discovery lists it. */
  const waitForCrds = async (
    crds: readonly TrackedObject[],
    { cancelled, abort }: ApplySignals,
  ): Promise<void> => {
    const deadlineMs = nowMs() + options.crdTimeoutMs;
    let waiting = crds.filter(({ fault }) => !fault);
    while (waiting.length > 0 && !cancelled.aborted && nowMs() < deadlineMs) {
      const still: TrackedObject[] = [];
      await forEachBounded(waiting, concurrency, cancelled, async (tracked) => {
        if (!(await isServed(tracked, abort))) still.push(tracked);
      });
      if (still.length > 0) await sleep(100, cancelled);
      waiting = still;
    }
    onProgress();
  };

  const isServed = async (tracked: TrackedObject, signal: AbortSignal): Promise<boolean> => {
    const crd = await cluster.get(tracked.object.ref, { signal });
    tracked.health = healthOf(crd);
    if (!crd || tracked.health.health !== "Current") return false;
    const { group, names, versions } = crd["spec"] as {
      group: string;
      names: { kind: string };
      versions: { name: string; served: boolean }[];
    };
    for (const { name } of versions.filter(({ served }) => served)) {
      if (!(await cluster.resource(`${group}/${name}`, names.kind, { signal, refresh: true }))) return false;
    }
    return true;
  };

  const pass: Applier["pass"] = async (objects, signals) => {
    const due = objects.filter((tracked) => (applyDueAtMs(tracked) ?? Infinity) <= nowMs());
    for (const wave of byRank(due)) {
      if (signals.cancelled.aborted) return;
      await forEachBounded(wave, concurrency, signals.cancelled, (tracked) =>
        applyOne(tracked, signals.abort),
      );
      if (wave[0]?.object.rank === crdRank)
        await waitForCrds(
          wave.filter(({ object }) => isCrd(object.ref)),
          signals,
        );
    }
  };

  return { pass };
}

function byRank(objects: readonly TrackedObject[]): TrackedObject[][] {
  const waves = new Map<number, TrackedObject[]>();
  for (const tracked of objects) {
    const wave = waves.get(tracked.object.rank);
    if (wave) wave.push(tracked);
    else waves.set(tracked.object.rank, [tracked]);
  }
  return [...waves.entries()].sort(([a], [b]) => a - b).map(([, wave]) => wave);
}
