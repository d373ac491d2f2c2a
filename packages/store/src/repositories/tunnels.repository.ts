import { standingOf, type StoredTunnel } from "../tunnel-standing.ts";
import type { Models, Tunnel, TunnelListening, TunnelUsage } from "../models.ts";
import { liveConnectors } from "./leases.repository.ts";

/** What an operator may change while a tunnel is open. */
export type TunnelChange = Partial<
  Pick<Tunnel, "name" | "allowFrom" | "protocol" | "maxConnections" | "idleTimeoutMs" | "closesAt">
>;

/** A tunnel that nobody listens for yet. */
export type NewTunnel = Omit<Tunnel, "state" | "message" | "reports" | "usage">;

/** What a connector tells of a tunnel: where it stands, and what came to its usage since the last time. */
export interface TunnelReport {
  /** Null: this connector has no part in it any more. */
  listening: TunnelListening | null;
  used: Omit<TunnelUsage, "liveConnections">;
}

interface PageOf {
  after?: string;
  limit: number;
}

const noUsage: StoredTunnel["usage"] = { connections: 0, sentBytes: 0, receivedBytes: 0, lastUsedAt: null };

/** Tunnels that listen on the platform. */
export function createTunnelRepository({ tunnels, leases }: Models) {
  /** The connectors after the tunnels: whoever is named in one had its lease before. */
  async function withStanding(found: StoredTunnel[]): Promise<Tunnel[]> {
    if (found.length === 0) return [];
    const live = await liveConnectors(leases);
    return found.map((tunnel) => standingOf(tunnel, live));
  }

  async function oneWithStanding(found: StoredTunnel | null): Promise<Tunnel | null> {
    return found === null ? null : ((await withStanding([found]))[0] ?? null);
  }

  const newestFirst = async (query: Record<string, unknown>, { after, limit }: PageOf): Promise<Tunnel[]> =>
    withStanding(
      await tunnels
        .find(after === undefined ? query : { ...query, _id: { $lt: after } })
        .sort({ _id: -1 })
        .limit(limit)
        .lean<StoredTunnel[]>()
        .exec(),
    );

  return {
    /** Rejects with a duplicate key where another tunnel has the port. */
    async insert(tunnel: NewTunnel): Promise<void> {
      await tunnels.create({ ...tunnel, reports: {}, usage: noUsage });
    },

    async find(organizationId: string, deviceId: string, tunnelId: string): Promise<Tunnel | null> {
      return oneWithStanding(
        await tunnels.findOne({ _id: tunnelId, organizationId, deviceId }).lean<StoredTunnel>(),
      );
    },

    /** The newest first; `after` is the last identifier of the page before. */
    async list(organizationId: string, page: PageOf): Promise<Tunnel[]> {
      return newestFirst({ organizationId }, page);
    },

    async listOfDevice(organizationId: string, deviceId: string, page: PageOf): Promise<Tunnel[]> {
      return newestFirst({ organizationId, deviceId }, page);
    },

    /** Of all these devices, whatever their organisation; for connectors. */
    async ofDevices(deviceIds: string[]): Promise<Tunnel[]> {
      return withStanding(await tunnels.find({ deviceId: { $in: deviceIds } }).lean<StoredTunnel[]>());
    },

    /** Those that devices asked for, of all these devices and whatever their organisation. */
    async askedByDevices(deviceIds: string[]): Promise<Tunnel[]> {
      const query = { deviceId: { $in: deviceIds }, requestedBy: "device" as const };
      return withStanding(await tunnels.find(query).lean<StoredTunnel[]>());
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

    /** Of all organisations, a page by identifier; for connectors, which listen for all of them. */
    async all({ after, limit }: PageOf): Promise<Tunnel[]> {
      const found = await tunnels
        .find(after === undefined ? {} : { _id: { $gt: after } })
        .sort({ _id: 1 })
        .limit(limit)
        .lean<StoredTunnel[]>();
      return withStanding(found);
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
      return oneWithStanding(
        await tunnels
          .findOneAndUpdate(
            { _id, organizationId, ...(version === undefined ? {} : { version }) },
            { $set: change, $inc: { version: 1 } },
            { returnDocument: "after" },
          )
          .lean<StoredTunnel>(),
      );
    },

    /** Each connector writes of itself only; what was used is added up. False where there is no such tunnel. */
    async report(tunnelId: string, connectorId: string, { listening, used }: TunnelReport): Promise<boolean> {
      const { connections, sentBytes, receivedBytes, lastUsedAt } = used;
      const path = `reports.${connectorId}`;
      const reported = await tunnels.updateOne(
        { _id: tunnelId },
        {
          ...(listening === null ? { $unset: { [path]: "" } } : { $set: { [path]: listening } }),
          $inc: {
            "usage.connections": connections,
            "usage.sentBytes": sentBytes,
            "usage.receivedBytes": receivedBytes,
          },
          ...(lastUsedAt === null ? {} : { $max: { "usage.lastUsedAt": lastUsedAt } }),
        },
      );
      return reported.matchedCount === 1;
    },

    /** Forgets what connectors said that are gone: each start of one has a name of its own. */
    async prune(): Promise<void> {
      const found = await tunnels.find({}, { reports: 1 }).lean<Pick<StoredTunnel, "_id" | "reports">[]>();
      const live = await liveConnectors(leases);
      for (const { _id, reports = {} } of found) {
        const gone = Object.keys(reports).filter((connectorId) => !live.has(connectorId));
        if (gone.length === 0) continue;
        const paths = gone.map((connectorId) => [`reports.${connectorId}`, ""]);
        await tunnels.updateOne({ _id }, { $unset: Object.fromEntries(paths) as Record<string, ""> });
      }
    },

    /** Returns what it was, or null where somebody else was faster. */
    async remove(organizationId: string, tunnelId: string): Promise<Tunnel | null> {
      return oneWithStanding(
        await tunnels.findOneAndDelete({ _id: tunnelId, organizationId }).lean<StoredTunnel>(),
      );
    },

    async removeOfDevice(organizationId: string, deviceId: string): Promise<number> {
      const removed = await tunnels.deleteMany({ organizationId, deviceId });
      return removed.deletedCount;
    },
  };
}
