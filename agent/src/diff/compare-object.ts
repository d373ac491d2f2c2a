import { isDeepStrictEqual } from "node:util";
import type { DiffItem } from "@rciots/protocol";
import type { Cluster, KubeObject, ObjectRef } from "../kube/cluster.ts";
import { isKubeError, isUnreachable } from "../kube/kube-error.ts";
import type { InventoryEntry } from "../reconcile/inventory.ts";
import { type DocumentFault, fieldManager, type PreparedObject } from "../reconcile/manifest.ts";
import { pruneVerdict } from "../reconcile/pruner.ts";
import { contentOf, fitObject, type Marker, maskSecret } from "./visible-object.ts";

/** One thing to compare, in the order in which things are listed. */
export type Subject =
  | { readonly kind: "object"; readonly object: PreparedObject }
  | { readonly kind: "fault"; readonly fault: DocumentFault }
  /** Applied by an earlier revision, and no part of this one. */
  | { readonly kind: "extra"; readonly entry: InventoryEntry };

export interface CompareOptions {
  readonly cluster: Pick<Cluster, "get" | "apply">;
  readonly applySetId: string;
  readonly marker: Marker;
  readonly signal: AbortSignal;
}

/** What an apply, or the pruning after it, would do now. Rejects where the API server can't be reached. */
export function compare(subject: Subject, options: CompareOptions): Promise<DiffItem> | DiffItem {
  switch (subject.kind) {
    case "object":
      return compareObject(subject.object, options);
    case "fault":
      return { ...nameOf(subject.fault.ref), change: "unknown", message: subject.fault.message };
    case "extra":
      return compareExtra(subject.entry, options);
  }
}

export function subjectRef(subject: Subject): ObjectRef {
  if (subject.kind === "object") return subject.object.ref;
  return subject.kind === "fault" ? subject.fault.ref : subject.entry.ref;
}

export function nameOf({ apiVersion, kind, namespace, name }: ObjectRef) {
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

async function compareObject(object: PreparedObject, options: CompareOptions): Promise<DiffItem> {
  const { cluster, signal } = options;
  const live = await cluster.get(object.ref, { signal });
  try {
    const applied = await cluster.apply(object, { fieldManager, force: true, dryRun: true, signal });
    return itemOf(object.ref, live, applied, options);
  } catch (error) {
    if (!isKubeError(error) || isUnreachable(error)) throw error;
    // Its namespace or its kind comes with the same revision, which a dry run does not make.
    const isAhead = error.status === 404 && live === undefined;
    if (!isAhead)
      return { ...itemOf(object.ref, live, live, options), change: "unknown", message: error.message };
    const wanted = JSON.parse(Buffer.from(object.json).toString("utf8")) as KubeObject;
    return { ...itemOf(object.ref, undefined, wanted, options), message: error.message };
  }
}

function itemOf(
  ref: ObjectRef,
  live: KubeObject | undefined,
  applied: KubeObject | undefined,
  options: CompareOptions,
): DiffItem {
  const [before, after] = [live && contentOf(live), applied && contentOf(applied)];
  if (isDeepStrictEqual(before, after)) return { ...nameOf(ref), change: "none" };
  return {
    ...nameOf(ref),
    change: before === undefined ? "create" : "update",
    ...sidesOf(before, after, options.marker),
  };
}

/** Both are there or, where one is too large, neither: half of a comparison would be taken for the whole. */
function sidesOf(
  before: KubeObject | undefined,
  after: KubeObject | undefined,
  marker: Marker,
): Pick<DiffItem, "before" | "after" | "shortened"> {
  const fitted = [before, after].map((side) => side && fitObject(maskSecret(side, marker), marker));
  const [first, second] = fitted;
  if ((before !== undefined && first === undefined) || (after !== undefined && second === undefined))
    return { shortened: true };
  return {
    ...(first === undefined ? {} : { before: first.object }),
    ...(second === undefined ? {} : { after: second.object }),
    ...(fitted.some((side) => side?.shortened === true) ? { shortened: true } : {}),
  };
}

/** Only its name and labels are shown: what else it holds may be a secret of a revision that is over. */
async function compareExtra(entry: InventoryEntry, options: CompareOptions): Promise<DiffItem> {
  const name = nameOf(entry.ref);
  const live = await options.cluster.get(entry.ref, { signal: options.signal, metadataOnly: true });
  if (live === undefined) return { ...name, change: "none" };
  const kept = pruneVerdict(entry, live, options.applySetId);
  if (kept !== undefined) return { ...name, change: "none", message: kept.message };
  const { namespace, labels } = live.metadata;
  const metadata = {
    name: entry.ref.name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
  };
  const { apiVersion, kind } = entry.ref;
  return { ...name, change: "delete", before: { apiVersion, kind, metadata } };
}
