import { errorMessage, publishEvents, type Bus, type Logger } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import type { Refusal } from "./refusal.ts";
import { fullBucket, takeToken } from "./token-bucket.ts";

export interface RefusalLog {
  note(refused: {
    refusal: Refusal;
    address: string | null;
    /** Known once the certificate proved it. */
    device?: { organizationId: string; deviceId: string };
  }): void;
  /** How many of each code since the start. */
  counts(): Record<string, number>;
}

const logRate = { burst: 50, refillPerMs: 5 / 1_000 };
/** A device that is refused says so every few seconds; its operator reads it once in this time. */
const eventIntervalMs = 600_000;
const maxRemembered = 10_000;
/** These say nothing about the device. */
const passing = new Set(["busy", "draining"]);

/** Makes refusals known without letting those who are refused fill log and store. */
export function createRefusalLog(options: {
  store: Pick<Store, "events">;
  bus: Bus;
  logger: Logger;
  now: () => number;
}): RefusalLog {
  const { store, bus, logger, now } = options;
  const counts: Record<string, number> = {};
  const bucket = fullBucket(logRate.burst, now());
  const eventAt = new Map<string, number>();

  function isEventDue(key: string): boolean {
    const last = eventAt.get(key);
    if (last !== undefined && now() - last < eventIntervalMs) return false;
    eventAt.delete(key);
    eventAt.set(key, now());
    const oldest = eventAt.keys().next();
    if (eventAt.size > maxRemembered && oldest.done !== true) eventAt.delete(oldest.value);
    return true;
  }

  return {
    note({ refusal, address, device }) {
      const { code, message } = refusal;
      counts[code] = (counts[code] ?? 0) + 1;
      if (takeToken(bucket, logRate, now())) {
        logger.info({ code, address, ...device }, "session refused");
      }
      if (device === undefined || passing.has(code) || !isEventDue(`${device.deviceId}/${code}`)) return;
      const kind = "device.connection-refused";
      store.events
        .append({
          ...device,
          kind,
          severity: "warning",
          actor: { kind: "device", id: device.deviceId, name: device.deviceId },
          message: `A connection of the device was refused: ${message}`,
          details: { code },
          address,
        })
        .then(() => publishEvents(bus, [{ organizationId: device.organizationId, kind }]))
        .catch((error: unknown) => logger.warn({ error: errorMessage(error) }, "event was not stored"));
    },
    counts: () => ({ ...counts }),
  };
}
