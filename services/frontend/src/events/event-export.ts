import type { Event, EventFilter, Store } from "@rciots/store";
import { viewEvent } from "./event.view.ts";

export const exportFormats = ["csv", "ndjson"] as const;
export type ExportFormat = (typeof exportFormats)[number];

export const maxExportedEvents = 100_000;
/** Events held in memory at a time. */
const pageSize = 500;

const columns = [
  "at",
  "kind",
  "severity",
  "message",
  "actor kind",
  "actor id",
  "actor name",
  "address",
  "device id",
  "before",
  "after",
  "details",
  "id",
];

/** One cell (RFC 4180). What a spreadsheet would take for a formula begins with an apostrophe. */
export function csvCell(value: string): string {
  const harmless = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

const csvLine = (cells: string[]): string => `${cells.map(csvCell).join(",")}\r\n`;
const json = (value: unknown): string => (value === undefined ? "" : JSON.stringify(value));

function csvOf(event: Event): string {
  const { before, after, ...details } = event.details;
  return csvLine([
    event.at.toISOString(),
    event.kind,
    event.severity,
    event.message,
    event.actor.kind,
    event.actor.id,
    event.actor.name,
    event.address ?? "",
    event.deviceId ?? "",
    json(before),
    json(after),
    json(details),
    event._id,
  ]);
}

const lineOf: Record<ExportFormat, (event: Event) => string> = {
  csv: csvOf,
  ndjson: (event) => `${JSON.stringify(viewEvent(event))}\n`,
};

export const mediaTypeOf: Record<ExportFormat, string> = {
  csv: "text/csv",
  ndjson: "application/x-ndjson",
};

/**
 * All events that match, the newest first, page by page: the next page is read when the one before was taken, so
 * that a slow reader costs one page, and one that goes away nothing more.
 */
export async function* exportEvents(options: {
  store: Pick<Store, "events">;
  filter: EventFilter;
  format: ExportFormat;
  limit?: number;
}): AsyncGenerator<string, void, void> {
  const { store, filter, format, limit = maxExportedEvents } = options;
  if (format === "csv") yield csvLine(columns);
  let before: string | undefined;
  for (let left = limit; left > 0;) {
    const count = Math.min(pageSize, left);
    const page = await store.events.list({
      ...filter,
      limit: count,
      ...(before === undefined ? {} : { before }),
    });
    if (page.length > 0) yield page.map(lineOf[format]).join("");
    before = page.at(-1)?._id;
    left = page.length < count ? 0 : left - count;
  }
}
