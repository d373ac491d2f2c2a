import { newId } from "@rciots/runtime";
import type { Event, Models } from "../models.ts";

/** `_id` and `at` are given where it happened before it is stored, or may have to be stored again. */
export type NewEvent = Pick<Event, "organizationId" | "kind" | "actor" | "message"> &
  Partial<Pick<Event, "_id" | "at" | "deviceId" | "severity" | "details" | "address">>;

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
  /** Without those that tell of single connections. */
  withoutConnections?: boolean;
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

const connectionNoun = "connection.";
const isOfConnection = ({ kind }: NewEvent): boolean => kind.startsWith(connectionNoun);

/** Where events may lie that the filter finds. */
function placesOf({ events, connectionEvents }: Models, query: EventFilter): Models["events"][] {
  const { kinds, kindPrefixes, withoutConnections = false } = query;
  const beginnings = [...(kinds ?? []), ...(kindPrefixes ?? [])];
  const areAllMeant = kinds === undefined && kindPrefixes === undefined;
  const ofConnections = beginnings.filter((each) => each.startsWith(connectionNoun));
  const places: Models["events"][] = [];
  if (areAllMeant || ofConnections.length < beginnings.length) places.push(events);
  if (!withoutConnections && (areAllMeant || ofConnections.length > 0)) places.push(connectionEvents);
  return places;
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

/** Newest first. */
const byAge = (one: Event, other: Event): number => (one._id < other._id ? 1 : -1);

/**
 * Appends and reads what happened. Events are never changed. Those of single connections (`connection.*`) lie apart, so
 * that however many there are they cost those nothing who look for others.
 */
export function createEventRepository(models: Models) {
  /** By where they are kept. */
  function sorted(added: NewEvent[]): { place: Models["events"]; theirs: Event[] }[] {
    const places = [
      { place: models.events, theirs: added.filter((event) => !isOfConnection(event)).map(withDefaults) },
      { place: models.connectionEvents, theirs: added.filter(isOfConnection).map(withDefaults) },
    ];
    return places.filter(({ theirs }) => theirs.length > 0);
  }

  return {
    async append(...added: NewEvent[]): Promise<void> {
      for (const { place, theirs } of sorted(added)) await place.insertMany(theirs, { ordered: false });
    },

    /** Newest first. */
    async list(query: EventQuery): Promise<Event[]> {
      const filter = toFilter(query);
      const pages = await Promise.all(
        placesOf(models, query).map((place) =>
          place.find(filter).sort({ _id: -1 }).limit(query.limit).lean<Event[]>(),
        ),
      );
      const [first = [], second] = pages;
      return second === undefined ? first : [...first, ...second].sort(byAge).slice(0, query.limit);
    },

    /** As `append`, for many: the events are complete and typed, and casting each costs more than its insertion. */
    async appendMany(added: NewEvent[]): Promise<void> {
      for (const { place, theirs } of sorted(added)) {
        await place.collection.insertMany(theirs as never[], { ordered: false });
      }
    },
  };
}
