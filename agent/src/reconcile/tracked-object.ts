import { createHash } from "node:crypto";
import type { KubeObject } from "../kube/cluster.ts";
import { isPermanent, KubeError } from "../kube/kube-error.ts";
import { type Health, healthOf } from "./health.ts";
import { fieldManager, type PreparedObject } from "./manifest.ts";

/** What is remembered of a live object, enough to tell a change of ours from a change of somebody else's. */
export interface LiveMark {
  readonly uid: string;
  readonly resourceVersion: string;
  /** Hash of the fields the API server holds as ours; any foreign change of one of them changes it. */
  readonly ownedHash: string;
}

export interface ApplyFault {
  /** The API server's own words. */
  readonly message: string;
  /** Sending the same again will hardly help. */
  readonly permanent: boolean;
  readonly attempts: number;
  /** Clock readings in ms. */
  readonly firstAtMs: number;
  readonly nextAttemptAtMs: number;
}

/** One object of the revision that is enforced, and where it stands. */
export interface TrackedObject {
  readonly object: PreparedObject;
  /** It must be applied. */
  dirty: boolean;
  /** Its health must be read again. */
  stale: boolean;
  applied: "applied" | "unchanged" | "failed" | undefined;
  fault: ApplyFault | undefined;
  live: LiveMark | undefined;
  /** Last seen by a list or watch while it was waiting to be applied or being applied. */
  seen: LiveMark | "deleted" | undefined;
  health: Health;
  corrections: { readonly count: number; readonly lastAtMs: number } | undefined;
  /** Corrections that came too often wait until then. */
  notBeforeMs: number;
}

const unknownHealth: Health = { health: "Unknown", message: "it was not applied yet" };

export function createTrackedObject(object: PreparedObject): TrackedObject {
  return {
    object,
    dirty: true,
    stale: false,
    applied: undefined,
    fault: undefined,
    live: undefined,
    seen: undefined,
    health: unknownHealth,
    corrections: undefined,
    notBeforeMs: 0,
  };
}

/** The same object in a newer revision: what is known of it stays known; equal content need not be sent again. */
export function carryOver(object: PreparedObject, previous: TrackedObject | undefined): TrackedObject {
  const fresh = createTrackedObject(object);
  if (!previous) return fresh;
  const { live, seen, health } = previous;
  const same =
    previous.live !== undefined && !previous.dirty && Buffer.compare(previous.object.json, object.json) === 0;
  return same
    ? { ...fresh, dirty: false, applied: "unchanged", live, seen, health, stale: previous.stale }
    : { ...fresh, live, seen, health };
}

/** Hash of our entry among the managed fields; "" when we own nothing. */
export function ownedHashOf({ metadata }: KubeObject): string {
  const owned = metadata.managedFields?.find(
    ({ manager, operation, subresource }) =>
      manager === fieldManager && operation === "Apply" && !subresource,
  );
  return owned ? createHash("sha256").update(JSON.stringify(owned.fieldsV1)).digest("base64url") : "";
}

export function markOf(object: KubeObject): LiveMark {
  const { uid = "", resourceVersion = "" } = object.metadata;
  return { uid, resourceVersion, ownedHash: ownedHashOf(object) };
}

/** The version that is about to be replaced; what is seen from now on may be newer than the answer. */
export function beginApply(tracked: TrackedObject): string | undefined {
  const known = tracked.live ?? tracked.seen;
  tracked.seen = undefined;
  return known === "deleted" ? undefined : known?.resourceVersion;
}

export function recordApplied(
  tracked: TrackedObject,
  object: KubeObject,
  versionBefore: string | undefined,
): void {
  const mark = markOf(object);
  const { seen } = tracked;
  tracked.applied = versionBefore === mark.resourceVersion ? "unchanged" : "applied";
  tracked.live = mark;
  tracked.fault = undefined;
  tracked.health = healthOf(object);
  // An event can overtake the answer to our own request. One that is not ours needs another look; an older
  // one only costs a request that changes nothing.
  const overtaken =
    seen !== undefined && (seen === "deleted" || seen.resourceVersion !== mark.resourceVersion);
  tracked.dirty =
    overtaken && (seen === "deleted" || seen.ownedHash !== mark.ownedHash) && !isOlder(seen, mark);
  tracked.stale = overtaken && !tracked.dirty && tracked.object.hasStatus;
  tracked.seen = undefined;
}

/** Versions are compared as numbers where both are numbers, as the API server's are. */
function isOlder(seen: LiveMark | "deleted", mark: LiveMark): boolean {
  if (seen === "deleted" || !/^\d+$/.test(seen.resourceVersion) || !/^\d+$/.test(mark.resourceVersion))
    return false;
  return BigInt(seen.resourceVersion) < BigInt(mark.resourceVersion);
}

export interface FaultOptions {
  readonly nowMs: number;
  /** Longest pause between two attempts. */
  readonly maxPauseMs: number;
}

export function recordFault(
  tracked: TrackedObject,
  error: unknown,
  { nowMs, maxPauseMs }: FaultOptions,
): void {
  const attempts = (tracked.fault?.attempts ?? 0) + 1;
  const pauseMs = Math.min(maxPauseMs, 500 * 2 ** Math.min(attempts - 1, 10));
  tracked.applied = "failed";
  tracked.fault = {
    message: error instanceof KubeError ? error.message : String(error),
    permanent: isPermanent(error),
    attempts,
    firstAtMs: tracked.fault?.firstAtMs ?? nowMs,
    nextAttemptAtMs: nowMs + pauseMs,
  };
}

/** When it may be applied next; undefined when there is no need to. */
export function applyDueAtMs(tracked: TrackedObject): number | undefined {
  if (!tracked.dirty) return undefined;
  return Math.max(tracked.fault?.nextAttemptAtMs ?? 0, tracked.notBeforeMs);
}

/** Why an object is not as it should be, for a message; undefined when it is. */
export function troubleOf(tracked: TrackedObject): string | undefined {
  if (tracked.fault) return tracked.fault.message;
  if (tracked.health.health === "Current") return undefined;
  return tracked.health.message ?? tracked.health.health;
}
