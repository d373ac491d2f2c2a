import type { Desired, Device, DeviceRevision, Models } from "../models.ts";
import { isDuplicateKey } from "./leases.repository.ts";

export interface RevisionAdvance {
  deviceId: string;
  organizationId: string;
  /** The revision the device was at when `desired` was computed. */
  fromRevision: number;
  desired: Desired;
  /** Absent where the content is unchanged or could not be made. */
  revision?: DeviceRevision;
}

/** Enough for the replicas that may meet at one device at the same moment. */
const maxNumberings = 50;

const historyId = (deviceId: string, revision: number): string => `${deviceId}:${revision}`;

function withNumber(change: RevisionAdvance, revision: DeviceRevision, number: number): RevisionAdvance {
  const { desired, deviceId } = change;
  return {
    ...change,
    desired: { ...desired, revision: number, wire: { ...desired.wire, revision: number } },
    revision: { ...revision, _id: historyId(deviceId, number), revision: number },
  };
}

const isSameContent = (a: StoredContent, b: StoredContent): boolean =>
  a.digest === b.digest && a.inputsHash === b.inputsHash && a.reason === b.reason;
type StoredContent = Pick<DeviceRevision, "digest" | "inputsHash" | "reason">;

/** What devices are and were told to run. */
export function createDeviceRevisionRepository({ devices, deviceRevisions }: Models) {
  /** Stores those that are not there; false where some are. */
  async function insertNew(revisions: DeviceRevision[]): Promise<boolean> {
    const writes = revisions.map(({ _id, ...revision }) => ({
      updateOne: { filter: { _id }, update: { $setOnInsert: revision }, upsert: true },
    }));
    try {
      const options = { ordered: false };
      const { upsertedCount } = await deviceRevisions.collection.bulkWrite(writes as never[], options);
      return upsertedCount === revisions.length;
    } catch (error) {
      // Two upserts of one revision can meet at the unique index; which of them is there is looked at next.
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  async function storedContents(ids: string[]): Promise<Map<string, StoredContent>> {
    const found = await deviceRevisions
      .find({ _id: { $in: ids } }, { digest: 1, inputsHash: 1, reason: 1 })
      .lean<(StoredContent & { _id: string })[]>();
    return new Map(found.map((revision) => [revision._id, revision]));
  }

  /**
   * Writes the history of changes, each revision once. Where one of that number and another content is there, left
   * by a replica that died or that moves the device in this very moment, the change takes the next free number:
   * whoever moves the device, the history of its revision is that of its content.
   */
  async function recordHistory(changes: RevisionAdvance[]): Promise<RevisionAdvance[]> {
    const numbered = [...changes];
    let open = changes.flatMap(({ revision }, index) =>
      revision === undefined ? [] : [{ index, revision }],
    );
    for (let round = 0; open.length > 0; round += 1) {
      if (round === maxNumberings) throw new Error(`The revisions of ${open.length} devices keep changing.`);
      if (await insertNew(open.map((item) => item.revision))) break;
      const stored = await storedContents(open.map((item) => item.revision._id));
      open = open.flatMap(({ index, revision }) => {
        const change = numbered[index];
        const found = stored.get(revision._id);
        if (change === undefined || (found !== undefined && isSameContent(found, revision))) return [];
        // Not there after all: its write was lost with the one that failed.
        if (found === undefined) return [{ index, revision }];
        const next = withNumber(change, revision, revision.revision + 1);
        numbered[index] = next;
        return next.revision === undefined ? [] : [{ index, revision: next.revision }];
      });
    }
    return numbered;
  }

  return {
    /**
     * Stores new desired states. The history goes first, so that no device is ever told of a revision that has
     * none; then each device moves only from the revision it was computed for. Returns what is in force for the
     * devices that moved, whose revision may be a later one than asked for; another replica was faster with the rest.
     */
    async advance(changes: RevisionAdvance[]): Promise<Map<string, Desired>> {
      if (changes.length === 0) return new Map();
      const numbered = await recordHistory(changes);
      // Through the driver: what is written is complete and typed, and casting each costs more than its write.
      const written = await devices.collection.bulkWrite(
        numbered.map(({ deviceId, organizationId, fromRevision, desired }) => ({
          updateOne: {
            filter: { _id: deviceId, organizationId, "desired.revision": fromRevision },
            update: { $set: { desired } },
          },
        })) as never[],
        { ordered: false },
      );
      if (written.matchedCount === numbered.length)
        return new Map(numbered.map((change) => [change.deviceId, change.desired]));
      const found = await devices
        .find({ _id: { $in: numbered.map((change) => change.deviceId) } }, { organizationId: 1, desired: 1 })
        .lean<Pick<Device, "_id" | "organizationId" | "desired">[]>();
      const stored = new Map(found.map((device) => [device._id, device]));
      return new Map(
        numbered.flatMap(({ deviceId, organizationId, desired }) => {
          const now = stored.get(deviceId);
          const isInForce =
            now?.organizationId === organizationId &&
            now.desired.revision === desired.revision &&
            now.desired.inputsHash === desired.inputsHash &&
            now.desired.error === desired.error;
          return isInForce ? [[deviceId, now.desired]] : [];
        }),
      );
    },

    /** One revision of a device. */
    async get(organizationId: string, deviceId: string, revision: number): Promise<DeviceRevision | null> {
      return deviceRevisions
        .findOne({ _id: historyId(deviceId, revision), organizationId })
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

    /** Revisions of several devices, by `<deviceId>:<revision>`. */
    async getMany(
      organizationId: string,
      wanted: { deviceId: string; revision: number }[],
    ): Promise<Map<string, DeviceRevision>> {
      if (wanted.length === 0) return new Map();
      const ids = wanted.map(({ deviceId, revision }) => historyId(deviceId, revision));
      const found = await deviceRevisions
        .find({ _id: { $in: ids }, organizationId })
        .lean<DeviceRevision[]>();
      return new Map(found.map((revision) => [revision._id, revision]));
    },
  };
}
