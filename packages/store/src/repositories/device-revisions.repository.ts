import type { Desired, DeviceRevision, Models } from "../models.ts";

export interface RevisionAdvance {
  deviceId: string;
  organizationId: string;
  /** The revision the device was at when `desired` was computed. */
  fromRevision: number;
  desired: Desired;
  /** Absent where the content is unchanged or could not be made. */
  revision?: DeviceRevision;
}

/** What devices are and were told to run. */
export function createDeviceRevisionRepository({ devices, deviceRevisions }: Models) {
  return {
    /**
     * Stores new desired states. The history goes first, so that no device is ever told of a revision that has
     * none; then each device moves only from the revision it was computed for. Returns the ids of the devices
     * that moved; another replica was faster with the rest.
     */
    async advance(changes: RevisionAdvance[]): Promise<Set<string>> {
      if (changes.length === 0) return new Set();
      const history = changes.flatMap((change) => (change.revision === undefined ? [] : [change.revision]));
      if (history.length > 0) {
        await deviceRevisions.collection.bulkWrite(
          history.map((revision) => ({
            replaceOne: { filter: { _id: revision._id }, replacement: revision, upsert: true },
          })) as never[],
          { ordered: false },
        );
      }
      // Through the driver: what is written is complete and typed, and casting each costs more than its write.
      const written = await devices.collection.bulkWrite(
        changes.map(({ deviceId, organizationId, fromRevision, desired }) => ({
          updateOne: {
            filter: { _id: deviceId, organizationId, "desired.revision": fromRevision },
            update: { $set: { desired } },
          },
        })) as never[],
        { ordered: false },
      );
      if (written.matchedCount === changes.length) return new Set(changes.map((change) => change.deviceId));
      const found = await devices
        .find({ _id: { $in: changes.map((change) => change.deviceId) } }, { desired: 1 })
        .lean<{ _id: string; desired: Desired }[]>();
      const nowAt = new Map(found.map((device) => [device._id, device.desired]));
      const moved = changes.filter(
        (change) => nowAt.get(change.deviceId)?.inputsHash === change.desired.inputsHash,
      );
      return new Set(moved.map((change) => change.deviceId));
    },

    /** One revision of a device. */
    async get(organizationId: string, deviceId: string, revision: number): Promise<DeviceRevision | null> {
      return deviceRevisions
        .findOne({ _id: `${deviceId}:${revision}`, organizationId })
        .lean<DeviceRevision>();
    },

    /** Newest first, older than `before`. */
    async list(query: {
      organizationId: string;
      deviceId: string;
      before?: number;
      limit: number;
    }): Promise<DeviceRevision[]> {
      const { organizationId, deviceId, before, limit } = query;
      const filter = {
        organizationId,
        deviceId,
        ...(before === undefined ? {} : { revision: { $lt: before } }),
      };
      return deviceRevisions.find(filter).sort({ revision: -1 }).limit(limit).lean<DeviceRevision[]>();
    },
  };
}
