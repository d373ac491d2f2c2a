import { isDeepStrictEqual } from "node:util";
import type { DeviceStreams } from "@rciots/protocol";
import { createKeyedSemaphore, type KeyedSemaphore, type Logger } from "@rciots/runtime";
import type { ConnectionLog, Store, Tunnel, TunnelListening } from "@rciots/store";
import { createPortOpener, othersOf, ownMachine, type TunnelPort } from "./tunnel-port.ts";

/** A tunnel whose device is somewhere. */
export interface HeldTunnel extends TunnelPort {
  tunnel: Tunnel;
  /** What the store has of it. */
  told: TunnelListening | undefined;
  /** Since when its device is nowhere; undefined while it is there. */
  awaySince: number | undefined;
}

/** The ports of one connector. Work on one tunnel is to be done in its turn, one after the other. */
export interface HeldTunnels {
  inTurn: KeyedSemaphore;
  /** What listens for a tunnel is made what the store says of it; undefined where its device is nowhere. */
  settle(tunnel: Tunnel, isThere: () => boolean): Promise<HeldTunnel | undefined>;
  /** False where the tunnel is gone. */
  report(entry: HeldTunnel): Promise<boolean>;
  /** Frees the port, ends what goes through it, and takes back what this connector said of it. */
  release(tunnel: Pick<Tunnel, "_id" | "reports">): Promise<void>;
  all(): HeldTunnel[];
  /** Frees the ports, now and from here on; what goes through them goes on. */
  drain(): void;
  stop(): Promise<void>;
}

const noUsage = { connections: 0, liveConnections: 0, sentBytes: 0, receivedBytes: 0, lastUsedAt: null };

export function createHeldTunnels(options: {
  store: Pick<Store, "tunnels">;
  streams: DeviceStreams;
  /** Where each connection is written down. */
  connections: Pick<ConnectionLog, "begin">;
  host: string;
  connectorId: string;
  /** How long ports stay open once their device is nowhere. */
  moveMs: number;
  logger: Logger;
  now: () => number;
}): HeldTunnels {
  const { store, connectorId, moveMs, now } = options;
  const ports = createPortOpener(options);
  const held = new Map<string, HeldTunnel>();
  const inTurn = createKeyedSemaphore(1);
  let isDraining = false;
  let isStopped = false;

  /** Most tunnels stand idle: nothing is written for them. */
  async function report(entry: HeldTunnel): Promise<boolean> {
    const { tunnel, listener, state, message } = entry;
    const { liveConnections, ...used } = listener?.takeUsage() ?? noUsage;
    const listening = { state, message, machine: ownMachine, liveConnections };
    if (used.lastUsedAt === null && isDeepStrictEqual(entry.told, listening)) return true;
    const isThere = await store.tunnels.report(tunnel._id, connectorId, { listening, used });
    entry.told = listening;
    return isThere;
  }

  async function release({ _id, reports }: Pick<Tunnel, "_id" | "reports">): Promise<void> {
    const entry = held.get(_id);
    held.delete(_id);
    await entry?.listener?.close();
    // What is said of a tunnel that isn't held here is of a former life.
    if (entry === undefined && reports[connectorId] === undefined) return;
    const { liveConnections: _none, ...used } = entry?.listener?.takeUsage() ?? noUsage;
    await store.tunnels.report(_id, connectorId, { listening: null, used });
  }

  /** A session that ended may be anew at another connector in a moment. */
  function isMoving(entry: HeldTunnel | undefined): boolean {
    if (entry?.listener === undefined) return false;
    entry.awaySince ??= now();
    return now() - entry.awaySince < moveMs;
  }

  /** A look that began before a change must not take it back. */
  function adopt(entry: HeldTunnel, tunnel: Tunnel): void {
    if (tunnel.version < entry.tunnel.version) return;
    entry.tunnel = tunnel;
    entry.told = tunnel.reports[connectorId];
    const live = othersOf(tunnel, connectorId).reduce((sum, { liveConnections }) => sum + liveConnections, 0);
    entry.listener?.apply(tunnel, live);
  }

  async function settle(tunnel: Tunnel, isThere: () => boolean): Promise<HeldTunnel | undefined> {
    const before = held.get(tunnel._id);
    if (isStopped || !(isThere() || isMoving(before))) {
      await release(tunnel);
      return undefined;
    }
    if (before !== undefined) {
      if (isThere()) before.awaySince = undefined;
      adopt(before, tunnel);
    }
    if (before?.listener !== undefined || isDraining) return before;
    const told = tunnel.reports[connectorId];
    const entry = { ...(await ports.open(tunnel)), tunnel, told, awaySince: undefined };
    held.set(tunnel._id, entry);
    if (isDraining) leave(entry);
    // The device may have left while the port was opened, and the tunnel may be gone.
    if (!isStopped && isThere() && (await report(entry))) return entry;
    await release(tunnel);
    return undefined;
  }

  function leave(entry: HeldTunnel): void {
    entry.listener?.refuseNew();
    entry.state = "standby";
  }

  return {
    inTurn,
    settle,
    report,
    release,
    all: () => [...held.values()],
    drain() {
      isDraining = true;
      held.forEach(leave);
    },
    async stop() {
      isStopped = true;
      await Promise.all([...held.values()].map(({ tunnel }) => inTurn(tunnel._id, () => release(tunnel))));
    },
  };
}
