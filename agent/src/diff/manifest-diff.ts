import { randomBytes } from "node:crypto";
import { limits, type DiffItem, type PlatformRequest, type PlatformResponse } from "@rciots/protocol";
import { AppError, sleep } from "@rciots/runtime";
import type { Cluster, KubeObject } from "../kube/cluster.ts";
import { type ApplySet, partOfLabel } from "../reconcile/apply-set.ts";
import { forEachBounded } from "../reconcile/bounded.ts";
import { type DocumentFault, prepareRevision, type PreparedObject } from "../reconcile/manifest.ts";
import type { RevisionRecord } from "../reconcile/revision.ts";
import { compare, nameOf, type Subject, subjectRef } from "./compare-object.ts";
import { createMarker, sizeOf } from "./visible-object.ts";

export type DiffRequest = PlatformRequest<"manifests:diff">;
export type DiffPage = PlatformResponse<"manifests:diff">;

/** What the reconciler lends out; it only looks. */
export interface DiffSources {
  readonly cluster: Cluster;
  readonly applySet: Pick<ApplySet, "id" | "parent" | "inventory">;
  readonly defaultNamespace: string;
  /** The newest revision first, then those that may be gone back to. */
  records(): readonly RevisionRecord[];
  documentsOf(digest: string): Promise<readonly KubeObject[] | undefined>;
  /** Of the revision that is enforced, where they are at hand. */
  prepared(
    digest: string,
  ): { objects: readonly PreparedObject[]; faults: readonly DocumentFault[] } | undefined;
  /** A step of the reconciler is under way. */
  isBusy(): boolean;
  /** The agent stops. */
  readonly stopping: AbortSignal;
}

/** Far below what the transport allows, so that a reconcile never waits for a connection. */
const concurrency = 4;
/** Compared between two looks at size, time and the reconciler. */
const windowObjects = 16;
const yieldMs = 20;

const busy = (message: string): AppError => new AppError({ code: "busy", status: 503, message });

const digestUnknown = (): AppError =>
  new AppError({ code: "digest_unknown", status: 409, message: "The device does not have that content." });

/**
 * Compares a revision with what is live, a page at a time and one page at once. It stands back for the reconciler
 * before each few objects; each page is made anew, so that nothing is kept between them.
 */
export function createManifestDiff(sources: DiffSources): (request: DiffRequest) => Promise<DiffPage> {
  const { cluster, applySet, stopping } = sources;
  let isRunning = false;

  function recordOf(digest: string | undefined): RevisionRecord {
    const records = sources.records();
    const record = digest === undefined ? records[0] : records.find((known) => known.digest === digest);
    if (record !== undefined) return record;
    throw digestUnknown();
  }

  async function prepare(record: RevisionRecord, signal: AbortSignal) {
    const atHand = sources.prepared(record.digest);
    if (atHand !== undefined) return atHand;
    const documents = await sources.documentsOf(record.digest);
    if (documents === undefined) throw digestUnknown();
    return prepareRevision({
      cluster,
      documents,
      labels: { [partOfLabel]: applySet.id },
      defaultNamespace: sources.defaultNamespace,
      reserved: [applySet.parent],
      signal,
    });
  }

  async function subjectsOf(record: RevisionRecord, signal: AbortSignal): Promise<Subject[]> {
    const { objects, faults } = await prepare(record, signal);
    const keys = new Set(objects.map(({ key }) => key));
    const extras = record.prune ? [...applySet.inventory].filter(([key]) => !keys.has(key)) : [];
    return [
      ...objects.map((object) => ({ kind: "object", object }) as const),
      ...faults.map((fault) => ({ kind: "fault", fault }) as const),
      ...extras.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => ({ kind: "extra", entry }) as const),
    ];
  }

  async function standBack(signal: AbortSignal): Promise<void> {
    while (sources.isBusy() && !signal.aborted) await sleep(yieldMs, signal);
  }

  /** Items of subjects in order; stops at the first that was not done when time was over. */
  async function compareWindow(window: readonly Subject[], options: WindowOptions): Promise<DiffItem[]> {
    const items = new Map<Subject, DiffItem>();
    await forEachBounded(window, concurrency, options.signal, async (subject) => {
      items.set(subject, await compare(subject, { cluster, applySetId: applySet.id, ...options }));
    }).catch((error: unknown) => {
      if (!options.signal.aborted || stopping.aborted) throw error;
    });
    const firstOpen = window.findIndex((subject) => !items.has(subject));
    return window
      .slice(0, firstOpen === -1 ? undefined : firstOpen)
      .flatMap((subject) => items.get(subject) ?? []);
  }

  async function pageOf(request: DiffRequest, signal: AbortSignal): Promise<DiffPage> {
    const record = recordOf(request.digest);
    await standBack(signal);
    if (signal.aborted) throw busy("The device is applying a revision; compare when it is done.");
    const subjects = await subjectsOf(record, signal);
    const page = createPage(request);
    const options = { signal, marker: createMarker(randomBytes(32)) };
    while (page.position < subjects.length && !page.isFull && !signal.aborted) {
      const window = subjects.slice(page.position, page.position + windowObjects);
      const items = await compareWindow(window, options);
      const slow = window[0];
      // One that takes longer than a whole page would hold all after it up for good.
      if (items.length === 0 && page.position === request.position && slow !== undefined)
        page.add(overdue(slow));
      for (const item of items) page.add(item);
      if (items.length < window.length) break;
      await standBack(signal);
    }
    const next = page.position < subjects.length ? page.position : null;
    const { revision, digest } = record;
    return { revision, digest, total: subjects.length, next, items: page.items };
  }

  return async (request) => {
    if (isRunning) throw busy("Another comparison is under way; wait for it.");
    isRunning = true;
    try {
      return await pageOf(request, AbortSignal.any([stopping, AbortSignal.timeout(request.budgetMs)]));
    } finally {
      isRunning = false;
    }
  };
}

interface WindowOptions {
  readonly signal: AbortSignal;
  readonly marker: ReturnType<typeof createMarker>;
}

function overdue(subject: Subject): DiffItem {
  const message = "the API server did not answer in time";
  return { ...nameOf(subjectRef(subject)), change: "unknown", message };
}

/** Takes items until one would make it too large; what comes after that one is for the next page. */
function createPage({ position: from, changedOnly }: DiffRequest) {
  const items: DiffItem[] = [];
  let bytes = 0;
  let position = from;
  let isFull = false;
  return {
    items,
    get position() {
      return position;
    },
    get isFull() {
      return isFull;
    },
    add(item: DiffItem) {
      if (isFull) return;
      if (changedOnly && item.change === "none") return void (position += 1);
      const sizeBytes = sizeOf(item);
      const fits = items.length < limits.diffObjects && bytes + sizeBytes <= limits.diffPageBytes;
      if (!fits) return void (isFull = true);
      items.push(item);
      bytes += sizeBytes;
      position += 1;
    },
  };
}
