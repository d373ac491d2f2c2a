import type { Logger } from "@rciots/runtime";
import { describeRef } from "../kube/cluster.ts";
import type { Observation } from "./drift-watch.ts";
import type { LiveMark, TrackedObject } from "./tracked-object.ts";

export interface ObserveOptions {
  readonly nowMs: number;
  readonly driftIntervalMs: number;
  readonly logger: Logger;
}

const firstRepeatMs = 500;

/**
 * Takes in what a list or watch saw of an object; undefined: it is gone or lost its label. True when there is
 * something to do: apply it again because a field of ours changed, or read its health because its status did.
 */
export function observeObject(
  tracked: TrackedObject,
  observation: Observation | undefined,
  options: ObserveOptions,
): boolean {
  const { live } = tracked;
  if (tracked.dirty) {
    // Before its first apply this is how its present version becomes known; during one, the answer decides.
    tracked.seen = observation ?? "deleted";
    return false;
  }
  if (!live || observation?.resourceVersion === live.resourceVersion) return false;
  if (!observation || !isSameContent(tracked, observation)) {
    requireCorrection(tracked, observation ? "changed" : "deleted", options);
    return true;
  }
  if (tracked.object.hasStatus || observation.deleting) {
    tracked.stale = true;
    return true;
  }
  tracked.live = { ...live, resourceVersion: observation.resourceVersion };
  return false;
}

/** Whether it is the object that was applied, with every field that is ours as it was applied. */
export function isSameContent({ live }: TrackedObject, mark: LiveMark): boolean {
  return live !== undefined && live.uid === mark.uid && live.ownedHash === mark.ownedHash;
}

/** Two managers that undo each other's work must not do so in a tight loop: each repetition waits longer. */
export function requireCorrection(
  tracked: TrackedObject,
  what: "changed" | "deleted",
  options: ObserveOptions,
): void {
  const { nowMs, driftIntervalMs, logger } = options;
  const { corrections } = tracked;
  const repeated = corrections !== undefined && nowMs - corrections.lastAtMs < 2 * driftIntervalMs;
  const count = repeated ? corrections.count + 1 : 1;
  const pauseMs = count === 1 ? 0 : Math.min(driftIntervalMs, firstRepeatMs * 2 ** Math.min(count - 2, 10));
  tracked.corrections = { count, lastAtMs: nowMs };
  tracked.notBeforeMs = nowMs + pauseMs;
  tracked.dirty = true;
  logger.info(
    { object: describeRef(tracked.object.ref), count },
    `${what} by somebody else; applying it again`,
  );
}
