import { createBatcher, publishEvents, type Bus } from "@rciots/runtime";
import type { NewEvent, Store } from "@rciots/store";
import type { Caller } from "../auth/caller.ts";
import type { RequestContext } from "../http/route.ts";

/** What an operator did; `details` must hold no secret. */
export interface AuditRecord {
  organizationId: string;
  /** `noun.verb`, such as `device.approved`. */
  kind: string;
  message: string;
  deviceId?: string;
  severity?: NewEvent["severity"];
  /** What was there before and is there now, of the fields that changed. */
  details?: Record<string, unknown>;
}

/** Under which changes are recorded that are about the platform, or an account, rather than one organisation. */
export const platformScope = "platform";

/** Who acts, and from where. */
export interface Acting {
  caller: Pick<Caller, "actor">;
  context: Pick<RequestContext, "address" | "requestId">;
}

export interface Audit {
  record(acting: Acting, ...records: AuditRecord[]): Promise<void>;
}

/** Appends an event for each change that an operator makes, and tells the live views. */
export function createAudit({ store, bus }: { store: Pick<Store, "events">; bus: Bus }): Audit {
  // Changes of many devices at a time share their writes.
  const batcher = createBatcher<NewEvent[], undefined>({
    maxSize: 100,
    async run(lists) {
      const events = lists.flat();
      await store.events.append(...events);
      publishEvents(bus, events);
      return lists.map(() => undefined);
    },
  });
  return {
    async record({ caller, context }, ...records) {
      const events = records.map((record) => ({
        ...record,
        severity: record.severity ?? ("info" as const),
        details: { ...record.details, requestId: context.requestId },
        actor: caller.actor,
        address: context.address,
      }));
      await batcher.add(events);
    },
  };
}

const maxValueChars = 2_000;

function shorten(value: unknown): unknown {
  const text = JSON.stringify(value) ?? "";
  return text.length > maxValueChars ? `${text.slice(0, maxValueChars)}...` : value;
}

/** Before and after of the fields that differ; long values are cut. Name no field that may hold a secret. */
export function difference<T extends object>(before: T, after: T, fields: readonly (keyof T & string)[]) {
  const changed = fields.filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]));
  const pick = (from: T): Record<string, unknown> =>
    Object.fromEntries(changed.map((field) => [field, shorten(from[field])]));
  return { before: pick(before), after: pick(after) };
}
