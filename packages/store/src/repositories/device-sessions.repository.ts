import type { Facts, ObjectStatus } from "@rciots/protocol";
import type {
  Authority,
  Certificate,
  Device,
  DeviceRevision,
  Models,
  Observed,
  Organization,
  Presence,
} from "../models.ts";

/** What a connect, and any later look at a session, is judged by. */
export interface Standing {
  device: Device | undefined;
  certificate: Certificate | undefined;
  organization: Pick<Organization, "_id" | "status"> | undefined;
}

export interface SessionOpening {
  deviceId: string;
  organizationId: string;
  sessionId: string;
  connectorId: string;
  address: string | null;
  /** Whether presence was online before: then `since` stays. */
  wasOnline: boolean;
}

/** Names one session of one device; writes that carry it never touch a newer session's. */
export interface SessionRef {
  deviceId: string;
  sessionId: string;
}

export interface SessionRestore extends SessionRef {
  connectorId: string;
  epoch: number;
}

export interface ObservedWrite extends SessionRef {
  observed: Observed;
}

export interface RevisionWrite {
  deviceId: string;
  revision: number;
  set: Partial<Pick<DeviceRevision, "state" | "message" | "finishedAt">>;
}

export interface ObjectsWrite {
  organizationId: string;
  deviceId: string;
  revision: number;
  page: number;
  pages: number;
  objects: ObjectStatus[];
  /** True removes pages of an earlier, longer set. */
  completes: boolean;
}

export interface FactsWrite extends SessionRef {
  facts: Facts;
  capabilities: readonly string[];
}

export type PublicAuthority = Pick<Authority, "_id" | "organizationId" | "status" | "certificatePem">;
export type RevisionState = Pick<DeviceRevision, "_id" | "digest" | "state" | "finishedAt">;
export interface HeldDevice extends SessionRef {
  organizationId: string;
}

const unordered = { ordered: false } as const;
const byId = <T extends { _id: string }>(found: T[]): Map<string, T> =>
  new Map(found.map((document) => [document._id, document]));

/** Presence and reports of connected devices, written in batches. */
export function createDeviceSessionRepository(models: Models) {
  const { devices, certificates, organizations, deviceRevisions, deviceObjects, authorities } = models;

  async function findDevices(deviceIds: string[]): Promise<Map<string, Device>> {
    return byId(
      (await devices.collection.find({ _id: { $in: deviceIds } } as object).toArray()) as unknown as Device[],
    );
  }

  /**
   * Through the driver: the updates are complete and typed, and mongoose takes longer to cast one than the store to
   * write it.
   */
  async function writeAll(collection: typeof devices.collection, writes: object[]): Promise<void> {
    if (writes.length > 0) await collection.bulkWrite(writes as never[], unordered);
  }

  return {
    /** Devices by id, whole. */
    findDevices,

    /** One answer for each lookup, in order; three queries for all of them. */
    async findStandings(lookups: { deviceId: string; serial: string }[]): Promise<Standing[]> {
      const [foundDevices, foundCertificates] = await Promise.all([
        findDevices([...new Set(lookups.map((lookup) => lookup.deviceId))]),
        certificates
          .find({ _id: { $in: [...new Set(lookups.map((lookup) => lookup.serial))] } })
          .lean<Certificate[]>()
          .then(byId),
      ]);
      const organizationIds = new Set([...foundDevices.values()].map((device) => device.organizationId));
      const foundOrganizations = byId(
        await organizations
          .find({ _id: { $in: [...organizationIds] } }, { status: 1 })
          .lean<Pick<Organization, "_id" | "status">[]>(),
      );
      return lookups.map(({ deviceId, serial }) => {
        const device = foundDevices.get(deviceId);
        const organization = device && foundOrganizations.get(device.organizationId);
        return { device, certificate: foundCertificates.get(serial), organization };
      });
    },

    /** The organisations' intermediates, without their keys. */
    async listAuthorities(): Promise<PublicAuthority[]> {
      return authorities
        .find({ kind: "organization" }, { organizationId: 1, status: 1, certificatePem: 1 })
        .lean<PublicAuthority[]>();
    },

    /**
     * Makes each session its device's current one, with the next epoch, if the device is active. Answers the
     * presence that stands afterwards: a session that is not named in it lost to a newer one.
     */
    async open(openings: SessionOpening[], now: Date): Promise<Map<string, Presence>> {
      await writeAll(
        devices.collection,
        openings.map(({ deviceId, organizationId, sessionId, connectorId, address, wasOnline }) => ({
          updateOne: {
            filter: { _id: deviceId, organizationId, status: "active" },
            update: {
              $inc: { "presence.epoch": 1 },
              $set: {
                "presence.online": true,
                "presence.connectorId": connectorId,
                "presence.sessionId": sessionId,
                "presence.lastSeenAt": now,
                "presence.address": address,
                ...(wasOnline ? {} : { "presence.since": now }),
              },
            },
          },
        })),
      );
      const found = await devices
        .find({ _id: { $in: openings.map((opening) => opening.deviceId) } }, { presence: 1 })
        .lean<Pick<Device, "_id" | "presence">[]>();
      return new Map(found.map(({ _id, presence }) => [_id, presence]));
    },

    /** Marks devices offline whose current session is the one named; `lastSeenAt` is now. */
    async close(closings: SessionRef[], now: Date): Promise<void> {
      await writeAll(
        devices.collection,
        closings.map(({ deviceId, sessionId }) => ({
          updateOne: {
            filter: { _id: deviceId, "presence.sessionId": sessionId },
            update: {
              $set: {
                "presence.online": false,
                "presence.connectorId": null,
                "presence.sessionId": null,
                "presence.since": now,
                "presence.lastSeenAt": now,
              },
            },
          },
        })),
      );
    },

    /**
     * Marks devices of a connector that is taken for dead offline. The session stays named, so that a connector
     * that was only slow may restore it, and no report that it acknowledges is lost.
     */
    async lapse(lapsed: SessionRef[], now: Date): Promise<void> {
      await devices.bulkWrite(
        lapsed.map(({ deviceId, sessionId }) => ({
          updateOne: {
            filter: { _id: deviceId, "presence.sessionId": sessionId },
            update: { $set: { "presence.online": false, "presence.since": now } },
          },
        })),
        unordered,
      );
    },

    /** Puts a session back that was marked offline though it lives, unless a newer one came. */
    async restore(restores: SessionRestore[], now: Date): Promise<void> {
      await devices.bulkWrite(
        restores.map(({ deviceId, sessionId, connectorId, epoch }) => ({
          updateOne: {
            filter: { _id: deviceId, "presence.epoch": epoch, "presence.online": false },
            update: {
              $set: {
                "presence.online": true,
                "presence.connectorId": connectorId,
                "presence.sessionId": sessionId,
                "presence.since": now,
                "presence.lastSeenAt": now,
              },
            },
          },
        })),
        unordered,
      );
    },

    /** A page of the devices that are online through a connector, by id. */
    async listHeld(connectorId: string, after: string, limit: number): Promise<HeldDevice[]> {
      const found = await devices
        .find(
          { "presence.connectorId": connectorId, "presence.online": true, _id: { $gt: after } },
          { organizationId: 1, "presence.sessionId": 1 },
        )
        .sort({ _id: 1 })
        .limit(limit)
        .lean<{ _id: string; organizationId: string; presence: { sessionId: string } }[]>();
      return found.map(({ _id, organizationId, presence }) => ({
        deviceId: _id,
        organizationId,
        sessionId: presence.sessionId,
      }));
    },

    /** The connectors through which these devices are online, by device; those that are offline are left out. */
    async holders(deviceIds: string[]): Promise<Map<string, string>> {
      const found = await devices
        .find({ _id: { $in: deviceIds }, "presence.online": true }, { "presence.connectorId": 1 })
        .lean<{ _id: string; presence: { connectorId: string | null } }[]>();
      return new Map(found.map(({ _id, presence }) => [_id, presence.connectorId ?? ""]));
    },

    /** Stored state of revisions, by `<deviceId>:<revision>`. */
    async findRevisionStates(ids: string[]): Promise<Map<string, RevisionState>> {
      const found = await deviceRevisions
        .find({ _id: { $in: ids } }, { digest: 1, state: 1, finishedAt: 1 })
        .lean<RevisionState[]>();
      return byId(found);
    },

    /** Resolves once all of it is durable. A report of an older revision never replaces a newer one's. */
    async saveReports(writes: { observed: ObservedWrite[]; revisions: RevisionWrite[] }): Promise<void> {
      const observed = writes.observed.map(({ deviceId, sessionId, observed }) => ({
        updateOne: {
          filter: {
            _id: deviceId,
            "presence.sessionId": sessionId,
            "observed.revision": { $lte: observed.revision },
          },
          update: { $set: { observed } },
        },
      }));
      const revisions = writes.revisions.map(({ deviceId, revision, set }) => ({
        updateOne: { filter: { _id: `${deviceId}:${revision}` }, update: { $set: set } },
      }));
      await Promise.all([
        writeAll(devices.collection, observed),
        writeAll(deviceRevisions.collection, revisions),
      ]);
    },

    /** Resolves once all pages are durable. */
    async saveObjects(writes: ObjectsWrite[]): Promise<void> {
      if (writes.length === 0) return;
      await writeAll(
        deviceObjects.collection,
        writes.map(({ completes: _completes, ...page }) => ({
          updateOne: {
            filter: { _id: `${page.deviceId}:${page.page}` },
            update: { $set: page },
            upsert: true,
          },
        })),
      );
      const completed = new Map(
        writes.filter((write) => write.completes).map((write) => [write.deviceId, write.pages]),
      );
      if (completed.size === 0) return;
      const stored = await deviceObjects
        .find({ deviceId: { $in: [...completed.keys()] }, page: { $gte: 1 } }, { deviceId: 1, page: 1 })
        .lean<{ _id: string; deviceId: string; page: number }[]>();
      const surplus = stored.filter(({ deviceId, page }) => page >= (completed.get(deviceId) ?? Infinity));
      if (surplus.length > 0) await deviceObjects.deleteMany({ _id: { $in: surplus.map(({ _id }) => _id) } });
    },

    async saveFacts(writes: FactsWrite[]): Promise<void> {
      await writeAll(
        devices.collection,
        writes.map(({ deviceId, sessionId, facts, capabilities }) => ({
          updateOne: {
            filter: { _id: deviceId, "presence.sessionId": sessionId },
            update: { $set: { facts, capabilities } },
          },
        })),
      );
    },
  };
}
