import type { Models, Tunnel, TunnelUsage } from "../models.ts";

/** What an operator may change while a tunnel is open. */
export type TunnelChange = Partial<
  Pick<Tunnel, "name" | "allowFrom" | "protocol" | "maxConnections" | "idleTimeoutMs" | "closesAt">
>;

/** What a connector tells of a tunnel: where it stands, and what came to its usage since the last time. */
export interface TunnelReport extends Pick<Tunnel, "state" | "message"> {
  used: TunnelUsage;
}

interface PageOf {
  after?: string;
  limit: number;
}

/** Tunnels that listen on the platform. */
export function createTunnelRepository({ tunnels }: Models) {
  const newestFirst = (query: Record<string, unknown>, { after, limit }: PageOf): Promise<Tunnel[]> =>
    tunnels
      .find(after === undefined ? query : { ...query, _id: { $lt: after } })
      .sort({ _id: -1 })
      .limit(limit)
      .lean<Tunnel[]>()
      .exec();

  return {
    /** Rejects with a duplicate key where another tunnel has the port. */
    async insert(tunnel: Tunnel): Promise<void> {
      await tunnels.create(tunnel);
    },

    async find(organizationId: string, deviceId: string, tunnelId: string): Promise<Tunnel | null> {
      return tunnels.findOne({ _id: tunnelId, organizationId, deviceId }).lean<Tunnel>();
    },

    /** The newest first; `after` is the last identifier of the page before. */
    async list(organizationId: string, page: PageOf): Promise<Tunnel[]> {
      return newestFirst({ organizationId }, page);
    },

    async listOfDevice(organizationId: string, deviceId: string, page: PageOf): Promise<Tunnel[]> {
      return newestFirst({ organizationId, deviceId }, page);
    },

    /** Of all these devices, whatever their organisation; for the connector that holds their sessions. */
    async ofDevices(deviceIds: string[]): Promise<Tunnel[]> {
      return tunnels.find({ deviceId: { $in: deviceIds } }).lean<Tunnel[]>();
    },

    /** Those that devices asked for, of all these devices and whatever their organisation. */
    async askedByDevices(deviceIds: string[]): Promise<Tunnel[]> {
      return tunnels.find({ deviceId: { $in: deviceIds }, requestedBy: "device" }).lean<Tunnel[]>();
    },

    /** Those that devices of an organisation asked for, the newest first. */
    async listAsked(organizationId: string, page: PageOf): Promise<Tunnel[]> {
      return newestFirst({ organizationId, requestedBy: "device" }, page);
    },

    /** Organisations whose devices asked for tunnels that are still there. */
    async organizationsAsked(): Promise<string[]> {
      const found = await tunnels.aggregate<{ _id: string }>([
        { $match: { requestedBy: "device" } },
        { $group: { _id: "$organizationId" } },
      ]);
      return found.map(({ _id }) => _id);
    },

    /** Those that a connector says it listens for, now or in a former life. */
    async claimedBy(connectorId: string): Promise<Tunnel[]> {
      return tunnels.find({ connectorId }).lean<Tunnel[]>();
    },

    async count(query: { organizationId: string; deviceId?: string }): Promise<number> {
      return tunnels.countDocuments(query);
    },

    /** Ports that are taken, of those from `first` to `last`. */
    async takenPorts(first: number, last: number): Promise<number[]> {
      const found = await tunnels
        .find({ port: { $gte: first, $lte: last } }, { port: 1 })
        .lean<{ port: number }[]>();
      return found.map(({ port }) => port);
    },

    /** Null where there is no such tunnel, or its version is another one. */
    async update(
      tunnel: Pick<Tunnel, "_id" | "organizationId">,
      change: TunnelChange,
      version?: number,
    ): Promise<Tunnel | null> {
      const { _id, organizationId } = tunnel;
      return tunnels
        .findOneAndUpdate(
          { _id, organizationId, ...(version === undefined ? {} : { version }) },
          { $set: change, $inc: { version: 1 } },
          { returnDocument: "after" },
        )
        .lean<Tunnel>();
    },

    /** The connector that holds the device's session takes the tunnel over. False where it is gone. */
    async claim(tunnelId: string, connectorId: string): Promise<boolean> {
      const claimed = await tunnels.updateOne({ _id: tunnelId }, { $set: { connectorId } });
      return claimed.matchedCount === 1;
    },

    /** Nothing happens where another connector has claimed it meanwhile. */
    async report(
      tunnelId: string,
      connectorId: string,
      { state, message, used }: TunnelReport,
    ): Promise<void> {
      const { connections, liveConnections, sentBytes, receivedBytes, lastUsedAt } = used;
      await tunnels.updateOne(
        { _id: tunnelId, connectorId },
        {
          $set: {
            state,
            message,
            "usage.liveConnections": liveConnections,
            ...(lastUsedAt === null ? {} : { "usage.lastUsedAt": lastUsedAt }),
          },
          $inc: {
            "usage.connections": connections,
            "usage.sentBytes": sentBytes,
            "usage.receivedBytes": receivedBytes,
          },
        },
      );
    },

    /** Returns what it was, or null where somebody else was faster. */
    async remove(organizationId: string, tunnelId: string): Promise<Tunnel | null> {
      return tunnels.findOneAndDelete({ _id: tunnelId, organizationId }).lean<Tunnel>();
    },

    async removeOfDevice(organizationId: string, deviceId: string): Promise<number> {
      const removed = await tunnels.deleteMany({ organizationId, deviceId });
      return removed.deletedCount;
    },
  };
}
