import type { ObjectHealth, ObjectStatus, RevisionState } from "@rciots/protocol";
import { describeRef } from "../kube/cluster.ts";
import type { DocumentFault } from "./manifest.ts";
import type { PruneResult } from "./pruner.ts";
import type { ReconcileState } from "./revision-store.ts";
import { type TrackedObject, troubleOf } from "./tracked-object.ts";

/** All objects of the revision that is enforced, summed up. */
export interface Summary {
  readonly counts: Partial<Record<ObjectHealth, number>>;
  /** Every object was tried at least once and none waits for its first attempt. */
  readonly tried: boolean;
  /** Everything is applied and current. */
  readonly healthy: boolean;
  /** Everything is applied; health is another matter. */
  readonly allApplied: boolean;
  /** Refused for good: the same object again and again, and nothing else is under way that could help it. */
  readonly hopeless: boolean;
  /** The first trouble in words, and how many more there are. */
  readonly trouble: string | undefined;
}

export interface SummaryOptions {
  readonly objects: readonly TrackedObject[];
  readonly faults: readonly DocumentFault[];
  readonly nowMs: number;
}

/** A refusal is taken as final after this many attempts over this time: schemas and policies take a moment. */
const hopelessAttempts = 3;
const hopelessAfterMs = 3_000;

export function summarize({ objects, faults, nowMs }: SummaryOptions): Summary {
  const counts: Partial<Record<ObjectHealth, number>> = {};
  const add = (health: ObjectHealth): number => (counts[health] = (counts[health] ?? 0) + 1);
  for (const tracked of objects) add(reportedHealth(tracked));
  for (const _fault of faults) add("Failed");
  const troubled = objects.filter((tracked) => troubleOf(tracked) !== undefined).sort(bySeverity);
  const refused = objects.filter(({ fault }) => fault);
  const tried = objects.every(({ applied }) => applied !== undefined);
  const allApplied =
    tried && refused.length === 0 && faults.length === 0 && objects.every(({ dirty }) => !dirty);
  return {
    counts,
    tried,
    allApplied,
    healthy: allApplied && troubled.length === 0,
    hopeless: tried && (faults.length > 0 || refused.some((tracked) => isHopeless(tracked, nowMs))),
    trouble: troubleText(troubled, faults),
  };
}

function isHopeless({ fault }: TrackedObject, nowMs: number): boolean {
  if (!fault?.permanent) return false;
  return fault.attempts >= hopelessAttempts && nowMs - fault.firstAtMs >= hopelessAfterMs;
}

function troubleText(
  troubled: readonly TrackedObject[],
  faults: readonly DocumentFault[],
): string | undefined {
  const [fault] = faults;
  const [worst] = troubled;
  const first = fault
    ? `${describeRef(fault.ref)}: ${fault.message}`
    : worst && `${describeRef(worst.object.ref)}: ${troubleOf(worst) ?? ""}`;
  if (first === undefined) return undefined;
  const more = troubled.length + faults.length - 1;
  return more > 0 ? `${first} (and ${more} more)` : first;
}

const severity: readonly ObjectHealth[] = [
  "Failed",
  "NotFound",
  "Terminating",
  "InProgress",
  "Unknown",
  "Current",
];

function reportedHealth({ fault, live, health }: TrackedObject): ObjectHealth {
  return fault && !live ? "Failed" : health.health;
}

/** Refused objects first, then by health, then in the order of application. */
function bySeverity(a: TrackedObject, b: TrackedObject): number {
  const rankOf = (tracked: TrackedObject) => (tracked.fault ? -1 : severity.indexOf(tracked.health.health));
  return rankOf(a) - rankOf(b);
}

export interface StateOfOptions {
  readonly state: ReconcileState;
  readonly summary: Summary;
}

/** The state and message to report for the newest revision. */
export function reportedState({ state, summary }: StateOfOptions): {
  state: RevisionState;
  message?: string;
} {
  const { phase, reason } = state;
  const { trouble, healthy } = summary;
  const withMessage = (name: RevisionState, message: string | undefined) =>
    message === undefined ? { state: name } : { state: name, message: message.slice(0, 2_048) };
  switch (phase) {
    case "pending":
      return summary.tried ? withMessage("progressing", trouble) : withMessage("applying", trouble);
    case "good":
      return healthy ? { state: "healthy" } : withMessage("degraded", trouble);
    case "failed":
      return withMessage("failed", reason ?? trouble);
    case "rolled_back": {
      const running = state.good[0]?.revision;
      const after = `revision ${running ?? "none"} runs again${healthy ? "" : `, but not all is well: ${trouble ?? "it is being applied"}`}`;
      return withMessage("rolled_back", `${reason ?? "rolled back"}; ${after}`);
    }
  }
}

export interface StatusesOptions extends Omit<SummaryOptions, "nowMs"> {
  readonly pruned: ReadonlyMap<string, PruneResult>;
}

/** Every object in the form the platform takes, worst first. */
export function objectStatuses({ objects, faults, pruned }: StatusesOptions): ObjectStatus[] {
  return [
    ...faults.map(({ ref, message }): ObjectStatus => ({
      ...identity(ref),
      health: "Failed",
      applied: "failed",
      message,
    })),
    ...[...objects].sort(bySeverity).map(statusOf),
    ...[...pruned.values()].flatMap(prunedStatus),
  ];
}

function statusOf(tracked: TrackedObject): ObjectStatus {
  const message = troubleOf(tracked)?.slice(0, 2_048);
  return {
    ...identity(tracked.object.ref),
    health: reportedHealth(tracked),
    applied: tracked.fault ? "failed" : (tracked.applied ?? "unchanged"),
    ...(message === undefined ? {} : { message }),
  };
}

const prunedHealth = {
  gone: "NotFound",
  deleting: "Terminating",
  kept: "Current",
  failed: "Unknown",
} as const;

function prunedStatus({ ref, outcome, message }: PruneResult): ObjectStatus[] {
  if (outcome === "released") return [];
  const applied = outcome === "failed" ? "failed" : outcome === "kept" ? "unchanged" : "pruned";
  const text = message?.slice(0, 2_048);
  return [
    {
      ...identity(ref),
      health: prunedHealth[outcome],
      applied,
      ...(text === undefined ? {} : { message: text }),
    },
  ];
}

function identity({ apiVersion, kind, namespace, name }: DocumentFault["ref"]) {
  return namespace === undefined ? { apiVersion, kind, name } : { apiVersion, kind, namespace, name };
}
