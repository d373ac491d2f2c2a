import {
  createBatcher,
  errorMessage,
  publishEvents,
  type AppError,
  type Bus,
  type Logger,
} from "@rciots/runtime";
import type { NewEvent, ProvisioningToken, Store } from "@rciots/store";
import type { RateLimits } from "./rate-limits.ts";

export interface Audit {
  /** Resolves when it is stored; never rejects: what happened has happened, a failure is logged. */
  record(event: NewEvent): Promise<void>;
  /** At most so many per organisation and code, so that nobody can fill the store by being refused. */
  recordRefusal(refusal: {
    token: ProvisioningToken;
    error: AppError;
    deviceName: string;
    address: string | null;
  }): Promise<void>;
  drain(): Promise<void>;
}

/** Beyond this many events that wait for the store, further ones go to the log alone. */
const maxWaiting = 10_000;

/** Stores what happened, many events in one write. */
export function createAudit({
  store,
  bus,
  logger,
  rateLimits,
}: {
  store: Store;
  bus: Bus;
  logger: Logger;
  rateLimits: RateLimits;
}): Audit {
  const batcher = createBatcher<NewEvent, undefined>({
    maxSize: 500,
    async run(events) {
      await store.events.appendMany(events);
      publishEvents(bus, events);
      return events.map(() => undefined);
    },
  });
  let waiting = 0;

  async function record(event: NewEvent): Promise<void> {
    if (waiting >= maxWaiting) {
      logger.error({ kind: event.kind, deviceId: event.deviceId }, "event not stored: too many wait");
      return;
    }
    waiting += 1;
    try {
      await batcher.add(event);
    } catch (error) {
      logger.error(
        { kind: event.kind, deviceId: event.deviceId, error: errorMessage(error) },
        "event not stored",
      );
    } finally {
      waiting -= 1;
    }
  }

  return {
    record,
    async recordRefusal({ token, error, deviceName, address }) {
      const { organizationId } = token;
      const isAdmitted = await rateLimits.tryCount(
        "refusalEventsPerOrganization",
        `${organizationId}/${error.code}`,
      );
      if (!isAdmitted) return;
      await record({
        organizationId,
        kind: "device.enrollment-refused",
        severity: "warning",
        actor: { kind: "provisioning-token", id: token._id, name: token.name },
        message: `The device ${deviceName} was refused: ${error.message}`,
        details: { code: error.code, deviceName },
        address,
      });
    },
    drain: () => batcher.drain(),
  };
}
