import type { Event, Store } from "@rciots/store";
import { z } from "zod";
import { platformScope, type Acting, type Audit } from "../audit/audit.ts";
import { mapPage, pageOf, pageQuery, readPage, type Page } from "../http/cursor.ts";
import { defineAccountRoute, defineRoute, type Reply, type Route } from "../http/route.ts";
import { eventSchema, viewEvent } from "./event.view.ts";
import {
  exportEvents,
  exportFormats,
  maxExportedEvents,
  mediaTypeOf,
  type ExportFormat,
} from "./event-export.ts";
import { deviceIdQuery, eventFilterQuery, toEventFilter, type EventFilterInput } from "./event-query.ts";

export const eventQuery = { ...pageQuery, ...eventFilterQuery };

export function listEvents(
  store: Pick<Store, "events">,
  organizationId: string,
  { limit, cursor, ...input }: EventFilterInput & { limit: number; cursor?: string | undefined },
): Promise<Page<Event>> {
  const filter = toEventFilter(organizationId, input);
  return readPage({
    kind: "events",
    limit,
    cursor,
    read: (before, count) =>
      store.events.list({ ...filter, limit: count, ...(before === undefined ? {} : { before }) }),
    positionOf: (event) => event._id,
  });
}

const exportQuery = { ...eventFilterQuery, format: z.enum(exportFormats).default("csv") };

const exportDescription =
  `The newest first, at most ${maxExportedEvents.toLocaleString("en")}: for older ones call again with \`to\`. ` +
  "In CSV, cells that a spreadsheet would take for a formula begin with an apostrophe. That somebody exported is an " +
  "event too.";

const exportSuccess = {
  status: 200 as const,
  about: "All events that match.",
  mediaTypes: exportFormats.map((format) => mediaTypeOf[format]),
};

/** Exports what an organisation's events are, and records that. */
async function startExport(
  { store, audit }: { store: Pick<Store, "events">; audit: Audit },
  acting: Acting,
  organizationId: string,
  { format, ...input }: EventFilterInput & { format: ExportFormat },
): Promise<Reply<undefined>> {
  const filter = toEventFilter(organizationId, input);
  await audit.record(acting, {
    organizationId,
    kind: "audit-log.exported",
    message: `The audit log was exported as ${format}.`,
    details: {
      format,
      filters: Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)),
    },
  });
  const name = `rciots-events-${new Date().toISOString().slice(0, 10)}.${format}`;
  return {
    body: undefined,
    headers: { "content-disposition": `attachment; filename="${name}"` },
    stream: {
      contentType: `${mediaTypeOf[format]}; charset=utf-8`,
      chunks: exportEvents({ store, filter, format }),
    },
  };
}

export function eventRoutes(services: { store: Pick<Store, "events">; audit: Audit }): Route[] {
  const { store } = services;
  return [
    defineRoute({
      method: "get",
      path: "/events",
      id: "listEvents",
      tag: "Events",
      summary: "List what happened, and who did it",
      access: "viewer",
      query: z.strictObject({ ...eventQuery, ...deviceIdQuery }),
      success: { status: 200, about: "A page, newest first.", schema: pageOf(eventSchema) },
      async handler({ caller, query }) {
        return { body: mapPage(await listEvents(store, caller.organizationId, query), viewEvent) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/events/export",
      id: "exportEvents",
      tag: "Events",
      summary: "Export what happened as CSV or NDJSON",
      description: exportDescription,
      access: "viewer",
      query: z.strictObject({ ...exportQuery, ...deviceIdQuery }),
      success: exportSuccess,
      handler: ({ caller, query, context }) =>
        startExport(services, { caller, context }, caller.organizationId, query),
    }),
    defineAccountRoute({
      method: "get",
      path: "/platform/events",
      id: "listPlatformEvents",
      tag: "Platform",
      summary: "List what was done to accounts and to the platform as a whole",
      access: "platform-admin",
      query: z.strictObject(eventQuery),
      success: { status: 200, about: "A page, newest first.", schema: pageOf(eventSchema) },
      async handler({ query }) {
        return { body: mapPage(await listEvents(store, platformScope, query), viewEvent) };
      },
    }),
    defineAccountRoute({
      method: "get",
      path: "/platform/events/export",
      id: "exportPlatformEvents",
      tag: "Platform",
      summary: "Export that as CSV or NDJSON",
      description: exportDescription,
      access: "platform-admin",
      query: z.strictObject(exportQuery),
      success: exportSuccess,
      handler: ({ caller, query, context }) =>
        startExport(services, { caller, context }, platformScope, query),
    }),
  ];
}
