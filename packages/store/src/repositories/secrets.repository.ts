import { newId } from "@rciots/runtime";
import type { GitCredential, Models, Secret } from "../models.ts";
import { isDuplicateKey } from "./leases.repository.ts";

/** Secrets and Git credentials in sealed form. */
export function createSecretRepository({ secrets, gitCredentials }: Models) {
  async function upsert(organizationId: string, name: string, sealed: string, now: Date): Promise<Secret> {
    return secrets
      .findOneAndUpdate(
        { organizationId, name },
        {
          $set: { sealed, updatedAt: now },
          $inc: { version: 1 },
          $setOnInsert: { _id: newId("sec"), createdAt: now },
        },
        { upsert: true, returnDocument: "after" },
      )
      .orFail()
      .lean<Secret>();
  }

  return {
    /** Creates the secret or gives it a new value. */
    async put(organizationId: string, name: string, sealed: string, now = new Date()): Promise<Secret> {
      try {
        return await upsert(organizationId, name, sealed, now);
      } catch (error) {
        // Two first writes met at the unique index; the loser now finds the document and updates it.
        if (!isDuplicateKey(error)) throw error;
        return upsert(organizationId, name, sealed, now);
      }
    },

    async find(organizationId: string, name: string): Promise<Secret | null> {
      return secrets.findOne({ organizationId, name }).lean<Secret>();
    },

    async findMany(organizationId: string, names: readonly string[]): Promise<Secret[]> {
      if (names.length === 0) return [];
      return secrets.find({ organizationId, name: { $in: [...names] } }).lean<Secret[]>();
    },

    async count(organizationId: string): Promise<number> {
      return secrets.countDocuments({ organizationId });
    },

    /** By name; `after` is the last name of the page before. */
    async list(organizationId: string, page: { after?: string; limit: number }): Promise<Secret[]> {
      return secrets
        .find({ organizationId, ...(page.after === undefined ? {} : { name: { $gt: page.after } }) })
        .sort({ name: 1 })
        .limit(page.limit)
        .lean<Secret[]>();
    },

    async delete(organizationId: string, name: string): Promise<boolean> {
      return (await secrets.deleteOne({ organizationId, name })).deletedCount === 1;
    },

    /** Rejects with a duplicate key where the name is taken. */
    async insertGitCredential(credential: GitCredential): Promise<void> {
      await gitCredentials.create(credential);
    },

    async findGitCredential(organizationId: string, credentialId: string): Promise<GitCredential | null> {
      return gitCredentials.findOne({ _id: credentialId, organizationId }).lean<GitCredential>();
    },

    /** By name; `after` is the last name of the page before. */
    async listGitCredentials(
      organizationId: string,
      page: { after?: string; limit: number },
    ): Promise<GitCredential[]> {
      return gitCredentials
        .find({ organizationId, ...(page.after === undefined ? {} : { name: { $gt: page.after } }) })
        .sort({ name: 1 })
        .limit(page.limit)
        .lean<GitCredential[]>();
    },

    async replaceGitCredential(
      organizationId: string,
      credentialId: string,
      change: Pick<GitCredential, "kind" | "sealed">,
    ): Promise<GitCredential | null> {
      return gitCredentials
        .findOneAndUpdate(
          { _id: credentialId, organizationId },
          { $set: change },
          { returnDocument: "after" },
        )
        .lean<GitCredential>();
    },

    async deleteGitCredential(organizationId: string, credentialId: string): Promise<boolean> {
      return (await gitCredentials.deleteOne({ _id: credentialId, organizationId })).deletedCount === 1;
    },
  };
}
