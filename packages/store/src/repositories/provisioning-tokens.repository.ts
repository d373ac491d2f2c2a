import { newId } from "@rciots/runtime";
import type { Models, ProvisioningToken } from "../models.ts";

/** What an operator chooses; the rest follows. */
export type NewProvisioningToken = Omit<ProvisioningToken, "_id" | "usedCount" | "createdAt" | "version">;

export type ProvisioningTokenChanges = Partial<
  Pick<
    ProvisioningToken,
    "name" | "approval" | "enabled" | "maxDevices" | "expiresAt" | "labels" | "templateIds"
  >
>;

/** A use that was counted for a device whose document is not confirmed yet. */
export interface TokenClaim {
  /** Names the request, so that its repetition finds its claim: letters, digits and underscores only. */
  key: string;
  deviceId: string;
}

export interface OpenClaim extends TokenClaim {
  tokenId: string;
  claimedAt: Date;
}

/*
 * A use is counted in two steps, because token and device are two documents: `claim` counts it and notes the
 * device in `claims` of the same document, in one atomic update; `settle` removes the note once the device is
 * stored. A process that dies in between leaves the note behind, so nothing is lost: the same request finds
 * it again, or `release` takes the use back.
 */

/** Tokens as everybody but enrolment sees them. */
function withoutClaims({ claims: _claims, ...token }: ProvisioningToken): ProvisioningToken {
  return token;
}

const claimPath = (key: string): string => `claims.${key}`;

/** Tokens that let devices in, and the count of their uses. */
export function createProvisioningTokenRepository({ provisioningTokens }: Models) {
  async function findOne(filter: Record<string, unknown>): Promise<ProvisioningToken | undefined> {
    return (await provisioningTokens.findOne(filter).lean<ProvisioningToken | null>()) ?? undefined;
  }

  return {
    /** Rejects with a duplicate key (`isDuplicateKey`) where the organisation has a token of this name. */
    async create(token: NewProvisioningToken): Promise<ProvisioningToken> {
      const created = { ...token, _id: newId("ptk"), usedCount: 0, createdAt: new Date(), version: 1 };
      await provisioningTokens.insertMany([created]);
      return created;
    },

    async get(organizationId: string, id: string): Promise<ProvisioningToken | undefined> {
      const token = await findOne({ _id: id, organizationId });
      return token && withoutClaims(token);
    },

    /** Newest first; `before` is the last id of the page before. */
    async list(query: {
      organizationId: string;
      before?: string;
      limit: number;
    }): Promise<ProvisioningToken[]> {
      const { organizationId, before, limit } = query;
      const filter = { organizationId, ...(before === undefined ? {} : { _id: { $lt: before } }) };
      const found = await provisioningTokens
        .find(filter)
        .sort({ _id: -1 })
        .limit(limit)
        .lean<ProvisioningToken[]>();
      return found.map(withoutClaims);
    },

    /**
     * Undefined where there is no such token, or `expectedVersion` is given and is not its version. Rejects with
     * a duplicate key where the new name is taken.
     */
    async update(
      organizationId: string,
      id: string,
      changes: ProvisioningTokenChanges,
      expectedVersion?: number,
    ): Promise<ProvisioningToken | undefined> {
      const filter = {
        _id: id,
        organizationId,
        ...(expectedVersion === undefined ? {} : { version: expectedVersion }),
      };
      const updated = await provisioningTokens
        .findOneAndUpdate(filter, { $set: changes, $inc: { version: 1 } }, { returnDocument: "after" })
        .lean<ProvisioningToken | null>();
      return updated === null ? undefined : withoutClaims(updated);
    },

    /** False where there is no such token. Devices that enrolled with it stay. */
    async remove(organizationId: string, id: string): Promise<boolean> {
      return (await provisioningTokens.deleteOne({ _id: id, organizationId })).deletedCount > 0;
    },

    async findByHash(hash: string): Promise<ProvisioningToken | undefined> {
      const token = await findOne({ hash });
      return token && withoutClaims(token);
    },

    /** The present state with the claims that are open. */
    async readForClaim(
      id: string,
    ): Promise<{ token: ProvisioningToken; openClaims: Map<string, string> } | undefined> {
      const token = await findOne({ _id: id });
      if (token === undefined) return undefined;
      const claims = Object.entries(token.claims ?? {});
      return {
        token: withoutClaims(token),
        openClaims: new Map(claims.map(([key, claim]) => [key, claim.deviceId])),
      };
    },

    /**
     * Counts all of `claims` in one atomic step, or none. Undefined where the token is gone, disabled or expired,
     * where its cap is no longer `maxDevices` or leaves no room for all, or where one of the keys is open already:
     * read again, then decide.
     */
    async claim(
      id: string,
      options: { claims: TokenClaim[]; maxDevices: number | null; now: Date },
    ): Promise<ProvisioningToken | undefined> {
      const { claims, maxDevices, now } = options;
      const filter = {
        _id: id,
        enabled: true,
        maxDevices,
        $or: [{ expiresAt: null }, { expiresAt: { $gt: now } }],
        ...(maxDevices === null ? {} : { usedCount: { $lte: maxDevices - claims.length } }),
        ...Object.fromEntries(claims.map((claim) => [claimPath(claim.key), { $exists: false }])),
      };
      const notes: Record<string, unknown> = Object.fromEntries(
        claims.map((claim) => [claimPath(claim.key), { deviceId: claim.deviceId, at: now }]),
      );
      const updated = await provisioningTokens
        .findOneAndUpdate(
          filter,
          { $inc: { usedCount: claims.length }, $set: notes },
          { returnDocument: "after" },
        )
        .lean<ProvisioningToken | null>();
      return updated === null ? undefined : withoutClaims(updated);
    },

    /** Confirms uses whose devices are stored. Returns the keys that were open. */
    async settle(id: string, keys: string[]): Promise<Set<string>> {
      const unset = Object.fromEntries(keys.map((key) => [claimPath(key), 1] as const));
      const before = await provisioningTokens
        .findOneAndUpdate({ _id: id }, { $unset: unset }, { returnDocument: "before" })
        .lean<ProvisioningToken | null>();
      return new Set(keys.filter((key) => before?.claims?.[key] !== undefined));
    },

    /** Takes a use back whose device was not stored; false where the claim is not open. */
    async release(id: string, claim: TokenClaim): Promise<boolean> {
      const path = claimPath(claim.key);
      const result = await provisioningTokens.updateOne(
        { _id: id, [`${path}.deviceId`]: claim.deviceId },
        { $inc: { usedCount: -1 }, $unset: { [path]: 1 } },
      );
      return result.modifiedCount > 0;
    },

    /** Claims that nobody settled or released since `before`: their process died, or the store was away. */
    async staleClaims(before: Date): Promise<OpenClaim[]> {
      const found = await provisioningTokens
        .find({ claims: { $exists: true, $ne: {} } })
        .lean<ProvisioningToken[]>();
      return found.flatMap((token) =>
        Object.entries(token.claims ?? {})
          .filter(([, claim]) => claim.at < before)
          .map(([key, claim]) => ({
            tokenId: token._id,
            key,
            deviceId: claim.deviceId,
            claimedAt: claim.at,
          })),
      );
    },

    /** How many tokens assign this template to the devices they let in. */
    async count(organizationId: string): Promise<number> {
      return provisioningTokens.countDocuments({ organizationId });
    },

    async countByTemplate(organizationId: string, templateId: string): Promise<number> {
      return provisioningTokens.countDocuments({ organizationId, templateIds: templateId });
    },
  };
}
