import type { DesiredStateService } from "@rciots/desired-state";
import { createLoop, type Bus, type Logger, type Loop } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import { randomUUID } from "node:crypto";

const lease = "overlay-renderer";
const leaseMs = 120_000;

/**
 * Renders devices' overlays again where they or their templates changed, on one replica at a time, and hints to
 * the devices. A nudge that meets a round under way, or is lost, costs one interval.
 */
export function createOverlayRendererLoop(options: {
  store: Pick<Store, "leases">;
  desiredState: Pick<DesiredStateService, "renderOverlays">;
  bus: Bus;
  logger: Logger;
  intervalMs: number;
}): Loop {
  const { store, desiredState, bus, logger, intervalMs } = options;
  const holder = randomUUID();

  async function step(signal: AbortSignal): Promise<void> {
    if (!(await store.leases.claim(lease, holder, leaseMs))) return;
    try {
      for (const { organizationId, _id } of await desiredState.renderOverlays(signal)) {
        bus.publish("desired:changed", { organizationId, deviceIds: [_id] });
        bus.publish("device:updated", { organizationId, deviceIds: [_id] });
      }
    } finally {
      await store.leases.release(lease, holder);
    }
  }

  return createLoop({ name: "device overlays", intervalMs, step, logger });
}
