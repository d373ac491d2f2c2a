import { createLoop, type Logger, type Loop } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import { randomUUID } from "node:crypto";

const lease = "fleet-history";
const leaseMs = 60_000;

/** The loop looks this often whether a sample is due; it costs one lookup. */
const looksPerSample = 5;

/**
 * Notes every `sampleMs` how many active devices of each organisation are online and healthy: once, whichever
 * replica does it and however often the platform starts meanwhile.
 */
export function createFleetHistoryLoop(options: {
  store: Pick<Store, "devices" | "fleetSamples" | "leases">;
  logger: Logger;
  sampleMs: number;
  now?: () => number;
}): { loop: Loop; intervalMs: number } {
  const { store, logger, sampleMs, now = Date.now } = options;
  const holder = randomUUID();
  const intervalMs = sampleMs / looksPerSample;

  async function step(): Promise<void> {
    const at = new Date(Math.floor(now() / sampleMs) * sampleMs);
    if (await store.fleetSamples.has(at)) return;
    if (!(await store.leases.claim(lease, holder, leaseMs))) return;
    try {
      await store.fleetSamples.insertMany(at, await store.devices.countFleets());
    } finally {
      await store.leases.release(lease, holder);
    }
  }

  return { loop: createLoop({ name: "fleet history", intervalMs, step, logger }), intervalMs };
}
