import type { Event, Store } from "@rciots/store";
import { z } from "zod";
import { pageOf, pageQuery, readPage, mapPage, type Page } from "../http/cursor.ts";
import { idField } from "@rciots/protocol";
import { defineRoute, type Route } from "../http/route.ts";

export const eventSchema = z
  .object({
    id: z.string(),
    kind: z.string().describe("`noun.verb`, such as `device.enrolled`."),
    severity: z.enum(["info", "warning", "error"]),
    deviceId: z.string().nullable(),
    actor: z.object({
      kind: z.enum(["user", "api-token", "device", "platform", "provisioning-token"]),
      id: z.string(),
      name: z.string(),
    }),
    message: z.string(),
    details: z.record(z.string(), z.unknown()),
    address: z.string().nullable().describe("The network address it came from."),
    at: z.iso.datetime(),
  })
  .meta({ id: "Event" });

export function viewEvent(event: Event): z.input<typeof eventSchema> {
  const { _id, kind, severity, deviceId, actor, message, details, address, at } = event;
  return { id: _id, kind, severity, deviceId, actor, message, details, address, at: at.toISOString() };
}

const kindField = z
  .string()
  .max(64)
  .regex(/^[a-z-]+\.[a-z-]+$/, "must be noun.verb");

/** Filters of event lists. A query's repeated field is a list; once is a list of one. */
export const eventQuery = {
  ...pageQuery,
  kind: z
    .union([kindField.transform((kind) => [kind]), z.array(kindField).max(20)])
    .optional()
    .describe("May be repeated."),
  severity: z.enum(["info", "warning", "error"]).optional(),
};

export interface EventFilter {
  limit: number;
  cursor?: string | undefined;
  kind?: string[] | undefined;
  severity?: Event["severity"] | undefined;
  deviceId?: string | undefined;
}

export function listEvents(
  store: Pick<Store, "events">,
  organizationId: string,
  filter: EventFilter,
): Promise<Page<Event>> {
  const { limit, cursor, kind, severity, deviceId } = filter;
  return readPage({
    kind: "events",
    limit,
    cursor,
    read: (before, count) =>
      store.events.list({
        organizationId,
        limit: count,
        ...(deviceId === undefined ? {} : { deviceId }),
        ...(kind === undefined ? {} : { kinds: kind }),
        ...(severity === undefined ? {} : { severity }),
        ...(before === undefined ? {} : { before }),
      }),
    positionOf: (event) => event._id,
  });
}

export function eventRoutes({ store }: { store: Pick<Store, "events"> }): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/events",
      id: "listEvents",
      tag: "Events",
      summary: "List what happened, and who did it",
      access: "viewer",
      query: z.strictObject({ ...eventQuery, deviceId: idField("dev").optional() }),
      success: { status: 200, about: "A page, newest first.", schema: pageOf(eventSchema) },
      async handler({ caller, query }) {
        return { body: mapPage(await listEvents(store, caller.organizationId, query), viewEvent) };
      },
    }),
  ];
}
