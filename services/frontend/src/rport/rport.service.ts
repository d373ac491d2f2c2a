import type { Store, Tunnel } from "@rciots/store";
import type { DevicesService, MemberActing } from "../devices/devices.service.ts";
import type { TunnelsService } from "../tunnels/tunnels.service.ts";
import { viewRportSession, viewRportTunnel } from "./rport.view.ts";

export interface RportWish {
  listenHost: string | null;
  port: number | undefined;
  target: { host: string; port: number };
  allowFrom: string[] | undefined;
}

export type RportService = ReturnType<typeof createRportService>;

const pageSize = 500;
const maxTunnelsOfDevice = 500;
const maxConnections = 64;

/** The devices that are online and their tunnels, seen as rport sees its clients. */
export function createRportService(options: {
  store: Pick<Store, "tunnels">;
  devices: Pick<DevicesService, "list" | "get">;
  tunnels: Pick<TunnelsService, "open" | "close">;
  /** Where tunnels listen that say nothing else. */
  tunnelHost: string;
}) {
  const { store, devices, tunnels, tunnelHost } = options;

  async function pageOf(organizationId: string, cursor: string | undefined) {
    const query = { sort: "newest", limit: pageSize, cursor } as const;
    const { items, nextCursor } = await devices.list(organizationId, { online: true }, query);
    const found = await store.tunnels.ofDevices(items.map(({ _id }) => _id));
    const sessions = items.map((device) => {
      const own = found.filter(({ deviceId }) => deviceId === device._id);
      return viewRportSession(device, own, tunnelHost);
    });
    return { sessions, nextCursor };
  }

  async function same(
    organizationId: string,
    deviceId: string,
    wish: RportWish,
  ): Promise<Tunnel | undefined> {
    if (wish.port === undefined) return undefined;
    const page = { limit: maxTunnelsOfDevice };
    const found = await store.tunnels.listOfDevice(organizationId, deviceId, page);
    const { host, port } = wish.target;
    return found.find(
      (tunnel) => tunnel.port === wish.port && tunnel.target.host === host && tunnel.target.port === port,
    );
  }

  return {
    /** The text of a JSON list, page by page: a fleet is too large for one piece. */
    async *sessions(organizationId: string): AsyncGenerator<string> {
      let cursor: string | undefined;
      let separator = "[";
      do {
        const { sessions, nextCursor } = await pageOf(organizationId, cursor);
        for (const session of sessions) {
          yield `${separator}${JSON.stringify(session)}`;
          separator = ",";
        }
        cursor = nextCursor ?? undefined;
      } while (cursor !== undefined);
      yield separator === "[" ? "[]" : "]";
    },

    async open(acting: MemberActing, deviceId: string, wish: RportWish) {
      const { organizationId } = acting.caller;
      await devices.get(organizationId, deviceId);
      const there = await same(organizationId, deviceId, wish);
      if (there !== undefined) return viewRportTunnel(there, tunnelHost);
      const rest = { name: "", protocol: null, maxConnections, idleTimeoutMs: null, closesAt: null };
      const { tunnel } = await tunnels.open(acting, deviceId, { ...rest, ...wish });
      return viewRportTunnel(tunnel, tunnelHost);
    },

    close: (acting: MemberActing, deviceId: string, id: string) =>
      tunnels.close(acting, { deviceId, id, force: true }),
  };
}
