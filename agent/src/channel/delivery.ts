import type { DesiredState } from "@rciots/protocol";
import { createBackoff, errorMessage, isAppError, sleep, type Logger } from "@rciots/runtime";
import type { KubeObject } from "../kube/cluster.ts";
import type { StateStore } from "../reconcile/state-store.ts";
import { decodeBundle, type OfferedBundle } from "./bundle-decode.ts";
import { resumeDownload, type BundleDownload } from "./bundle-download.ts";
import type { Caller, FullReport } from "./report-outbox.ts";

/** Who runs what was delivered. */
export interface DesiredSink {
  /** The newest that it took over, also in an earlier process; undefined where there is none. */
  current(): { revision: number; digest?: string | undefined } | undefined;
  setDesired(desired: {
    revision: number;
    digest: string;
    deadlineMs: number;
    documents: readonly KubeObject[];
  }): Promise<void>;
  /** Nothing is assigned: prune what was applied. */
  setNothing(revision: number): Promise<void>;
}

export interface DeliveryOptions {
  /** Undefined while the device has no cluster. */
  sink: () => DesiredSink | undefined;
  /** Keeps what was received of a large bundle. */
  store: StateStore;
  report: (report: FullReport) => void;
  logger: Logger;
}

export interface Delivery {
  /** What the platform says the device should run. The newest offer wins and ends the work on an older one. */
  offer(desired: DesiredState): void;
  /** Begins to fetch over this session; the offer comes with it. */
  attach(session: Caller): void;
  detach(): void;
  /** Takes up again what the sink lost, or could not take before it had a cluster. */
  recheck(): void;
}

const noClusterMessage =
  "This device has no cluster to run manifests on. Give the agent a kubeconfig (--kubeconfig), or run it inside a cluster.";
/** Bytes of a bundle that is worth a report of its own while it arrives. */
const longDownloadBytes = 1_048_576;
const decodeAttempts = 2;

/** Brings each desired state to the sink once, whatever is cut off in between. */
export function createDelivery({ sink, store, report, logger }: DeliveryOptions): Delivery {
  let caller: Caller | undefined;
  let work: AbortController | undefined;
  let download: BundleDownload | undefined;
  /** Whose failure was reported: the same offer would fail again. */
  let failed: string | undefined;
  let offered: DesiredState | undefined;

  function offer(desired: DesiredState): void {
    offered = desired;
    work?.abort();
    work = undefined;
    const session = caller;
    if (session === undefined || isTaken(desired)) return;
    const mine = new AbortController();
    work = mine;
    void deliver(desired, session, mine.signal).finally(() => {
      if (work === mine) work = undefined;
    });
  }

  function isTaken(desired: DesiredState): boolean {
    const current = sink()?.current();
    if (current?.revision !== desired.revision) return false;
    return desired.kind === "none" ? current.digest === undefined : current.digest === desired.digest;
  }

  async function deliver(desired: DesiredState, session: Caller, signal: AbortSignal): Promise<void> {
    const backoff = createBackoff({ minMs: 1_000, maxMs: 30_000 });
    while (!signal.aborted) {
      try {
        if (desired.kind === "none") return await sink()?.setNothing(desired.revision);
        return await deliverBundle(desired, session, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (codeOf(error) === "bundle_gone") return void (await askAgain(session, signal));
        if (isFinal(error)) return fail(desired, errorMessage(error));
        const pauseMs = retryAfterOf(error) ?? Math.max(backoff.next(), 100);
        const fields = { revision: desired.revision, error: errorMessage(error), retryInMs: pauseMs };
        logger.warn(fields, "a revision could not be fetched yet");
        await sleep(pauseMs, signal);
      }
    }
  }

  async function deliverBundle(offered: OfferedBundle, session: Caller, signal: AbortSignal): Promise<void> {
    const target = sink();
    if (target === undefined) return fail(offered, noClusterMessage);
    if (failed === JSON.stringify(offered)) return;
    if (offered.encodedBytes >= longDownloadBytes) report(progress(offered, "downloading"));
    const documents = await fetchDocuments(offered, session, signal);
    signal.throwIfAborted();
    const { revision, digest, deadlineMs } = offered;
    await target.setDesired({ revision, digest, deadlineMs, documents });
    failed = undefined;
    download = undefined;
    logger.info({ revision, objects: documents.length }, "took a revision over");
  }

  async function fetchDocuments(
    offered: OfferedBundle,
    session: Caller,
    signal: AbortSignal,
  ): Promise<KubeObject[]> {
    for (let attempt = 1; ; attempt += 1) {
      if (download?.encodedDigest !== offered.encodedDigest) download = await resumeDownload(offered, store);
      const current = download;
      const encoded = await current.run(session, signal);
      try {
        return await decodeBundle(encoded, offered);
      } catch (error) {
        // A part may have been damaged on the disk: once more from the first byte.
        if (codeOf(error) !== "bundle_corrupt" || attempt === decodeAttempts) throw error;
      } finally {
        await current.discard();
      }
    }
  }

  async function askAgain(session: Caller, signal: AbortSignal): Promise<void> {
    const desired = await session.call("desired:get", {});
    if (!signal.aborted) offer(desired);
  }

  function fail(desired: DesiredState, message: string): void {
    if (desired.kind !== "bundle") return;
    failed = message === noClusterMessage ? undefined : JSON.stringify(desired);
    logger.error({ revision: desired.revision, error: message }, "a revision was not taken over");
    report({ ...progress(desired, "failed"), message, finishedAt: new Date().toISOString() });
  }

  return {
    offer,
    attach(session) {
      caller = session;
    },
    recheck() {
      if (work === undefined && offered !== undefined && sink() !== undefined) offer(offered);
    },
    detach() {
      caller = undefined;
      offered = undefined;
      work?.abort();
      work = undefined;
    },
  };
}

function progress({ revision, digest }: OfferedBundle, state: "downloading" | "failed"): FullReport {
  return { revision, digest, state, counts: {} };
}

const codeOf = (error: unknown): string | undefined => (isAppError(error) ? error.code : undefined);

/** The same bytes would fail in the same way. */
const isFinal = (error: unknown): boolean =>
  ["bundle_corrupt", "bundle_invalid"].includes(codeOf(error) ?? "");

function retryAfterOf(error: unknown): number | undefined {
  const named = isAppError(error) ? error.details?.["retryAfterMs"] : undefined;
  return typeof named === "number" ? named : undefined;
}
