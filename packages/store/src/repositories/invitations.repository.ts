import type { Invitation, Models } from "../models.ts";

/** Invitations to organisations. Tokens are looked up by their hash only. */
export function createInvitationRepository({ invitations }: Models) {
  return {
    /** Rejects with a duplicate key where the organisation has invited the address already. */
    async insert(invitation: Invitation): Promise<void> {
      await invitations.create(invitation);
    },

    async find(organizationId: string, invitationId: string): Promise<Invitation | null> {
      return invitations.findOne({ _id: invitationId, organizationId }).lean<Invitation>();
    },

    /** One that is still good. */
    async findByToken(tokenHash: string, now = new Date()): Promise<Invitation | null> {
      return invitations.findOne({ tokenHash, expiresAt: { $gt: now } }).lean<Invitation>();
    },

    /** Newest first, expired ones too; `before` is the last identifier of the page before. */
    async list(organizationId: string, page: { before?: string; limit: number }): Promise<Invitation[]> {
      const older = page.before === undefined ? {} : { _id: { $lt: page.before } };
      return invitations
        .find({ organizationId, ...older })
        .sort({ _id: -1 })
        .limit(page.limit)
        .lean<Invitation[]>();
    },

    /** Those that are still good. */
    async count(organizationId: string, now = new Date()): Promise<number> {
      return invitations.countDocuments({ organizationId, expiresAt: { $gt: now } });
    },

    /** A new token and a new expiry; the link before is worthless then. Null where it is gone. */
    async renew(
      organizationId: string,
      invitationId: string,
      change: Pick<Invitation, "tokenHash" | "expiresAt" | "sentAt">,
    ): Promise<Invitation | null> {
      return invitations
        .findOneAndUpdate(
          { _id: invitationId, organizationId },
          { $set: { ...change, claimedUntil: null } },
          { returnDocument: "after" },
        )
        .lean<Invitation>();
    },

    async setSent(invitationId: string, tokenHash: string, sentAt: Date): Promise<void> {
      await invitations.updateOne({ _id: invitationId, tokenHash }, { $set: { sentAt } });
    },

    /** Takes a good one to accept it; null where it is not good, or somebody else is accepting it. */
    async claim(tokenHash: string, durationMs: number, now = new Date()): Promise<Invitation | null> {
      const free = [{ claimedUntil: null }, { claimedUntil: { $lte: now } }];
      return invitations
        .findOneAndUpdate(
          { tokenHash, expiresAt: { $gt: now }, $or: free },
          { $set: { claimedUntil: new Date(now.getTime() + durationMs) } },
          { returnDocument: "after" },
        )
        .lean<Invitation>();
    },

    /** Gives a claim back that came to nothing. */
    async release({ _id, claimedUntil }: Pick<Invitation, "_id" | "claimedUntil">): Promise<void> {
      await invitations.updateOne({ _id, claimedUntil }, { $set: { claimedUntil: null } });
    },

    async delete(organizationId: string, invitationId: string): Promise<boolean> {
      return (await invitations.deleteOne({ _id: invitationId, organizationId })).deletedCount === 1;
    },

    /** Deletes an expired one, so that the address can be invited anew. */
    async deleteExpired(organizationId: string, email: string, now = new Date()): Promise<void> {
      await invitations.deleteOne({ organizationId, email, expiresAt: { $lte: now } });
    },

    /** Revokes what a person offered; returns how many those were. */
    async deleteOf(organizationId: string, invitedBy: string): Promise<number> {
      return (await invitations.deleteMany({ organizationId, "invitedBy.id": invitedBy })).deletedCount;
    },
  };
}
