import type { Models } from "../models.ts";

/** A duplicate key: another holder has the document. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === 11000;
}

/** Claims on singleton work. A holder that dies loses its claim when it expires. */
export function createLeaseRepository({ leases }: Models) {
  return {
    /** True when `holder` now has the lease, newly or still. */
    async claim(name: string, holder: string, durationMs: number, now = new Date()): Promise<boolean> {
      const expiresAt = new Date(now.getTime() + durationMs);
      try {
        const claimed = await leases.findOneAndUpdate(
          { _id: name, $or: [{ holder }, { expiresAt: { $lte: now } }] },
          { $set: { holder, expiresAt } },
          { upsert: true, returnDocument: "after" },
        );
        return claimed?.holder === holder;
      } catch (error) {
        // The upsert met a lease that somebody else holds.
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    },

    async release(name: string, holder: string): Promise<void> {
      await leases.deleteOne({ _id: name, holder });
    },

    /** Names of leases with this prefix that are in force. */
    async active(prefix: string, now = new Date()): Promise<string[]> {
      const found = await leases
        .find({ _id: { $gte: prefix, $lt: `${prefix}\uffff` }, expiresAt: { $gt: now } })
        .lean<{ _id: string }[]>();
      return found.map((lease) => lease._id);
    },

    /** Names of leases with this prefix whose holders let them lapse. */
    async expired(prefix: string, now = new Date()): Promise<string[]> {
      const found = await leases
        .find({ _id: { $gte: prefix, $lt: `${prefix}\uffff` }, expiresAt: { $lte: now } })
        .lean<{ _id: string }[]>();
      return found.map((lease) => lease._id);
    },
  };
}
