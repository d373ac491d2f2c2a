import { newId } from "@rciots/runtime";
import type { Event, Models } from "../models.ts";

export type NewEvent = Pick<Event, "organizationId" | "kind" | "actor" | "message"> &
  Partial<Pick<Event, "deviceId" | "severity" | "details" | "address">>;

export interface EventQuery {
  organizationId: string;
  deviceId?: string;
  /** Exact kinds, such as `device.enrolled`. */
  kinds?: string[];
  severity?: Event["severity"];
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

/** Appends and reads what happened. Events are never changed. */
export function createEventRepository({ events }: Models) {
  return {
    async append(...added: NewEvent[]): Promise<void> {
      if (added.length > 0) await events.insertMany(added.map(withDefaults), { ordered: false });
    },

    /** Newest first. */
    async list({ organizationId, deviceId, kinds, severity, before, limit }: EventQuery): Promise<Event[]> {
      const filter = {
        organizationId,
        ...(deviceId === undefined ? {} : { deviceId }),
        ...(kinds === undefined ? {} : { kind: { $in: kinds } }),
        ...(severity === undefined ? {} : { severity }),
        ...(before === undefined ? {} : { _id: { $lt: before } }),
      };
      return events.find(filter).sort({ _id: -1 }).limit(limit).lean<Event[]>();
    },

    /** As `append`, for many: the events are complete and typed, and casting each costs more than its insertion. */
    async appendMany(added: NewEvent[]): Promise<void> {
      if (added.length === 0) return;
      await events.collection.insertMany(added.map(withDefaults) as never[], { ordered: false });
    },
  };
}
