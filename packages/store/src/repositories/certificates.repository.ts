import type { Certificate, Models } from "../models.ts";

/** Every certificate that was issued to a device, until long after its end. */
export function createCertificateRepository({ certificates }: Models) {
  return {
    async insertMany(issued: Certificate[]): Promise<void> {
      // Through the driver: the documents are complete and typed, and casting each costs more than its insertion.
      if (issued.length > 0) await certificates.collection.insertMany(issued as never[], { ordered: false });
    },

    /** By serial number: upper-case hex, as Node.js and OpenSSL print it. */
    async get(serial: string): Promise<Certificate | undefined> {
      return (await certificates.findOne({ _id: serial }).lean<Certificate | null>()) ?? undefined;
    },

    /** Newest first. */
    async listOfDevice(organizationId: string, deviceId: string, limit = 20): Promise<Certificate[]> {
      return certificates
        .find({ organizationId, deviceId })
        .sort({ notAfter: -1 })
        .limit(limit)
        .lean<Certificate[]>();
    },

    /**
     * Revokes all certificates of a device. `reason` is one of RFC 5280, such as `cessationOfOperation` or
     * `privilegeWithdrawn`; any other text counts as unspecified in the list of revoked ones. Returns how many.
     */
    async revokeForDevice(
      organizationId: string,
      deviceId: string,
      reason: string,
      now = new Date(),
    ): Promise<number> {
      const result = await certificates.updateMany(
        { organizationId, deviceId, revokedAt: null },
        { $set: { revokedAt: now, reason } },
      );
      return result.modifiedCount;
    },

    /** False where it is not there or is revoked already. */
    async revoke(serial: string, reason: string, now = new Date()): Promise<boolean> {
      const result = await certificates.updateOne(
        { _id: serial, revokedAt: null },
        { $set: { revokedAt: now, reason } },
      );
      return result.modifiedCount > 0;
    },

    /** Changes whenever the list of this issuer's revoked certificates does. */
    async revocationState(issuerId: string, notAfter: Date): Promise<string> {
      const filter = { issuerId, revokedAt: { $gt: new Date(0) }, notAfter: { $gt: notAfter } };
      const [latest, count] = await Promise.all([
        certificates.find(filter).sort({ revokedAt: -1 }).limit(1).lean<Certificate[]>(),
        certificates.countDocuments(filter),
      ]);
      return `${count}/${latest[0]?.revokedAt?.getTime() ?? 0}`;
    },

    /** Revoked certificates of this issuer that end after `notAfter`. */
    async listRevoked(issuerId: string, notAfter: Date): Promise<Certificate[]> {
      return certificates
        .find({ issuerId, revokedAt: { $gt: new Date(0) }, notAfter: { $gt: notAfter } })
        .lean<Certificate[]>();
    },

    /** True while a certificate of this issuer is within its lifetime. */
    async hasUnexpired(issuerId: string, now = new Date()): Promise<boolean> {
      const found = await certificates
        .find({ issuerId, notAfter: { $gt: now } })
        .limit(1)
        .lean<Certificate[]>();
      return found.length > 0;
    },
  };
}
