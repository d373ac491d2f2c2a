import type { Models, WebPass, WebTunnel } from "../models.ts";

export type WebTunnelChange = Partial<
  Pick<WebTunnel, "name" | "scheme" | "hostHeader" | "certificateFingerprint" | "closesAt">
>;

interface PageOf {
  after?: string;
  limit: number;
}

/** Web servers of devices that browsers reach by name, and who may. */
export function createWebTunnelRepository({ webTunnels, webPasses }: Models) {
  const newestFirst = (query: Record<string, unknown>, { after, limit }: PageOf): Promise<WebTunnel[]> =>
    webTunnels
      .find(after === undefined ? query : { ...query, _id: { $lt: after } })
      .sort({ _id: -1 })
      .limit(limit)
      .lean<WebTunnel[]>()
      .exec();

  return {
    /** Rejects with a duplicate key where another one has the label. */
    async insert(tunnel: WebTunnel): Promise<void> {
      await webTunnels.create(tunnel);
    },

    async find(organizationId: string, deviceId: string, id: string): Promise<WebTunnel | null> {
      return webTunnels.findOne({ _id: id, organizationId, deviceId }).lean<WebTunnel>();
    },

    /** Whatever its organisation: the name is all that a browser says. */
    async findByLabel(label: string, now = new Date()): Promise<WebTunnel | null> {
      const found = await webTunnels.findOne({ label }).lean<WebTunnel>();
      const endsAt = found?.closesAt ?? null;
      return endsAt !== null && endsAt <= now ? null : found;
    },

    async list(organizationId: string, page: PageOf): Promise<WebTunnel[]> {
      return newestFirst({ organizationId }, page);
    },

    async listOfDevice(organizationId: string, deviceId: string, page: PageOf): Promise<WebTunnel[]> {
      return newestFirst({ organizationId, deviceId }, page);
    },

    async count(query: { organizationId: string; deviceId?: string }): Promise<number> {
      return webTunnels.countDocuments(query);
    },

    /** Null where there is none, or its version is another one. */
    async update(
      { _id, organizationId }: Pick<WebTunnel, "_id" | "organizationId">,
      change: WebTunnelChange,
      version: number,
    ): Promise<WebTunnel | null> {
      return webTunnels
        .findOneAndUpdate(
          { _id, organizationId, version },
          { $set: change, $inc: { version: 1 } },
          { returnDocument: "after" },
        )
        .lean<WebTunnel>();
    },

    async addUsage(id: string, used: WebTunnel["usage"]): Promise<void> {
      await webTunnels.updateOne(
        { _id: id },
        {
          $inc: {
            "usage.requests": used.requests,
            "usage.sentBytes": used.sentBytes,
            "usage.receivedBytes": used.receivedBytes,
          },
          $set: { "usage.lastUsedAt": used.lastUsedAt },
        },
      );
    },

    /** With whatever lets browsers at it. Null where somebody else was faster. */
    async remove(organizationId: string, id: string): Promise<WebTunnel | null> {
      const removed = await webTunnels.findOneAndDelete({ _id: id, organizationId }).lean<WebTunnel>();
      if (removed !== null) await webPasses.deleteMany({ webTunnelId: id });
      return removed;
    },

    async removeOfDevice(organizationId: string, deviceId: string): Promise<number> {
      return (await webTunnels.deleteMany({ organizationId, deviceId })).deletedCount;
    },

    async removeExpired(now: Date): Promise<WebTunnel[]> {
      const found = await webTunnels
        .find({ closesAt: { $gt: new Date(0), $lte: now } })
        .limit(100)
        .lean<WebTunnel[]>();
      const removed: WebTunnel[] = [];
      for (const { _id, organizationId } of found) {
        const gone = await this.remove(organizationId, _id);
        if (gone !== null) removed.push(gone);
      }
      return removed;
    },

    async insertPass(pass: WebPass): Promise<void> {
      await webPasses.create(pass);
    },

    async findPass(hash: string, now = new Date()): Promise<WebPass | null> {
      return webPasses.findOne({ _id: hash, kind: "cookie", expiresAt: { $gt: now } }).lean<WebPass>();
    },

    /** Uses a code up: of several callers one gets it, the others null. */
    async takeCode(hash: string, now = new Date()): Promise<WebPass | null> {
      return webPasses.findOneAndDelete({ _id: hash, kind: "code", expiresAt: { $gt: now } }).lean<WebPass>();
    },
  };
}
