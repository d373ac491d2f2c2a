import type { DeviceStreams } from "@rciots/protocol";
import {
  createBatcher,
  createLoop,
  errorMessage,
  publishEvents,
  type Bus,
  type Logger,
  type Loop,
} from "@rciots/runtime";
import type { ConnectionLog, Store, Tunnel, TunnelState } from "@rciots/store";
import type { SessionRegistry } from "../session-registry.ts";
import type { Session } from "../session.ts";
import { tunnelConnection } from "./tunnel-connection.ts";
import { createTunnelListener, type TunnelListener } from "./tunnel-listener.ts";

export interface TunnelKeeper {
  loop: Loop;
  /** A device can be reached: its tunnels are opened. Never rejects. */
  deviceLive(session: Session): void;
  /** Its session is over: the ports are free until it comes back. */
  deviceGone(session: Session): void;
  /** Reads one tunnel again and makes what listens match it. */
  sync(ref: TunnelRef): Promise<{ state: TunnelState | "closed"; message: string | null }>;
  counts(): TunnelCounts;
  /** Devices that ports here lead to. */
  devices(): Set<string>;
  stop(): Promise<void>;
}

/** At this moment, in this process. */
export interface TunnelCounts {
  open: number;
  failed: number;
  connections: number;
}

export interface TunnelRef {
  organizationId: string;
  deviceId: string;
  tunnelId: string;
}

export interface TunnelKeeperOptions {
  store: Pick<Store, "tunnels" | "events">;
  bus: Bus;
  registry: Pick<SessionRegistry, "current" | "all">;
  streams: DeviceStreams;
  /** Where each connection is written down. */
  connections: Pick<ConnectionLog, "begin">;
  /** Where tunnels listen that name no address of their own. */
  host: string;
  connectorId: string;
  intervalMs: number;
  logger: Logger;
  now: () => number;
}

interface Held {
  tunnel: Tunnel;
  listener: TunnelListener | undefined;
  state: TunnelState;
  message: string | null;
}

const platform = { kind: "platform", id: "platform", name: "Platform" } as const;
const batchSize = 250;
const stepsPerFullLook = 12;

/**
 * Keeps the listening ports of this connector as the store wants them, for the devices whose sessions are here. The
 * store is the truth: what a hint missed, the loop finds.
 */
export function createTunnelKeeper(options: TunnelKeeperOptions): TunnelKeeper {
  const { store, bus, registry, streams, connections, host, connectorId, logger, now } = options;
  const held = new Map<string, Held>();
  /** What the store was last told of each, besides its usage. */
  const told = new Map<string, string>();
  /** Work on one tunnel is done one after the other. */
  const working = new Map<string, Promise<unknown>>();
  let isStopped = false;
  let steps = 0;

  function inTurn<T>(tunnelId: string, work: () => Promise<T>): Promise<T> {
    const next = (working.get(tunnelId) ?? Promise.resolve()).then(work, work);
    const settled = next
      .catch(() => undefined)
      .finally(() => {
        if (working.get(tunnelId) === settled) working.delete(tunnelId);
      });
    working.set(tunnelId, settled);
    return next;
  }

  const isHere = ({ organizationId, deviceId }: Pick<Tunnel, "organizationId" | "deviceId">): boolean => {
    const session = registry.current(deviceId);
    return session?.state === "live" && session.identity.organizationId === organizationId;
  };

  async function report(id: string, { state, message, listener }: Omit<Held, "tunnel">): Promise<void> {
    const nothing = { connections: 0, liveConnections: 0, sentBytes: 0, receivedBytes: 0, lastUsedAt: null };
    const used = listener?.takeUsage() ?? nothing;
    const standing = `${state} ${used.liveConnections} ${message}`;
    // Most tunnels stand idle: nothing is written for them.
    if (used.lastUsedAt === null && told.get(id) === standing) return;
    await store.tunnels.report(id, connectorId, { state, message, used });
    if (held.has(id)) told.set(id, standing);
  }

  async function open(tunnel: Tunnel): Promise<Held> {
    const listener = createTunnelListener({
      tunnel,
      host: tunnel.listenHost ?? host,
      streams,
      onAsked: (address) => connections.begin(tunnelConnection(tunnel, address)),
      logger,
      now,
    });
    try {
      await listener.open();
      return { tunnel, listener, state: "open", message: null };
    } catch (error) {
      const message = `The platform can't listen on port ${tunnel.port}: ${errorMessage(error)}`;
      logger.warn({ tunnelId: tunnel._id, port: tunnel.port, error: errorMessage(error) }, "tunnel failed");
      return { tunnel, listener: undefined, state: "failed", message };
    }
  }

  /** Frees the port. What was used until then is told of. */
  async function release(id: string, state: TunnelState): Promise<void> {
    const entry = held.get(id);
    held.delete(id);
    told.delete(id);
    if (entry === undefined) return;
    // Refused from here on; what goes through it ends.
    await entry.listener?.close();
    await report(id, { ...entry, state, message: null });
  }

  /** A connector that was killed has said of its tunnels that they are open. */
  async function forgetFormerLife({ _id, connectorId: holder, state }: Tunnel): Promise<void> {
    if (holder !== connectorId || state === "waiting") return;
    await report(_id, { state: "waiting", message: null, listener: undefined });
  }

  /** What listens for a tunnel is made what the store says of it. */
  async function settle(tunnel: Tunnel): Promise<Held | undefined> {
    const { _id } = tunnel;
    if (isStopped || !isHere(tunnel)) {
      await release(_id, "waiting");
      await forgetFormerLife(tunnel);
      return undefined;
    }
    const before = held.get(_id);
    if (before?.listener !== undefined) {
      before.tunnel = tunnel;
      before.listener.apply(tunnel);
      return before;
    }
    if (!(await store.tunnels.claim(_id, connectorId))) return undefined;
    const entry = await open(tunnel);
    // The device may have left while the port was opened.
    held.set(_id, entry);
    if (!isHere(tunnel)) {
      await release(_id, "waiting");
      return undefined;
    }
    await report(_id, entry);
    return entry;
  }

  const settleAll = (tunnels: Tunnel[]): Promise<unknown> =>
    Promise.all(tunnels.map((tunnel) => inTurn(tunnel._id, () => settle(tunnel))));

  const lives = createBatcher<string, Tunnel[]>({
    maxSize: batchSize,
    async run(deviceIds) {
      const found = await store.tunnels.ofDevices(deviceIds);
      return deviceIds.map((deviceId) => found.filter((tunnel) => tunnel.deviceId === deviceId));
    },
  });

  /** By itself: it had its time, or nobody used it. */
  async function closeForGood(entry: Held, reason: string): Promise<void> {
    const { _id, organizationId, deviceId, name, port, target } = entry.tunnel;
    await release(_id, "waiting");
    const removed = await store.tunnels.remove(organizationId, _id);
    if (removed === null) return;
    const { connections, sentBytes, receivedBytes } = removed.usage;
    const event = {
      organizationId,
      deviceId,
      kind: "tunnel.closed",
      severity: "info" as const,
      actor: platform,
      message: `The tunnel on port ${port} was closed: ${reason}.`,
      details: { tunnelId: _id, name, port, target, connections, sentBytes, receivedBytes },
      address: null,
    };
    await store.events.append(event);
    publishEvents(bus, [event]);
  }

  function endReason({ tunnel, listener }: Held): string | undefined {
    const at = now();
    if (tunnel.closesAt !== null && tunnel.closesAt.getTime() <= at) return "its time was over";
    const idleMs = tunnel.idleTimeoutMs;
    if (idleMs === null || listener === undefined || at - listener.lastActiveAt < idleMs) return undefined;
    return "nobody used it";
  }

  async function step(): Promise<void> {
    for (const [id, entry] of [...held]) {
      const reason = endReason(entry);
      await inTurn(id, () => (reason === undefined ? report(id, entry) : closeForGood(entry, reason)));
    }
    const known = [...held.values()].map(({ tunnel }) => tunnel.deviceId);
    const claimed = (await store.tunnels.claimedBy(connectorId)).map(({ deviceId }) => deviceId);
    const isFull = steps % stepsPerFullLook === 0;
    steps += 1;
    // Most of ten thousand devices have no tunnel: they are looked through now and then, for hints that were lost.
    const live = isFull ? registry.all().map(({ identity }) => identity.deviceId) : [];
    const deviceIds = [...new Set([...known, ...claimed, ...live])];
    const found = new Set<string>();
    for (let at = 0; at < deviceIds.length; at += batchSize) {
      const tunnels = await store.tunnels.ofDevices(deviceIds.slice(at, at + batchSize));
      for (const { _id } of tunnels) found.add(_id);
      await settleAll(tunnels);
    }
    for (const id of [...held.keys()]) if (!found.has(id)) await inTurn(id, () => release(id, "waiting"));
  }

  const loop = createLoop({ name: "connector-tunnels", intervalMs: options.intervalMs, step, logger });
  const quietly = (work: Promise<unknown>): void =>
    void work.catch((error: unknown) => {
      logger.warn({ error: errorMessage(error) }, "tunnels could not be brought up to date yet");
      loop.nudge();
    });

  return {
    loop,
    deviceLive: ({ identity }) => quietly(lives.add(identity.deviceId).then(settleAll)),
    deviceGone({ identity }) {
      const ids = [...held].filter(([, { tunnel }]) => tunnel.deviceId === identity.deviceId);
      quietly(settleAll(ids.map(([, { tunnel }]) => tunnel)));
    },
    sync: ({ organizationId, deviceId, tunnelId }) =>
      inTurn(tunnelId, async () => {
        const tunnel = await store.tunnels.find(organizationId, deviceId, tunnelId);
        if (tunnel === null) {
          await release(tunnelId, "waiting");
          return { state: "closed" as const, message: null };
        }
        const entry = await settle(tunnel);
        if (entry === undefined) return { state: "waiting" as const, message: null };
        await report(tunnelId, entry);
        return { state: entry.state, message: entry.message };
      }),
    counts() {
      const states = [...held.values()];
      const count = (wanted: TunnelState): number => states.filter(({ state }) => state === wanted).length;
      const connections = states.reduce((sum, { listener }) => sum + (listener?.connections ?? 0), 0);
      return { open: count("open"), failed: count("failed"), connections };
    },
    devices: () => new Set([...held.values()].map(({ tunnel }) => tunnel.deviceId)),
    async stop() {
      await loop.stop();
      isStopped = true;
      await Promise.all([...held.keys()].map((id) => inTurn(id, () => release(id, "waiting"))));
    },
  };
}
