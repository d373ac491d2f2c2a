import type { ByteStream } from "./byte-stream.ts";
import type { StreamTarget } from "./stream-target.ts";

export interface StreamDevice {
  organizationId: string;
  deviceId: string;
  /** The session it is meant for; absent: whichever is current. */
  sessionId?: string | undefined;
}

/** Opens byte streams to what live devices reach. */
export interface DeviceStreams {
  /**
   * Rejects with AppErrors: `device_offline`, `device_unsupported` (409), the device's refusal under its own code
   * (409, 502, 504), `too_many_streams` (429), `session_replaced` (409) where it is another session than the one
   * asked for, `relay_unavailable` (503) where the process that holds the session can't be reached; with the
   * signal's reason once it aborts.
   */
  open(device: StreamDevice, target: StreamTarget, signal?: AbortSignal): Promise<ByteStream>;
}
