import { randomInt } from "node:crypto";
import { badRequest, conflict, newId, type BusCalls, type CallBus } from "@rciots/runtime";
import { isDuplicateKey, type Device, type NewTunnel, type Store, type Tunnel } from "@rciots/store";
import { createTunnelSync } from "./tunnel-sync.ts";

/** Ports of the platform that tunnels may have. */
export interface PortRange {
  first: number;
  last: number;
}

export type TunnelDevice = Pick<Device, "_id" | "organizationId">;

export interface WantedTunnel
  extends
    Pick<
      Tunnel,
      | "name"
      | "target"
      | "listenHost"
      | "allowFrom"
      | "protocol"
      | "maxConnections"
      | "idleTimeoutMs"
      | "closesAt"
      | "createdBy"
    >,
    Pick<Tunnel, "requestedBy"> {
  /** Undefined: one that is free, at random. */
  port?: number | undefined;
}

/** What listens for a tunnel now, of all connectors together. */
export type SyncedTunnel = BusCalls["tunnel:sync"]["response"];

/** The ports that tunnels have, whoever asks for them: people of the frontend, devices of the connector. */
export interface TunnelPorts {
  /** @throws AppError `tunnels_off` where the platform listens for none */
  range(): PortRange;
  /**
   * Stores a tunnel and has it opened; `synced` is undefined where no connector answers.
   * @throws AppError `tunnels_off`, `port_out_of_range`, `too_many_tunnels`, `no_free_port`, `port_taken`
   */
  open(
    device: TunnelDevice,
    wanted: WantedTunnel,
  ): Promise<{ tunnel: NewTunnel; synced: SyncedTunnel | undefined }>;
  /** Asks the connectors to listen, or not to, as the store says; undefined where no connector answers. */
  sync(device: TunnelDevice, tunnelId: string): Promise<SyncedTunnel | undefined>;
  /** Returns what it was, or null where somebody else was faster. */
  remove(device: TunnelDevice, tunnelId: string): Promise<Tunnel | null>;
}

const maxPerDevice = 100;
const maxPerOrganization = 2_000;
/** Another process may have a port of the range. */
const portAttempts = 5;

export function createTunnelPorts(options: {
  store: Pick<Store, "tunnels" | "leases">;
  bus: CallBus;
  /** Undefined: the platform listens for no tunnels. */
  ports: PortRange | undefined;
}): TunnelPorts {
  const { store, bus, ports } = options;
  const syncTunnel = createTunnelSync({ store, bus });

  function range(): PortRange {
    if (ports !== undefined) return ports;
    const message = "The platform listens for no tunnels: it was started without RCIOTS_TUNNEL_PORTS.";
    throw conflict({ code: "tunnels_off", message });
  }

  function requireInRange(port: number | undefined): void {
    const { first, last } = range();
    if (port === undefined || (port >= first && port <= last)) return;
    const message = `Ports of tunnels are ${first} to ${last} on this platform.`;
    throw badRequest({ code: "port_out_of_range", message });
  }

  async function requireRoom({ organizationId, _id: deviceId }: TunnelDevice): Promise<void> {
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

  const sync: TunnelPorts["sync"] = ({ _id: deviceId, organizationId }, tunnelId) =>
    syncTunnel({ organizationId, deviceId, tunnelId });

  async function remove(device: TunnelDevice, tunnelId: string): Promise<Tunnel | null> {
    const removed = await store.tunnels.remove(device.organizationId, tunnelId);
    if (removed !== null) await sync(device, tunnelId);
    return removed;
  }

  /** Stores it and has it opened; says why where the port can't be had. */
  async function place(
    device: TunnelDevice,
    tunnel: NewTunnel,
  ): Promise<{ synced: SyncedTunnel | undefined } | { refused: string }> {
    try {
      await store.tunnels.insert(tunnel);
    } catch (error) {
      if (isDuplicateKey(error)) return { refused: `Another tunnel has the port ${tunnel.port}.` };
      throw error;
    }
    const synced = await sync(device, tunnel._id);
    if (synced?.state !== "failed") return { synced };
    await remove(device, tunnel._id);
    return { refused: synced.message ?? `The platform can't listen on port ${tunnel.port}.` };
  }

  return {
    range,
    sync,
    remove,
    async open(device, { port: wanted, ...rest }) {
      requireInRange(wanted);
      await requireRoom(device);
      const tried = new Set<number>();
      for (;;) {
        const tunnel: NewTunnel = {
          _id: newId("tun"),
          organizationId: device.organizationId,
          deviceId: device._id,
          ...rest,
          port: wanted ?? (await freePort(tried)),
          createdAt: new Date(),
          version: 1,
        };
        const placed = await place(device, tunnel);
        if ("synced" in placed) return { tunnel, synced: placed.synced };
        tried.add(tunnel.port);
        if (wanted !== undefined || tried.size >= portAttempts)
          throw conflict({ code: "port_taken", message: placed.refused });
      }
    },
  };
}
