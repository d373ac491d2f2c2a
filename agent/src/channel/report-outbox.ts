import {
  limits,
  type DeviceEvent,
  type DeviceRequest,
  type DeviceResponse,
  type ObjectsReport,
  type ObjectStatus,
  type StatusReport,
} from "@rciots/protocol";
import { createBackoff, errorMessage, isAppError, sleep, type Logger } from "@rciots/runtime";

/** A report as the reconciler makes it: with all its objects, worst first. */
export type FullReport = Omit<StatusReport, "objects"> & { objects?: readonly ObjectStatus[] | undefined };

/** The part of a session that the outbox needs. */
export interface Caller {
  call<Event extends DeviceEvent>(
    event: Event,
    payload: DeviceRequest<Event>,
  ): Promise<DeviceResponse<Event>>;
}

export interface ReportOutbox {
  add(report: FullReport): void;
  /** Begins to send; what was not acknowledged before goes first. */
  attach(session: Caller): void;
  detach(): void;
  /** Reports that wait, the one under way included. */
  readonly waiting: number;
}

const maxWaiting = 32;
/** Leaves room for the rest of the message and for what JSON escapes. */
const maxPageBytes = limits.messageBytes / 2;
const maxPages = 64;
/** The same report again would be refused again. */
const lastingRefusals = ["invalid_payload", "unknown_event", "revision_unknown", "digest_mismatch"];

/**
 * Sends reports in order and keeps each until it is acknowledged. Offline, later reports of one state take
 * the place of earlier ones; the newest is never dropped.
 */
export function createReportOutbox({ logger }: { logger: Logger }): ReportOutbox {
  let queue: FullReport[] = [];
  let sending: AbortController | undefined;
  let inFlight: FullReport | undefined;
  let caller: Caller | undefined;

  async function sendAll(session: Caller, signal: AbortSignal): Promise<void> {
    const backoff = createBackoff({ minMs: 1_000, maxMs: 30_000 });
    for (let next = queue[0]; next !== undefined && !signal.aborted; next = queue[0]) {
      inFlight = next;
      try {
        await send(session, next);
        queue = queue.filter((report) => report !== next);
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        if (isRefusedForGood(error)) {
          logger.error(
            { revision: next.revision, error: errorMessage(error) },
            "the platform took no report",
          );
          queue = queue.filter((report) => report !== next);
        } else {
          logger.warn(
            { revision: next.revision, error: errorMessage(error) },
            "a report did not get through yet",
          );
          await sleep(pauseOf(error) ?? Math.max(backoff.next(), 100), signal);
        }
      } finally {
        inFlight = undefined;
      }
    }
  }

  function pump(): void {
    if (caller === undefined || sending !== undefined) return;
    const mine = new AbortController();
    sending = mine;
    void sendAll(caller, mine.signal).finally(() => {
      if (sending !== mine) return;
      sending = undefined;
      if (queue.length > 0) pump();
    });
  }

  return {
    add(report) {
      const last = queue.at(-1);
      const isUpdate = last !== undefined && last.revision === report.revision && last.state === report.state;
      if (isUpdate && last !== inFlight) queue[queue.length - 1] = report;
      else queue.push(report);
      if (queue.length > maxWaiting) queue = queue.slice(-maxWaiting);
      pump();
    },
    attach(session) {
      this.detach();
      caller = session;
      pump();
    },
    detach() {
      sending?.abort();
      sending = undefined;
      caller = undefined;
    },
    get waiting() {
      return queue.length;
    },
  };
}

async function send(session: Caller, { objects, ...report }: FullReport): Promise<void> {
  const all = (objects ?? []).map(withinBounds);
  if (all.length <= limits.reportObjects && jsonBytes(all) <= maxPageBytes) {
    await session.call("status:report", objects === undefined ? report : { ...report, objects: all });
    return;
  }
  for (const page of objectPages(report.revision, all)) await session.call("objects:report", page);
  await session.call("status:report", report);
}

/** Pages bounded by count and by bytes; what does not fit into the last one allowed, the best off, is left out. */
export function objectPages(revision: number, objects: readonly ObjectStatus[]): ObjectsReport[] {
  const pages: ObjectStatus[][] = [[]];
  let bytes = 0;
  for (const object of objects) {
    const size = jsonBytes(object);
    const page = pages.at(-1) ?? [];
    if (page.length >= limits.pageObjects || (page.length > 0 && bytes + size > maxPageBytes)) {
      if (pages.length === maxPages) break;
      pages.push([]);
      bytes = 0;
    }
    pages.at(-1)?.push(object);
    bytes += size;
  }
  return pages.map((page, index) => ({ revision, page: index, pages: pages.length, objects: page }));
}

/** A manifest may name an object in ways no API server would take; the report of its refusal must still fit. */
function withinBounds(object: ObjectStatus): ObjectStatus {
  const { namespace, message } = object;
  return {
    ...object,
    apiVersion: object.apiVersion.slice(0, 317),
    kind: object.kind.slice(0, 63),
    name: object.name.slice(0, 253),
    ...(namespace === undefined ? {} : { namespace: namespace.slice(0, 63) }),
    ...(message === undefined ? {} : { message: message.slice(0, limits.messageChars) }),
  };
}

const jsonBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

function isRefusedForGood(error: unknown): boolean {
  return isAppError(error) && lastingRefusals.includes(error.code);
}

function pauseOf(error: unknown): number | undefined {
  const named = isAppError(error) ? error.details?.["retryAfterMs"] : undefined;
  return typeof named === "number" ? named : undefined;
}
