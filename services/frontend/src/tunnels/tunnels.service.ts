import { randomInt } from "node:crypto";
import { badRequest, conflict, isAppError, newId, notFound, plainAddress, type Bus } from "@rciots/runtime";
import { isDuplicateKey, type Device, type Store, type Tunnel, type TunnelChange } from "@rciots/store";
import { difference, type Acting, type Audit } from "../audit/audit.ts";
import type { Member } from "../auth/caller.ts";
import { readPage, type Page } from "../http/cursor.ts";
import { changesOf, changeVersioned } from "../http/optimistic-change.ts";
import { requireDevice } from "../devices/require-device.ts";

interface MemberActing extends Acting {
  caller: Member;
}

/** Ports of the platform that tunnels may have. */
export interface PortRange {
  first: number;
  last: number;
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

const maxPerDevice = 100;
const maxPerOrganization = 2_000;
/** Another process may have a port of the range. */
const portAttempts = 5;
const busTimeoutMs = 20_000;
const unreachable = ["bus_unserved", "bus_timeout", "bus_busy"];

const offline = () =>
  conflict({ code: "device_offline", message: "The device is not connected; try again when it is online." });

/** Ports of the platform that lead to devices. The connector that holds a device's session listens; this asks it to. */
export function createTunnelsService(options: {
  store: Pick<Store, "tunnels" | "devices">;
  bus: Bus;
  audit: Audit;
  /** Undefined: the platform listens for no tunnels. */
  ports: PortRange | undefined;
}) {
  const { store, bus, audit, ports } = options;

  async function get(organizationId: string, deviceId: string, id: string): Promise<Tunnel> {
    const found = await store.tunnels.find(organizationId, deviceId, id);
    if (found === null) throw notFound({ code: "tunnel_not_found", message: "There is no such tunnel." });
    return found;
  }

  function range(): PortRange {
    if (ports !== undefined) return ports;
    const message = "The platform listens for no tunnels: it was started without RCIOTS_TUNNEL_PORTS.";
    throw conflict({ code: "tunnels_off", message });
  }

  async function requireRoom(organizationId: string, deviceId: string): Promise<void> {
    const [ofDevice, ofAll] = await Promise.all([
      store.tunnels.count({ organizationId, deviceId }),
      store.tunnels.count({ organizationId }),
    ]);
    if (ofDevice < maxPerDevice && ofAll < maxPerOrganization) return;
    const message = `A device has at most ${maxPerDevice} tunnels, an organisation ${maxPerOrganization}; close some.`;
    throw conflict({ code: "too_many_tunnels", message });
  }

  async function freePort(tried: Set<number>): Promise<number> {
    const { first, last } = range();
    const taken = new Set([...(await store.tunnels.takenPorts(first, last)), ...tried]);
    const free = Array.from({ length: last - first + 1 }, (_, index) => first + index).filter(
      (port) => !taken.has(port),
    );
    const port = free[free.length === 0 ? 0 : randomInt(free.length)];
    if (port === undefined)
      throw conflict({ code: "no_free_port", message: "All ports for tunnels are taken; close some." });
    return port;
  }

  /** Asks the connector to listen, or not to, as the store says; undefined where no connector answers. */
  async function sync(device: Device, tunnelId: string) {
    const { online, connectorId } = device.presence;
    if (!online || connectorId === null) return undefined;
    const request = { organizationId: device.organizationId, deviceId: device._id, tunnelId };
    try {
      return await bus.call("tunnel:sync", connectorId, request, { timeoutMs: busTimeoutMs });
    } catch (error) {
      // Its loop finds what it was not told.
      if (isAppError(error) && unreachable.includes(error.code)) return undefined;
      throw error;
    }
  }

  /** Stores it and has it opened. Undefined where the port can't be had. */
  async function place(device: Device, tunnel: Tunnel): Promise<{ message: string } | undefined> {
    try {
      await store.tunnels.insert(tunnel);
    } catch (error) {
      if (isDuplicateKey(error)) return { message: `Another tunnel has the port ${tunnel.port}.` };
      throw error;
    }
    const synced = await sync(device, tunnel._id);
    if (synced?.state !== "failed") return undefined;
    await store.tunnels.remove(tunnel.organizationId, tunnel._id);
    await sync(device, tunnel._id);
    return { message: synced.message ?? `The platform can't listen on port ${tunnel.port}.` };
  }

  async function open(acting: MemberActing, device: Device, wish: TunnelWish): Promise<Tunnel> {
    const { port: wanted, allowFrom, ...rest } = wish;
    const tried = new Set<number>();
    for (;;) {
      const tunnel: Tunnel = {
        _id: newId("tun"),
        organizationId: device.organizationId,
        deviceId: device._id,
        ...rest,
        port: wanted ?? (await freePort(tried)),
        allowFrom: allowFrom ?? [plainAddress(acting.context.address)],
        state: "opening",
        message: null,
        connectorId: null,
        usage: { connections: 0, liveConnections: 0, sentBytes: 0, receivedBytes: 0, lastUsedAt: null },
        createdBy: acting.caller.userId,
        createdAt: new Date(),
        version: 1,
      };
      const refused = await place(device, tunnel);
      if (refused === undefined) return tunnel;
      tried.add(tunnel.port);
      if (wanted !== undefined || tried.size >= portAttempts)
        throw conflict({ code: "port_taken", message: refused.message });
    }
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

  const shown = ({ name, port, target, allowFrom }: Tunnel) => ({ name, port, target, allowFrom });

  return {
    async open(acting: MemberActing, deviceId: string, wish: TunnelWish): Promise<SeenTunnel> {
      const { organizationId } = acting.caller;
      const { first, last } = range();
      const device = await requireDevice(store, organizationId, deviceId);
      if (device.status !== "active")
        throw conflict({ code: "device_not_active", message: "Only an active device takes tunnels." });
      if (wish.port !== undefined && (wish.port < first || wish.port > last)) {
        const message = `Ports of tunnels are ${first} to ${last} on this platform.`;
        throw badRequest({ code: "port_out_of_range", message });
      }
      await requireRoom(organizationId, deviceId);
      const opened = await open(acting, device, wish);
      await audit.record(acting, {
        organizationId,
        deviceId,
        kind: "tunnel.opened",
        message: `A tunnel was opened from port ${opened.port} to ${opened.target.host}:${opened.target.port} of ${device.name}.`,
        details: { tunnelId: opened._id, ...shown(opened) },
      });
      return { tunnel: await get(organizationId, deviceId, opened._id), online: device.presence.online };
    },

    async get(organizationId: string, deviceId: string, id: string): Promise<SeenTunnel> {
      const device = await requireDevice(store, organizationId, deviceId);
      await sync(device, id).catch(() => undefined);
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
        change: (current) => changesOf(current, wanted),
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
      await sync(device, id);
      return { tunnel: await get(organizationId, deviceId, id), online: device.presence.online };
    },

    /** Without `force` a tunnel that somebody is using stays. */
    async close(
      acting: MemberActing,
      { deviceId, id, force }: { deviceId: string; id: string; force: boolean },
    ): Promise<void> {
      const { organizationId } = acting.caller;
      const device = await requireDevice(store, organizationId, deviceId);
      await sync(device, id);
      const { liveConnections } = (await get(organizationId, deviceId, id)).usage;
      if (!force && liveConnections > 0 && device.presence.online) {
        const message = `${liveConnections} connection${liveConnections === 1 ? " is" : "s are"} open through the tunnel; close it with force=true.`;
        throw conflict({ code: "tunnel_in_use", message, details: { liveConnections } });
      }
      const removed = await store.tunnels.remove(organizationId, id);
      if (removed === null) return;
      await sync(device, id);
      const { connections, sentBytes, receivedBytes } = removed.usage;
      await audit.record(acting, {
        organizationId,
        deviceId,
        kind: "tunnel.closed",
        message: `The tunnel on port ${removed.port} to ${device.name} was closed.`,
        details: { tunnelId: id, ...shown(removed), connections, sentBytes, receivedBytes },
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
      try {
        const request = { organizationId, deviceId, host, port };
        return await bus.call("tunnel:check", connectorId, request, { timeoutMs: busTimeoutMs });
      } catch (error) {
        if (isAppError(error) && unreachable.includes(error.code)) throw offline();
        throw error;
      }
    },
  };
}
