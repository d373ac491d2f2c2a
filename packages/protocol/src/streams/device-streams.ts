import type { ByteStream } from "./byte-stream.ts";
import type { StreamTarget } from "./stream-target.ts";

/** Opens byte streams to what live devices reach. */
export interface DeviceStreams {
  /**
   * Rejects with AppErrors: `device_offline`, `device_unsupported` (409), the device's refusal under its own code
   * (409, 502, 504), `too_many_streams` (429); with the signal's reason once it aborts.
   */
  open(
    device: { organizationId: string; deviceId: string },
    target: StreamTarget,
    signal?: AbortSignal,
  ): Promise<ByteStream>;
}
