import { conflict, isAppError, notFound, plainAddress, type Bus } from "@rciots/runtime";
import type { Store, Tunnel, TunnelChange } from "@rciots/store";
import { busUnreachable, closedTunnelDetails, tunnelDetails, type TunnelPorts } from "@rciots/tunnels";
import { difference, type Acting, type Audit } from "../audit/audit.ts";
import type { Member } from "../auth/caller.ts";
import { readPage, type Page } from "../http/cursor.ts";
import { changesOf, changeVersioned, isSame } from "../http/optimistic-change.ts";
import { requireDevice } from "../devices/require-device.ts";

interface MemberActing extends Acting {
  caller: Member;
}

export interface TunnelWish {
  name: string;
  target: { host: string; port: number };
  port?: number | undefined;
  listenHost: string | null;
  /** Undefined: the address that asks. */
  allowFrom?: string[] | undefined;
  protocol: string | null;
  maxConnections: number;
  idleTimeoutMs: number | null;
  closesAt: Date | null;
}

/** A tunnel, and whether its device is there. */
export interface SeenTunnel {
  tunnel: Tunnel;
  online: boolean;
}

export type TunnelsService = ReturnType<typeof createTunnelsService>;

const checkTimeoutMs = 20_000;

const offline = () =>
  conflict({ code: "device_offline", message: "The device is not connected; try again when it is online." });

/** Who may connect to what a device asked for is said by the organisation's owners. */
function changeable({ requestedBy, allowFrom }: Tunnel, wanted: TunnelChange): TunnelChange {
  const isOther = wanted.allowFrom !== undefined && !isSame(wanted.allowFrom, allowFrom);
  if (requestedBy !== "device" || !isOther) return wanted;
  const message =
    "The device asked for this tunnel: an owner says under remote access which networks may connect to such tunnels.";
  throw conflict({ code: "networks_of_organization", message });
}

/** Ports of the platform that lead to devices. Every connector listens; they are asked to. */
export function createTunnelsService(options: {
  store: Pick<Store, "tunnels" | "devices">;
  bus: Bus;
  audit: Audit;
  ports: TunnelPorts;
}) {
  const { store, bus, audit, ports } = options;

  async function get(organizationId: string, deviceId: string, id: string): Promise<Tunnel> {
    const found = await store.tunnels.find(organizationId, deviceId, id);
    if (found === null) throw notFound({ code: "tunnel_not_found", message: "There is no such tunnel." });
    return found;
  }

  const seen = async (organizationId: string, tunnels: Tunnel[]): Promise<SeenTunnel[]> => {
    const devices = new Map<string, boolean>();
    for (const deviceId of new Set(tunnels.map((tunnel) => tunnel.deviceId))) {
      const device = await store.devices.find(organizationId, deviceId);
      devices.set(deviceId, device?.presence.online ?? false);
    }
    return tunnels.map((tunnel) => ({ tunnel, online: devices.get(tunnel.deviceId) ?? false }));
  };

  async function list(
    organizationId: string,
    query: { limit: number; cursor?: string | undefined },
    read: (page: { after?: string; limit: number }) => Promise<Tunnel[]>,
  ): Promise<Page<SeenTunnel>> {
    const page = await readPage({
      kind: "tunnels",
      ...query,
      cursor: query.cursor,
      read: (after, limit) => read({ limit, ...(after === undefined ? {} : { after }) }),
      positionOf: ({ _id }) => _id,
    });
    return { items: await seen(organizationId, page.items), nextCursor: page.nextCursor };
  }

  return {
    async open(acting: MemberActing, deviceId: string, wish: TunnelWish): Promise<SeenTunnel> {
      const { organizationId } = acting.caller;
      ports.range();
      const device = await requireDevice(store, organizationId, deviceId);
      if (device.status !== "active")
        throw conflict({ code: "device_not_active", message: "Only an active device takes tunnels." });
      const { tunnel: opened } = await ports.open(device, {
        ...wish,
        allowFrom: wish.allowFrom ?? [plainAddress(acting.context.address)],
        createdBy: acting.caller.userId,
      });
      await audit.record(acting, {
        organizationId,
        deviceId,
        kind: "tunnel.opened",
        message: `A tunnel was opened from port ${opened.port} to ${opened.target.host}:${opened.target.port} of ${device.name}.`,
        details: tunnelDetails(opened),
      });
      return { tunnel: await get(organizationId, deviceId, opened._id), online: device.presence.online };
    },

    async get(organizationId: string, deviceId: string, id: string): Promise<SeenTunnel> {
      const device = await requireDevice(store, organizationId, deviceId);
      await ports.sync(device, id).catch(() => undefined);
      return { tunnel: await get(organizationId, deviceId, id), online: device.presence.online };
    },

    listAll: (organizationId: string, query: { limit: number; cursor?: string | undefined }) =>
      list(organizationId, query, (page) => store.tunnels.list(organizationId, page)),

    async listOfDevice(
      organizationId: string,
      deviceId: string,
      query: { limit: number; cursor?: string | undefined },
    ): Promise<Page<SeenTunnel>> {
      await requireDevice(store, organizationId, deviceId);
      return list(organizationId, query, (page) =>
        store.tunnels.listOfDevice(organizationId, deviceId, page),
      );
    },

    async change(
      acting: MemberActing,
      ref: { deviceId: string; id: string; ifMatch: number | undefined },
      wanted: TunnelChange,
    ): Promise<SeenTunnel> {
      const { organizationId } = acting.caller;
      const { deviceId, id } = ref;
      const device = await requireDevice(store, organizationId, deviceId);
      const { before, after, isChanged } = await changeVersioned({
        ifMatch: ref.ifMatch,
        read: () => get(organizationId, deviceId, id),
        change: (current) => changesOf(current, changeable(current, wanted)),
        write: (current, change) => store.tunnels.update(current, change, current.version),
      });
      if (!isChanged) return { tunnel: after, online: device.presence.online };
      await audit.record(acting, {
        organizationId,
        deviceId,
        kind: "tunnel.changed",
        message: `The tunnel on port ${after.port} to ${device.name} was changed.`,
        details: {
          tunnelId: id,
          ...difference(before, after, [
            "name",
            "allowFrom",
            "protocol",
            "maxConnections",
            "idleTimeoutMs",
            "closesAt",
          ]),
        },
      });
      await ports.sync(device, id);
      return { tunnel: await get(organizationId, deviceId, id), online: device.presence.online };
    },

    /** Without `force` a tunnel that somebody is using stays. */
    async close(
      acting: MemberActing,
      { deviceId, id, force }: { deviceId: string; id: string; force: boolean },
    ): Promise<void> {
      const { organizationId } = acting.caller;
      const device = await requireDevice(store, organizationId, deviceId);
      await ports.sync(device, id);
      const { liveConnections } = (await get(organizationId, deviceId, id)).usage;
      if (!force && liveConnections > 0 && device.presence.online) {
        const message = `${liveConnections} connection${liveConnections === 1 ? " is" : "s are"} open through the tunnel; close it with force=true.`;
        throw conflict({ code: "tunnel_in_use", message, details: { liveConnections } });
      }
      const removed = await ports.remove(device, id);
      if (removed === null) return;
      await audit.record(acting, {
        organizationId,
        deviceId,
        kind: "tunnel.closed",
        message: `The tunnel on port ${removed.port} to ${device.name} was closed.`,
        details: closedTunnelDetails(removed),
      });
    },

    /** Has the device connect to the target, and says how long that took. */
    async check(
      acting: MemberActing,
      deviceId: string,
      { host, port }: { host: string; port: number },
    ): Promise<{ durationMs: number }> {
      const { organizationId } = acting.caller;
      const device = await requireDevice(store, organizationId, deviceId);
      const { online, connectorId } = device.presence;
      if (!online || connectorId === null) throw offline();
      await audit.record(acting, {
        organizationId,
        deviceId,
        kind: "tunnel.checked",
        message: `It was tried whether ${device.name} reaches ${host}:${port}.`,
        details: { target: { host, port } },
      });
      try {
        const request = { organizationId, deviceId, host, port };
        return await bus.call("tunnel:check", connectorId, request, { timeoutMs: checkTimeoutMs });
      } catch (error) {
        if (isAppError(error) && busUnreachable.includes(error.code)) throw offline();
        throw error;
      }
    },
  };
}
