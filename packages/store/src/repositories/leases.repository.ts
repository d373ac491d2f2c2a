import type { ConnectorLoad, Models } from "../models.ts";

/** What a holder tells the others with its lease. */
export interface LeaseWords {
  /** `host:port` where they reach it. */
  address?: string | null;
  load?: ConnectorLoad | null;
}

/** A duplicate key: another holder has the document. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === 11000;
}

const connectorPrefix = "connector:";

/** Ids of the connectors whose leases are in force. */
export async function liveConnectors(leases: Models["leases"], now = new Date()): Promise<Set<string>> {
  const found = await leases
    .find({ _id: { $gte: connectorPrefix, $lt: `${connectorPrefix}\uffff` }, expiresAt: { $gt: now } })
    .lean<{ _id: string }[]>();
  return new Set(found.map(({ _id }) => _id.slice(connectorPrefix.length)));
}

/** Claims on singleton work. A holder that dies loses its claim when it expires. */
export function createLeaseRepository({ leases }: Models) {
  return {
    /** True when `holder` now has the lease, newly or still. What it said before with it is forgotten. */
    async claim(
      name: string,
      holder: string,
      durationMs: number,
      now = new Date(),
      { address = null, load = null }: LeaseWords = {},
    ): Promise<boolean> {
      const expiresAt = new Date(now.getTime() + durationMs);
      try {
        const claimed = await leases.findOneAndUpdate(
          { _id: name, $or: [{ holder }, { expiresAt: { $lte: now } }] },
          { $set: { holder, expiresAt, address, load } },
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

    /** Where the holder of a lease that is in force is reached; undefined where there is none, or it says nowhere. */
    async addressOf(name: string, now = new Date()): Promise<string | undefined> {
      const found = await leases
        .findOne({ _id: name, expiresAt: { $gt: now } })
        .lean<{ address?: string | null }>();
      return found?.address ?? undefined;
    },

    /** Names of leases with this prefix that are in force. */
    async active(prefix: string, now = new Date()): Promise<string[]> {
      const found = await leases
        .find({ _id: { $gte: prefix, $lt: `${prefix}\uffff` }, expiresAt: { $gt: now } })
        .lean<{ _id: string }[]>();
      return found.map((lease) => lease._id);
    },

    /** What the holders of leases with this prefix that are in force say of their load; null: nothing. */
    async loads(
      prefix: string,
      now = new Date(),
    ): Promise<{ name: string; holder: string; load: ConnectorLoad | null }[]> {
      const found = await leases
        .find({ _id: { $gte: prefix, $lt: `${prefix}\uffff` }, expiresAt: { $gt: now } })
        .lean<{ _id: string; holder: string; load?: ConnectorLoad | null }[]>();
      return found.map(({ _id, holder, load }) => ({ name: _id, holder, load: load ?? null }));
    },

    /** Ids of the connectors whose leases are in force. */
    async connectors(now = new Date()): Promise<string[]> {
      return [...(await liveConnectors(leases, now))];
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
