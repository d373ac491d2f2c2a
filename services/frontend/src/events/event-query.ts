import { idField } from "@rciots/protocol";
import { badRequest, isId } from "@rciots/runtime";
import type { EventFilter } from "@rciots/store";
import { z } from "zod";
import { repeated } from "../http/fields.ts";
import { nameSearch } from "../http/search.ts";

const kindField = z
  .string()
  .max(64)
  .regex(/^[a-z-]+\.([a-z-]+|\*)$/, "must be noun.verb, or noun.* for all of a noun");

const dateField = z.iso.datetime({ offset: true });

/** Filters of event lists. */
export const eventFilterQuery = {
  kind: repeated(kindField, 20).describe("`noun.verb`, or `noun.*`; may be repeated."),
  severity: z.enum(["info", "warning", "error"]).optional(),
  actor: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe("Who did it: an id, or a part of the name in any case."),
  q: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe("Part of the message, in any case; with `^` in front, its beginning."),
  from: dateField.optional().describe("Not before this moment."),
  to: dateField.optional().describe("Before this moment."),
  connections: z
    .enum(["true", "false"])
    .optional()
    .describe("`false`: without single connections (`connection.*`), of which there may be very many."),
};

export const deviceIdQuery = { deviceId: idField("dev").optional() };

export type EventFilterInput = {
  [Field in keyof typeof eventFilterQuery]?: z.output<(typeof eventFilterQuery)[Field]>;
} & { deviceId?: string | undefined };

const actorPrefixes = ["usr", "tok", "dev", "ptk"];

function actorFilter(actor: string): Pick<EventFilter, "actorId" | "actorMatches"> {
  const isExact = actorPrefixes.some((prefix) => isId(prefix, actor));
  return isExact ? { actorId: actor } : { actorMatches: nameSearch(actor, "any-case") };
}

function kindFilter(kinds: string[]): Pick<EventFilter, "kinds" | "kindPrefixes"> {
  return {
    kinds: kinds.filter((kind) => !kind.endsWith("*")),
    kindPrefixes: kinds.filter((kind) => kind.endsWith("*")).map((kind) => kind.slice(0, -1)),
  };
}

/** What the store looks for. Throws 400 where the time runs backwards. */
export function toEventFilter(organizationId: string, input: EventFilterInput): EventFilter {
  const { kind, severity, deviceId, actor, q, connections } = input;
  const from = input.from === undefined ? undefined : new Date(input.from);
  const to = input.to === undefined ? undefined : new Date(input.to);
  if (from !== undefined && to !== undefined && from >= to) {
    throw badRequest({ code: "invalid_range", message: "`from` must be before `to`." });
  }
  return {
    organizationId,
    ...(kind === undefined ? {} : kindFilter(kind)),
    ...(severity === undefined ? {} : { severity }),
    ...(deviceId === undefined ? {} : { deviceId }),
    ...(actor === undefined ? {} : actorFilter(actor)),
    ...(q === undefined ? {} : { messageMatches: nameSearch(q, "any-case") }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(connections === "false" ? { withoutConnections: true } : {}),
  };
}
