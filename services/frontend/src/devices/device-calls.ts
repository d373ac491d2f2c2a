import type { PlatformRequest, PlatformResponse, RemoteEvent } from "@rciots/protocol";
import { conflict, isAppError, type CallBus } from "@rciots/runtime";
import type { Presence, Store } from "@rciots/store";
import { requireDevice } from "./require-device.ts";

/** Calls on live devices, whichever connector holds them. */
export interface DeviceCalls {
  /**
   * Resolves to what the device answers. Rejects with AppErrors: `device_not_found` (404), `device_offline` (409),
   * `device_unsupported` (409: upgrade the agent), `device_refused` (409: its own words), `device_busy` and
   * `organization_busy` (429), `device_timeout` (504), `device_bad_answer` (502), and with the signal's reason.
   */
  call<Event extends RemoteEvent>(
    target: { organizationId: string; deviceId: string },
    event: Event,
    payload: PlatformRequest<Event>,
    options?: { timeoutMs?: number; signal?: AbortSignal | undefined },
  ): Promise<PlatformResponse<Event>>;
}

/** Longer than any device takes for a page of work, shorter than a proxy's patience. */
const defaultTimeoutMs = 20_000;
/** What the way to the connector and back may take besides. */
const busMarginMs = 2_000;

/** The session that presence named is gone; there may be another by now. */
const staleCodes = ["session_replaced", "device_offline", "bus_unserved"];

const offline = () =>
  conflict({ code: "device_offline", message: "The device is not connected; try again when it is online." });

export function createDeviceCalls({
  store,
  bus,
}: {
  store: Pick<Store, "devices">;
  bus: CallBus;
}): DeviceCalls {
  async function presenceOf(organizationId: string, deviceId: string): Promise<Presence> {
    return (await requireDevice(store, organizationId, deviceId)).presence;
  }

  return {
    async call(target, event, payload, { timeoutMs = defaultTimeoutMs, signal } = {}) {
      const { organizationId, deviceId } = target;
      let presence = await presenceOf(organizationId, deviceId);
      for (let isSecond = false; ; isSecond = true) {
        const { online, connectorId, sessionId } = presence;
        if (!online || connectorId === null) throw offline();
        const request = { organizationId, deviceId, sessionId, event, payload, timeoutMs };
        const options = { timeoutMs: timeoutMs + busMarginMs, signal };
        try {
          // The connector checked it with the schema of this very event.
          return (await bus.call("device:call", connectorId, request, options)) as PlatformResponse<
            typeof event
          >;
        } catch (error) {
          if (!isAppError(error) || !staleCodes.includes(error.code)) throw error;
          presence = await presenceOf(organizationId, deviceId);
          if (isSecond || presence.sessionId === sessionId) throw offline();
        }
      }
    },
  };
}
