import type { Device, Models } from "../models.ts";
import { isDuplicateKey } from "./leases.repository.ts";

/** A certificate as the device's document notes it. */
export interface IssuedToDevice {
  organizationId: string;
  deviceId: string;
  certificate: NonNullable<Device["certificate"]>;
  /** SHA-256 of the certificate's public key. */
  publicKeyHash: string;
}

export interface DeviceName {
  organizationId: string;
  name: string;
}

/** Outcome of one insertion: stored, or refused because the name or the id is taken. */
export type InsertOutcome = "inserted" | "duplicate";

/** Indexes of the documents that a bulk insertion refused as duplicates; anything else is thrown. */
function duplicateIndexes(error: unknown): Set<number> {
  const writeErrors =
    error instanceof Error && "writeErrors" in error
      ? ([] as unknown[]).concat(error.writeErrors)
      : undefined;
  const failures = (writeErrors ?? []) as { code?: number; index?: number }[];
  if (failures.length === 0) {
    if (isDuplicateKey(error)) return new Set([0]);
    throw error;
  }
  if (failures.some((failure) => failure.code !== 11000)) throw error;
  return new Set(failures.map((failure) => failure.index ?? 0));
}

/** The life of a device's identity: created, approved, recovered. */
export function createDeviceEnrollmentRepository({ devices }: Models) {
  return {
    /** Across organisations: the id comes from a device that then proves itself. */
    async get(deviceId: string): Promise<Device | undefined> {
      return (await devices.findOne({ _id: deviceId }).lean<Device | null>()) ?? undefined;
    },

    /** In the order of `names`; one query for each organisation among them. */
    async findByNames(names: DeviceName[]): Promise<(Device | undefined)[]> {
      const byOrganization = new Map<string, Set<string>>();
      for (const { organizationId, name } of names) {
        const wanted = byOrganization.get(organizationId) ?? new Set();
        byOrganization.set(organizationId, wanted.add(name));
      }
      const pages = await Promise.all(
        [...byOrganization].map(([organizationId, wanted]) =>
          devices.find({ organizationId, name: { $in: [...wanted] } }).lean<Device[]>(),
        ),
      );
      const found = new Map(
        pages.flat().map((device) => [`${device.organizationId}/${device.name}`, device]),
      );
      return names.map(({ organizationId, name }) => found.get(`${organizationId}/${name}`));
    },

    /** Stores new devices together; each has its own outcome. */
    async insertMany(added: Device[]): Promise<InsertOutcome[]> {
      try {
        // Through the driver: the documents are complete and typed, and casting each costs more than its insertion.
        await devices.collection.insertMany(added as never[], { ordered: false });
        return added.map(() => "inserted");
      } catch (error) {
        const duplicates = duplicateIndexes(error);
        return added.map((_device, index) => (duplicates.has(index) ? "duplicate" : "inserted"));
      }
    },

    /** Notes each certificate on its device where that is active. In order: whether it was noted. */
    async noteCertificates(issued: IssuedToDevice[]): Promise<boolean[]> {
      await devices.bulkWrite(
        issued.map(({ organizationId, deviceId, certificate, publicKeyHash }) => ({
          updateOne: {
            filter: { _id: deviceId, organizationId, status: "active" as const },
            update: { $set: { certificate, publicKeyHash } },
          },
        })),
        // In order: of two for one device the later one is noted.
        { ordered: true },
      );
      const stored = await devices
        .find({ _id: { $in: issued.map((item) => item.deviceId) } })
        .lean<Device[]>();
      const active = new Set(
        stored
          .filter((device) => device.status === "active")
          .map((device) => `${device.organizationId}/${device._id}`),
      );
      return issued.map(({ organizationId, deviceId }) => active.has(`${organizationId}/${deviceId}`));
    },

    /** Notes the key of a device that waits and comes back with another one; false where it waits no more. */
    async replacePendingKey(
      organizationId: string,
      deviceId: string,
      publicKeyHash: string,
    ): Promise<boolean> {
      const result = await devices.updateOne(
        { _id: deviceId, organizationId, status: "pending" },
        { $set: { publicKeyHash } },
      );
      return result.matchedCount > 0;
    },

    /** Replaces the hash of the device token of a device that has proven itself by its key. */
    async replaceToken(organizationId: string, deviceId: string, tokenHash: string): Promise<void> {
      await devices.updateOne({ _id: deviceId, organizationId }, { $set: { tokenHash } });
    },

    /** Frees the name of a decommissioned device, whose document stays as `<name>~<id>`. */
    async freeName(organizationId: string, deviceId: string, name: string): Promise<void> {
      await devices.updateOne(
        { _id: deviceId, organizationId, name, status: "decommissioned" },
        { $set: { name: `${name}~${deviceId}` } },
      );
    },

    /** Takes a device back that was stored in this moment but may not be. */
    async remove(organizationId: string, deviceId: string): Promise<void> {
      await devices.deleteOne({ _id: deviceId, organizationId });
    },
  };
}
