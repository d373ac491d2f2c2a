import type { Models, Script } from "../models.ts";

export type ScriptChange = Partial<
  Pick<Script, "name" | "description" | "interpreter" | "text" | "parameters" | "timeoutMs">
>;

/** Scripts that are kept to be run on devices. */
export function createScriptRepository({ scripts }: Models) {
  return {
    /** Rejects with a duplicate key where the name is taken. */
    async insert(script: Script): Promise<void> {
      await scripts.create(script);
    },

    async find(organizationId: string, scriptId: string): Promise<Script | null> {
      return scripts.findOne({ _id: scriptId, organizationId }).lean<Script>();
    },

    /** The newest first; `nameMatches` is a regular expression that the caller has escaped. */
    async list(
      organizationId: string,
      page: { after?: string; limit: number; nameMatches?: string },
    ): Promise<Script[]> {
      const { after, nameMatches } = page;
      const filter = {
        organizationId,
        ...(after === undefined ? {} : { _id: { $lt: after } }),
        ...(nameMatches === undefined ? {} : { name: { $regex: nameMatches } }),
      };
      return scripts.find(filter).sort({ _id: -1 }).limit(page.limit).lean<Script[]>();
    },

    async count(organizationId: string): Promise<number> {
      return scripts.countDocuments({ organizationId });
    },

    /** Null where it is gone or no longer has version `ifVersion`. A duplicate key: the name is taken. */
    async update(
      organizationId: string,
      scriptId: string,
      ifVersion: number,
      change: ScriptChange,
    ): Promise<Script | null> {
      return scripts
        .findOneAndUpdate(
          { _id: scriptId, organizationId, version: ifVersion },
          { $set: { ...change, updatedAt: new Date() }, $inc: { version: 1 } },
          { returnDocument: "after" },
        )
        .lean<Script>();
    },

    /** Returns what it was, or null where somebody else was faster. */
    async remove(organizationId: string, scriptId: string): Promise<Script | null> {
      return scripts.findOneAndDelete({ _id: scriptId, organizationId }).lean<Script>();
    },
  };
}
