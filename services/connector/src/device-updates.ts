import type { Bus } from "@rciots/runtime";

/** Tells live views that a device changed; many changes within `delayMs` become one message. */
export function createDeviceUpdates(options: { bus: Bus; delayMs: number }): {
  note: (organizationId: string, deviceId: string) => void;
  flush: () => void;
} {
  const pending = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    for (const [deviceId, organizationId] of pending) {
      options.bus.publish("device:updated", { organizationId, deviceId });
    }
    pending.clear();
  }

  return {
    note(organizationId, deviceId) {
      pending.set(deviceId, organizationId);
      timer ??= setTimeout(flush, options.delayMs).unref();
    },
    flush,
  };
}
