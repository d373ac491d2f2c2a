import type { Bus } from "@rciots/runtime";

/** A hint names at most this many devices, so that none is too large for a bus between replicas. */
const maxDevices = 1_000;

/** Tells live views that devices changed; what changes within `delayMs` goes together. */
export function createDeviceUpdates(options: { bus: Pick<Bus, "publish">; delayMs: number }): {
  note: (organizationId: string, deviceId: string) => void;
  flush: () => void;
} {
  const pending = new Map<string, Set<string>>();
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    for (const [organizationId, devices] of pending) {
      const ids = [...devices];
      for (let at = 0; at < ids.length; at += maxDevices) {
        options.bus.publish("device:updated", { organizationId, deviceIds: ids.slice(at, at + maxDevices) });
      }
    }
    pending.clear();
  }

  return {
    note(organizationId, deviceId) {
      const devices = pending.get(organizationId);
      if (devices === undefined) pending.set(organizationId, new Set([deviceId]));
      else devices.add(deviceId);
      timer ??= setTimeout(flush, options.delayMs).unref();
    },
    flush,
  };
}
