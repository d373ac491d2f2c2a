import type { ObjectHealth, ObjectStatus, RevisionState } from "@rciots/protocol";
import type { KubeObject } from "../kube/cluster.ts";

/** What the device should run: rendered objects with every variable already in place. */
export interface DesiredRevision {
  /** Grows with each change; the same revision set again changes nothing. */
  readonly revision: number;
  /** SHA-256 (hex) of the text the objects were read from. */
  readonly digest: string;
  readonly documents: readonly KubeObject[];
  /** Not healthy after trying for this long: roll back to the last good revision. */
  readonly deadlineMs: number;
  /** Delete what earlier revisions applied and this one does not hold. Default: true. */
  readonly prune?: boolean;
}

/** SHA-256 of no text: the content of a device to which nothing is assigned. */
export const emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** A revision without its objects; those are in the state store under the digest. */
export interface RevisionRecord {
  readonly revision: number;
  readonly digest: string;
  readonly deadlineMs: number;
  readonly prune: boolean;
}

/** What the platform is told. `objects` holds all, worst first. Times are ISO 8601. */
export interface RevisionReport {
  readonly revision: number;
  /** Absent where nothing is assigned. */
  readonly digest?: string;
  readonly state: RevisionState;
  readonly message?: string;
  readonly counts: Partial<Record<ObjectHealth, number>>;
  /** Which revision now runs, where the reported one was rolled back. */
  readonly runningRevision?: number;
  readonly objects: readonly ObjectStatus[];
  readonly startedAt?: string;
  readonly finishedAt?: string;
}

export type { ObjectHealth, ObjectStatus, RevisionState };
