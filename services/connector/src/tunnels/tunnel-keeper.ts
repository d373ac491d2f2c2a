import type { DeviceStreams } from "@rciots/protocol";
import { createBatcher, createLoop, errorMessage, type Bus, type Logger, type Loop } from "@rciots/runtime";
import type { ConnectionLog, Store, Tunnel, TunnelListening } from "@rciots/store";
import type { SessionRegistry } from "../session-registry.ts";
import type { Session } from "../session.ts";
import { createHeldTunnels, type HeldTunnel } from "./held-tunnels.ts";
import { createTunnelClosing } from "./tunnel-closing.ts";
import { othersOf } from "./tunnel-port.ts";

export interface TunnelKeeper {
  loop: Loop;
  /** A device can be reached: its tunnels are opened. Never rejects. */
  deviceLive(session: Session): void;
  /** Its session is over: the ports are free until it comes back. */
  deviceGone(session: Session): void;
  /** What the store says of a device's presence was changed here: the other connectors are told. */
  presenceChanged(device: DeviceRef): void;
  /** Looks at the tunnels of a device again, because another connector says so. Never rejects. */
  lookAgain(device: DeviceRef): void;
  /** Reads one tunnel again and makes what listens match it. */
  sync(ref: TunnelRef): Promise<{ state: SyncState; message: string | null }>;
  counts(): TunnelCounts;
  /** Devices that ports here lead to. */
  devices(): Set<string>;
  /** Leaves the ports to the other connectors, where there are any; what goes through them goes on. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** At this moment, in this process. */
export interface TunnelCounts {
  open: number;
  standby: number;
  failed: number;
  connections: number;
}

export interface DeviceRef {
  organizationId: string;
  deviceId: string;
}

export interface TunnelRef extends DeviceRef {
  tunnelId: string;
}

type SyncState = TunnelListening["state"] | "waiting" | "closed";

export interface TunnelKeeperOptions {
  store: Pick<Store, "tunnels" | "events" | "deviceSessions">;
  bus: Bus;
  registry: Pick<SessionRegistry, "current">;
  /** Where tunnels listen that name no address of their own. */
  host: string;
  streams: DeviceStreams;
  /** Whether `streams` lead to devices of other connectors too. */
  isShared: boolean;
  /** Where each connection is written down. */
  connections: Pick<ConnectionLog, "begin">;
  connectorId: string;
  intervalMs: number;
  /** How long ports stay open while their device is between two connectors. */
  moveMs: number;
  logger: Logger;
  now: () => number;
}

const batchSize = 250;
const stepsPerPrune = 12;

/**
 * Keeps the listening ports of this connector as the store wants them, for every device that is connected, here or at
 * another connector. The store is the truth: what a hint missed, the loop finds.
 */
export function createTunnelKeeper(options: TunnelKeeperOptions): TunnelKeeper {
  const { store, bus, registry, isShared, connectorId, intervalMs, logger, now } = options;
  // Of a connector that is alone, a device that is not here is nowhere.
  const held = createHeldTunnels({ ...options, moveMs: isShared ? options.moveMs : 0 });
  const { inTurn, report, release } = held;
  /** Devices that have any, as of the last look. */
  let withTunnels = new Set<string>();
  let steps = 0;

  const isHere = ({ organizationId, deviceId }: DeviceRef): boolean => {
    const session = registry.current(deviceId);
    return session?.state === "live" && session.identity.organizationId === organizationId;
  };

  /** Of the devices of these tunnels, those whose sessions other connectors hold. */
  async function elsewhere(tunnels: readonly Tunnel[]): Promise<ReadonlySet<string>> {
    const ids = new Set(tunnels.filter((tunnel) => !isHere(tunnel)).map(({ deviceId }) => deviceId));
    if (!isShared || ids.size === 0) return new Set();
    const holders = await store.deviceSessions.holders([...ids]);
    return new Set([...holders].filter(([, id]) => id !== connectorId).map(([deviceId]) => deviceId));
  }

  const settle = (tunnel: Tunnel, away: ReadonlySet<string>): Promise<HeldTunnel | undefined> =>
    held.settle(tunnel, () => away.has(tunnel.deviceId) || isHere(tunnel));

  async function settleAll(tunnels: readonly Tunnel[]): Promise<void> {
    const away = await elsewhere(tunnels);
    await Promise.all(tunnels.map((tunnel) => inTurn(tunnel._id, () => settle(tunnel, away))));
  }

  const sync: TunnelKeeper["sync"] = ({ organizationId, deviceId, tunnelId }) =>
    inTurn(tunnelId, async () => {
      const tunnel = await store.tunnels.find(organizationId, deviceId, tunnelId);
      if (tunnel === null) {
        await release({ _id: tunnelId, reports: {} });
        return { state: "closed", message: null };
      }
      withTunnels.add(deviceId);
      const entry = await settle(tunnel, await elsewhere([tunnel]));
      if (entry === undefined) return { state: "waiting", message: null };
      await report(entry);
      return { state: entry.state, message: entry.message };
    });
  const syncAll = (entries: readonly HeldTunnel[]): Promise<unknown> =>
    Promise.all(
      entries.map(({ tunnel: { _id: tunnelId, organizationId, deviceId } }) =>
        sync({ organizationId, deviceId, tunnelId }),
      ),
    );

  const closeForGood = createTunnelClosing({
    store,
    bus,
    connectorId,
    release: (tunnel) => inTurn(tunnel._id, () => release(tunnel)),
  });

  const isOver = ({ closesAt }: Tunnel): boolean => closesAt !== null && closesAt.getTime() <= now();

  /** Whether nothing went through it, here or elsewhere; what others saw is known with their next report. */
  function isIdle({ tunnel, listener }: HeldTunnel): boolean {
    const { idleTimeoutMs, usage } = tunnel;
    if (idleTimeoutMs === null || listener === undefined) return false;
    const lastUsedAt = Math.max(listener.lastActiveAt, usage.lastUsedAt?.getTime() ?? 0);
    const lateMs = othersOf(tunnel, connectorId).length > 0 ? 2 * intervalMs : 0;
    return now() - lastUsedAt >= idleTimeoutMs + lateMs;
  }

  async function keep(tunnel: Tunnel, away: ReadonlySet<string>): Promise<void> {
    if (isOver(tunnel)) return closeForGood(tunnel, "its time was over");
    const entry = await inTurn(tunnel._id, () => settle(tunnel, away));
    if (entry === undefined) return;
    if (isIdle(entry)) return closeForGood(entry.tunnel, "nobody used it");
    await inTurn(tunnel._id, () => report(entry));
  }

  /** All tunnels, however many devices there are: most have none. */
  async function step(): Promise<void> {
    if (steps % stepsPerPrune === 0) await store.tunnels.prune();
    steps += 1;
    const found = new Set<string>();
    const devices = new Set<string>();
    for (let after: string | undefined; ;) {
      const page = await store.tunnels.all({ limit: batchSize, ...(after === undefined ? {} : { after }) });
      for (const { _id, deviceId } of page) {
        found.add(_id);
        devices.add(deviceId);
      }
      const away = await elsewhere(page);
      await Promise.all(page.map((tunnel) => keep(tunnel, away)));
      after = page.at(-1)?._id;
      if (page.length < batchSize) break;
    }
    withTunnels = devices;
    await syncAll(held.all().filter(({ tunnel }) => !found.has(tunnel._id)));
  }

  const ofDevice = createBatcher<string, Tunnel[]>({
    maxSize: batchSize,
    async run(deviceIds) {
      const found = await store.tunnels.ofDevices(deviceIds);
      return deviceIds.map((deviceId) => found.filter((tunnel) => tunnel.deviceId === deviceId));
    },
  });
  const heldOf = (deviceId: string): HeldTunnel[] =>
    held.all().filter(({ tunnel }) => tunnel.deviceId === deviceId);

  async function look({ deviceId }: DeviceRef): Promise<Tunnel[]> {
    const found = await ofDevice.add(deviceId);
    if (found.length > 0) withTunnels.add(deviceId);
    await settleAll(found);
    return found;
  }

  async function lookAgain(device: DeviceRef): Promise<void> {
    const found = new Set((await look(device)).map(({ _id }) => _id));
    await syncAll(heldOf(device.deviceId).filter(({ tunnel }) => !found.has(tunnel._id)));
  }

  function tellOthers({ organizationId, deviceId }: DeviceRef): void {
    if (isShared) bus.publish("tunnel:changed", { organizationId, deviceId });
  }

  async function lookAndTell(device: DeviceRef): Promise<void> {
    if ((await look(device)).length > 0) tellOthers(device);
  }

  const loop = createLoop({ name: "connector-tunnels", intervalMs, step, logger });
  const quietly = (work: Promise<unknown>): Promise<unknown> =>
    work.catch((error: unknown) => {
      logger.warn({ error: errorMessage(error) }, "tunnels could not be brought up to date yet");
      loop.nudge();
    });

  return {
    loop,
    deviceLive: ({ identity }) => void quietly(lookAndTell(identity)),
    deviceGone: ({ identity }) =>
      void quietly(settleAll(heldOf(identity.deviceId).map(({ tunnel }) => tunnel))),
    presenceChanged(device) {
      if (withTunnels.has(device.deviceId)) tellOthers(device);
    },
    lookAgain: (device) => void quietly(lookAgain(device)),
    sync,
    counts() {
      const all = held.all();
      const count = (wanted: TunnelListening["state"]): number =>
        all.filter(({ state }) => state === wanted).length;
      const connections = all.reduce((sum, { listener }) => sum + (listener?.connections ?? 0), 0);
      return { open: count("open"), standby: count("standby"), failed: count("failed"), connections };
    },
    async drain() {
      if (!isShared) return;
      held.drain();
      const left = held.all();
      await quietly(Promise.all(left.map((entry) => inTurn(entry.tunnel._id, () => report(entry)))));
      for (const { tunnel } of left) tellOthers(tunnel);
    },
    devices: () => new Set(held.all().map(({ tunnel }) => tunnel.deviceId)),
    async stop() {
      await loop.stop();
      await held.stop();
    },
  };
}
