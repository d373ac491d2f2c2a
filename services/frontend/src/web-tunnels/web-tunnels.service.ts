import { randomBytes } from "node:crypto";
import {
  conflict,
  hashToken,
  newId,
  newToken,
  notFound,
  type Bus,
  type Loop,
  type Logger,
  createLoop,
} from "@rciots/runtime";
import { platformActor, type Device, type Store, type WebTunnel, type WebTunnelChange } from "@rciots/store";
import { difference, type Audit } from "../audit/audit.ts";
import { authorize, type Caller } from "../auth/caller.ts";
import type { Identify } from "../auth/identify.ts";
import type { MemberActing } from "../devices/devices.service.ts";
import { readPage, type Page } from "../http/cursor.ts";
import { changesOf, changeVersioned } from "../http/optimistic-change.ts";
import { enterPath, safePath, webAccess } from "../http-proxy/proxy-door.ts";
import type { ProxySite } from "../http-proxy/proxy-site.ts";
import type { SeenWebTunnel } from "./web-tunnel.view.ts";
import { requireDevice } from "../devices/require-device.ts";

export type WebTunnelWish = Pick<
  WebTunnel,
  "name" | "target" | "scheme" | "hostHeader" | "certificateFingerprint" | "closesAt"
>;

export type WebTunnelsService = ReturnType<typeof createWebTunnelsService>;

const maxPerDevice = 50;
const maxPerOrganization = 1_000;
/** A code goes from the console to the name in the next moment. */
const codeMs = 60_000;
export const expiryIntervalMs = 15_000;

const audited = ["name", "scheme", "hostHeader", "certificateFingerprint", "closesAt"] as const;

/** The device's name, and enough that nobody guesses or meets it. */
function labelOf({ name }: Device): string {
  const random = randomBytes(8).toString("hex").slice(0, 12);
  return `${name.slice(0, 48).replace(/-+$/, "")}-${random}`;
}

/** Web servers that devices reach, opened in a browser behind the console's sign-in. */
export function createWebTunnelsService(options: {
  store: Pick<Store, "webTunnels" | "devices" | "events">;
  identify: Identify;
  bus: Pick<Bus, "publish">;
  audit: Audit;
  logger: Logger;
  /** Undefined: the platform has no domain for them. */
  site: ProxySite | undefined;
}) {
  const { store, identify, bus, audit, logger } = options;

  function site(): ProxySite {
    if (options.site !== undefined) return options.site;
    const message = "The platform has no names for web tunnels: it was started without RCIOTS_PROXY_DOMAIN.";
    throw conflict({ code: "web_tunnels_off", message });
  }

  const missing = () => notFound({ code: "web_tunnel_not_found", message: "There is no such web tunnel." });

  async function find(organizationId: string, deviceId: string, id: string): Promise<WebTunnel> {
    const found = await store.webTunnels.find(organizationId, deviceId, id);
    if (found === null) throw missing();
    return found;
  }

  const urlOf = ({ label }: WebTunnel): string =>
    options.site === undefined ? "" : `${options.site.originOf(label)}/`;

  async function seen(organizationId: string, tunnels: WebTunnel[]): Promise<SeenWebTunnel[]> {
    const ids = [...new Set(tunnels.map(({ deviceId }) => deviceId))];
    const devices = await store.devices.findMany(organizationId, ids);
    const online = new Map(devices.map(({ _id, presence }) => [_id, presence.online]));
    return tunnels.map((tunnel) => ({
      tunnel,
      online: online.get(tunnel.deviceId) ?? false,
      url: urlOf(tunnel),
    }));
  }

  async function list(
    organizationId: string,
    query: { limit: number; cursor?: string | undefined },
    read: (page: { after?: string; limit: number }) => Promise<WebTunnel[]>,
  ): Promise<Page<SeenWebTunnel>> {
    const page = await readPage({
      kind: "web-tunnels",
      limit: query.limit,
      cursor: query.cursor,
      read: (after, limit) => read({ limit, ...(after === undefined ? {} : { after }) }),
      positionOf: ({ _id }) => _id,
    });
    return { items: await seen(organizationId, page.items), nextCursor: page.nextCursor };
  }

  async function requireRoom(organizationId: string, deviceId: string): Promise<void> {
    const ofDevice = await store.webTunnels.count({ organizationId, deviceId });
    const ofAll = await store.webTunnels.count({ organizationId });
    if (ofDevice < maxPerDevice && ofAll < maxPerOrganization) return;
    const message = `A device has at most ${maxPerDevice} web tunnels, an organisation ${maxPerOrganization}; close some.`;
    throw conflict({ code: "too_many_tunnels", message });
  }

  /** Whoever has a page of it open is judged again now. */
  const announce = ({ organizationId, deviceId }: WebTunnel): void =>
    bus.publish("device:access-changed", { organizationId, deviceId });

  const shown = ({ _id, name, label, target }: WebTunnel) => ({ webTunnelId: _id, name, label, target });

  /** By itself: its time was over. */
  async function closeExpired(): Promise<void> {
    for (const tunnel of await store.webTunnels.removeExpired(new Date())) {
      const { organizationId, deviceId, label } = tunnel;
      announce(tunnel);
      await store.events.append({
        organizationId,
        deviceId,
        kind: "web-tunnel.closed",
        severity: "info",
        actor: platformActor,
        message: `The web tunnel ${label} was closed: its time was over.`,
        details: shown(tunnel),
        address: null,
      });
    }
  }

  const loop: Loop = createLoop({
    name: "web tunnels whose time is over",
    intervalMs: expiryIntervalMs,
    step: closeExpired,
    logger,
  });

  return {
    loop,
    async open(acting: MemberActing, deviceId: string, wish: WebTunnelWish): Promise<SeenWebTunnel> {
      site();
      const { organizationId, userId } = acting.caller;
      const device = await requireDevice(store, organizationId, deviceId);
      if (device.status !== "active")
        throw conflict({ code: "device_not_active", message: "Only an active device takes tunnels." });
      await requireRoom(organizationId, deviceId);
      const tunnel: WebTunnel = {
        _id: newId("web"),
        organizationId,
        deviceId,
        ...wish,
        label: labelOf(device),
        usage: { requests: 0, sentBytes: 0, receivedBytes: 0, lastUsedAt: null },
        createdBy: userId,
        createdAt: new Date(),
        version: 1,
      };
      await store.webTunnels.insert(tunnel);
      await audit.record(acting, {
        organizationId,
        deviceId,
        kind: "web-tunnel.opened",
        message: `A web tunnel was opened to ${tunnel.target.host}:${tunnel.target.port} of ${device.name}.`,
        details: shown(tunnel),
      });
      return { tunnel, online: device.presence.online, url: urlOf(tunnel) };
    },

    async get(organizationId: string, deviceId: string, id: string): Promise<SeenWebTunnel> {
      const device = await requireDevice(store, organizationId, deviceId);
      const tunnel = await find(organizationId, deviceId, id);
      return { tunnel, online: device.presence.online, url: urlOf(tunnel) };
    },

    listAll: (organizationId: string, query: { limit: number; cursor?: string | undefined }) =>
      list(organizationId, query, (page) => store.webTunnels.list(organizationId, page)),

    async listOfDevice(
      organizationId: string,
      deviceId: string,
      query: { limit: number; cursor?: string | undefined },
    ): Promise<Page<SeenWebTunnel>> {
      await requireDevice(store, organizationId, deviceId);
      return list(organizationId, query, (page) =>
        store.webTunnels.listOfDevice(organizationId, deviceId, page),
      );
    },

    async change(
      acting: MemberActing,
      ref: { deviceId: string; id: string; ifMatch: number | undefined },
      wanted: WebTunnelChange,
    ): Promise<SeenWebTunnel> {
      const { organizationId } = acting.caller;
      const device = await requireDevice(store, organizationId, ref.deviceId);
      const { before, after, isChanged } = await changeVersioned({
        ifMatch: ref.ifMatch,
        read: () => find(organizationId, ref.deviceId, ref.id),
        change: (current) => changesOf(current, wanted),
        write: (current, change) => store.webTunnels.update(current, change, current.version),
      });
      if (isChanged) {
        announce(after);
        await audit.record(acting, {
          organizationId,
          deviceId: ref.deviceId,
          kind: "web-tunnel.changed",
          message: `The web tunnel ${after.label} to ${device.name} was changed.`,
          details: { webTunnelId: ref.id, ...difference(before, after, audited) },
        });
      }
      return { tunnel: after, online: device.presence.online, url: urlOf(after) };
    },

    async close(acting: MemberActing, deviceId: string, id: string): Promise<void> {
      const { organizationId } = acting.caller;
      const tunnel = await find(organizationId, deviceId, id);
      if ((await store.webTunnels.remove(organizationId, id)) === null) return;
      announce(tunnel);
      await audit.record(acting, {
        organizationId,
        deviceId,
        kind: "web-tunnel.closed",
        message: `The web tunnel ${tunnel.label} was closed.`,
        details: shown(tunnel),
      });
    },

    /** A code with which the browser that asked is let in at the name, once and within a minute. */
    async admit(
      caller: Caller,
      address: string,
      wish: { label: string; state: string; path: string },
    ): Promise<{ url: string }> {
      const tunnel = await store.webTunnels.findByLabel(wish.label);
      const { sessionHash, isCookie } = caller;
      if (tunnel === null || sessionHash === null) throw missing();
      const { organizationId } = tunnel;
      const presented = { hash: sessionHash, kind: "session" as const, isCookie, organizationId, address };
      // Of another organisation than the person's it is one that doesn't exist.
      const member = await identify(presented).catch(() => undefined);
      if (member?.organizationId !== organizationId) throw missing();
      authorize(webAccess, member);
      const code = newToken("rcw");
      await store.webTunnels.insertPass({
        _id: hashToken(code),
        kind: "code",
        webTunnelId: tunnel._id,
        organizationId,
        sessionHash,
        stateHash: wish.state,
        path: safePath(wish.path),
        expiresAt: new Date(Date.now() + codeMs),
      });
      return { url: `${site().originOf(tunnel.label)}${enterPath}?code=${code}` };
    },
  };
}
