import { newId } from "@rciots/runtime";
import type { Event, Models } from "../models.ts";

export type NewEvent = Pick<Event, "organizationId" | "kind" | "actor" | "message"> &
  Partial<Pick<Event, "deviceId" | "severity" | "details" | "address">>;

/** Which events; all that is given must hold. Expressions are escaped by the caller. */
export interface EventFilter {
  organizationId: string;
  deviceId?: string;
  /** Exact kinds, such as `device.enrolled`. */
  kinds?: string[];
  /** Beginnings of kinds, such as `device.`; an event of one of them or of `kinds` is meant. */
  kindPrefixes?: string[];
  severity?: Event["severity"];
  actorId?: string;
  actorMatches?: string;
  messageMatches?: string;
  /** Not before. */
  from?: Date;
  /** Before. */
  to?: Date;
}

export interface EventQuery extends EventFilter {
  /** Events older than this id; the last id of the page before. */
  before?: string;
  /** At most this many. */
  limit: number;
}

const withDefaults = (event: NewEvent): Event => ({
  _id: newId("evt"),
  deviceId: null,
  severity: "info",
  details: {},
  address: null,
  at: new Date(),
  ...event,
});

/** Ids are made a moment before `at` is read. */
const idToleranceMs = 1_000;
/** What ids of a moment begin with. */
const idsAt = (time: number): string => newId("evt", Math.max(0, time)).slice(0, "evt_".length + 10);

/** Bounds of the ids, so that the index of ids finds a span of time. */
function idBounds({ before, from, to }: EventQuery): Record<string, string> {
  const last = to === undefined ? undefined : idsAt(to.getTime() + idToleranceMs);
  const below = [before, last].filter((bound) => bound !== undefined).sort()[0];
  return {
    ...(from === undefined ? {} : { $gte: idsAt(from.getTime() - idToleranceMs) }),
    ...(below === undefined ? {} : { $lt: below }),
  };
}

function kindFilter({ kinds, kindPrefixes }: EventFilter): Record<string, unknown> {
  if (kinds === undefined && kindPrefixes === undefined) return {};
  const beginnings = (kindPrefixes ?? []).map((prefix) => ({
    kind: { $gte: prefix, $lt: `${prefix}\uffff` },
  }));
  return { $or: [{ kind: { $in: kinds ?? [] } }, ...beginnings] };
}

function toFilter(query: EventQuery): Record<string, unknown> {
  const { organizationId, deviceId, severity, actorId, actorMatches, messageMatches, from, to } = query;
  const ids = idBounds(query);
  const at = {
    ...(from === undefined ? {} : { $gte: from }),
    ...(to === undefined ? {} : { $lt: to }),
  };
  return {
    organizationId,
    ...kindFilter(query),
    ...(deviceId === undefined ? {} : { deviceId }),
    ...(severity === undefined ? {} : { severity }),
    ...(actorId === undefined ? {} : { "actor.id": actorId }),
    ...(actorMatches === undefined ? {} : { "actor.name": { $regex: actorMatches } }),
    ...(messageMatches === undefined ? {} : { message: { $regex: messageMatches } }),
    ...(Object.keys(ids).length === 0 ? {} : { _id: ids }),
    ...(Object.keys(at).length === 0 ? {} : { at }),
  };
}

/** Appends and reads what happened. Events are never changed. */
export function createEventRepository({ events }: Models) {
  return {
    async append(...added: NewEvent[]): Promise<void> {
      if (added.length > 0) await events.insertMany(added.map(withDefaults), { ordered: false });
    },

    /** Newest first. */
    async list(query: EventQuery): Promise<Event[]> {
      return events.find(toFilter(query)).sort({ _id: -1 }).limit(query.limit).lean<Event[]>();
    },

    /** As `append`, for many: the events are complete and typed, and casting each costs more than its insertion. */
    async appendMany(added: NewEvent[]): Promise<void> {
      if (added.length === 0) return;
      await events.collection.insertMany(added.map(withDefaults) as never[], { ordered: false });
    },
  };
}
