import type { Authority, Models } from "../models.ts";
import { isDuplicateKey } from "./leases.repository.ts";

/** `<scope>:<number>`, where the scope is `root`, `server` or an organisation's id. */
export function authorityNumber(id: string): number {
  return Number(id.slice(id.lastIndexOf(":") + 1));
}

const newestFirst = (found: Authority[]): Authority[] =>
  found.sort((a, b) => authorityNumber(b._id) - authorityNumber(a._id));

/** Certificate authorities; their keys only in sealed form. */
export function createAuthorityRepository({ authorities }: Models) {
  async function get(id: string): Promise<Authority | undefined> {
    return (await authorities.findOne({ _id: id }).lean<Authority | null>()) ?? undefined;
  }

  return {
    get,

    /** The root or the issuers of server certificates, newest first; retired ones too. */
    async listPlatform(kind: "root" | "server"): Promise<Authority[]> {
      return newestFirst(await authorities.find({ organizationId: null, kind }).lean<Authority[]>());
    },

    /** Of the roots that count, newest first, in PEM; without their keys. Empty before enrolment has made one. */
    async rootCertificates(): Promise<string> {
      const found = await authorities
        .find(
          { organizationId: null, kind: "root", status: { $in: ["issuing", "accepted"] } },
          { certificatePem: 1 },
        )
        .lean<Authority[]>();
      return newestFirst(found)
        .map((root) => root.certificatePem)
        .join("");
    },

    /** All of an organisation, newest first; retired ones too. */
    async listOfOrganization(organizationId: string): Promise<Authority[]> {
      return newestFirst(
        await authorities.find({ organizationId, kind: "organization" }).lean<Authority[]>(),
      );
    },

    /** Those whose device certificates count: issuing and accepted, newest first. */
    async listAccepted(organizationId: string): Promise<Authority[]> {
      return newestFirst(
        await authorities
          .find({ organizationId, kind: "organization", status: { $in: ["issuing", "accepted"] } })
          .lean<Authority[]>(),
      );
    },

    /** Stores it unless its id is taken; either way returns the one that is stored. */
    async insertOrGet(authority: Authority): Promise<{ authority: Authority; isNew: boolean }> {
      try {
        await authorities.insertMany([authority]);
        return { authority, isNew: true };
      } catch (error) {
        const stored = isDuplicateKey(error) ? await get(authority._id) : undefined;
        if (stored === undefined) throw error;
        return { authority: stored, isNew: false };
      }
    },

    /** Asks enrolment for a new intermediate. False where the organisation has none yet. */
    async requestRotation(organizationId: string, now = new Date()): Promise<boolean> {
      const result = await authorities.updateMany(
        { organizationId, kind: "organization", status: "issuing" },
        { $set: { rotationRequestedAt: now } },
      );
      return result.matchedCount > 0;
    },

    /** Organisations with a requested rotation, or an issuing intermediate that ends before `endsBefore`. */
    async organizationsToRotate(endsBefore: Date): Promise<string[]> {
      const found = await authorities
        .find({
          kind: "organization",
          status: "issuing",
          $or: [{ rotationRequestedAt: { $gt: new Date(0) } }, { notAfter: { $lt: endsBefore } }],
        })
        .lean<Authority[]>();
      return [...new Set(found.flatMap((authority) => authority.organizationId ?? []))];
    },

    /** When the first of those that issue ends; undefined where there is none. */
    async firstEnd(kind: Authority["kind"]): Promise<Date | undefined> {
      const [first] = await authorities
        .find({ kind, status: "issuing" }, { notAfter: 1 })
        .sort({ notAfter: 1 })
        .limit(1)
        .lean<Authority[]>();
      return first?.notAfter;
    },

    /** Intermediates that no longer issue but still count. */
    async listSuperseded(): Promise<Authority[]> {
      return authorities.find({ kind: "organization", status: "accepted" }).lean<Authority[]>();
    },

    async setStatus(id: string, status: Authority["status"]): Promise<void> {
      await authorities.updateOne({ _id: id }, { $set: { status, rotationRequestedAt: null } });
    },

    /** A page of all, by id; `after` is the last id of the page before. */
    async page(after: string, limit: number): Promise<Authority[]> {
      return authorities
        .find({ _id: { $gt: after } })
        .sort({ _id: 1 })
        .limit(limit)
        .lean<Authority[]>();
    },

    /** Replaces a sealed key unless somebody else did. */
    async reseal(id: string, from: string, to: string): Promise<void> {
      await authorities.updateOne({ _id: id, sealedKey: from }, { $set: { sealedKey: to } });
    },

    /** The number of the next list of revoked certificates; grows by one with each call. */
    async nextCrlNumber(id: string): Promise<number> {
      const updated = await authorities
        .findOneAndUpdate({ _id: id }, { $inc: { crlNumber: 1 } }, { returnDocument: "after" })
        .lean<Authority | null>();
      if (updated === null) throw new Error(`There is no authority ${id}.`);
      return updated.crlNumber;
    },
  };
}
