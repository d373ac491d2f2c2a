import type { DesiredState } from "@rciots/protocol";
import { AppError, createBatcher } from "@rciots/runtime";
import type { Device, Store } from "@rciots/store";

/** What the connector needs of the service that computes desired states. */
export interface DesiredStatePort {
  /** What each device should run now. */
  advance(devices: Device[]): Promise<Map<string, DesiredState>>;
  /** The whole encoded bundle; undefined where it is no longer this device's content. */
  readBundle(deviceId: string, encodedDigest: string): Promise<Buffer | undefined>;
}

export interface DesiredAnswer {
  device: Device;
  desired: DesiredState;
}

export interface DesiredReader {
  /** @throws AppError 404 `device_not_found` */
  of(deviceId: string): Promise<DesiredAnswer>;
  drain(): Promise<void>;
}

/** Small enough that the event loop keeps turning between two batches of distinct contents. */
const batchSize = 100;

/** A device that another replica moved meanwhile is asked for again. */
const maxRounds = 3;

/** Computes desired states in batches, one at a time: hellos, hints and the patrol share the round trips. */
export function createDesiredReader(options: {
  store: Pick<Store, "deviceSessions">;
  desiredState: DesiredStatePort;
}): DesiredReader {
  async function computeAll(deviceIds: string[]): Promise<Map<string, DesiredAnswer>> {
    const answers = new Map<string, DesiredAnswer>();
    let left = [...new Set(deviceIds)];
    for (let round = 0; round < maxRounds && left.length > 0; round += 1) {
      const devices = await options.store.deviceSessions.findDevices(left);
      const states = await options.desiredState.advance([...devices.values()]);
      for (const [deviceId, device] of devices) {
        const desired = states.get(deviceId);
        if (desired !== undefined) answers.set(deviceId, { device, desired });
      }
      left = [...devices.keys()].filter((deviceId) => !answers.has(deviceId));
    }
    if (left.length > 0) throw new Error(`The desired state of ${left.length} devices keeps changing.`);
    return answers;
  }

  const batcher = createBatcher<string, DesiredAnswer>({
    maxSize: batchSize,
    async run(deviceIds) {
      const answers = await computeAll(deviceIds);
      return deviceIds.map(
        (deviceId) =>
          answers.get(deviceId) ??
          new AppError({ code: "device_not_found", status: 404, message: "The device does not exist." }),
      );
    },
  });
  return { of: (deviceId) => batcher.add(deviceId), drain: () => batcher.drain() };
}
