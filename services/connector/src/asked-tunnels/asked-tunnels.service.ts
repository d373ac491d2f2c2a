import { tunnelRequestCapability, type AskedTunnel, type AskedTunnelAnswer } from "@rciots/protocol";
import {
  AppError,
  createBackoff,
  createBatcher,
  createLoop,
  errorMessage,
  newId,
  sleep,
  type Bus,
  type Logger,
} from "@rciots/runtime";
import type { Organization, Store } from "@rciots/store";
import type { TunnelPorts } from "@rciots/tunnels";
import { tellDevice } from "../device-call.ts";
import type { SessionRegistry } from "../session-registry.ts";
import type { Session } from "../session.ts";
import { createTunnelSettler, type TunnelSetting } from "./tunnel-settler.ts";

/** Tunnels that devices ask for themselves. */
export interface AskedTunnels {
  start(): void;
  /** Makes what is missing of all that a device wants, and closes what it does not want any more. @throws AppError `busy` */
  ask(session: Session, asked: readonly AskedTunnel[]): Promise<AskedTunnelAnswer[]>;
  /** Of a device that asks for none, nothing stays that it asked for before. Never rejects. */
  deviceLive(session: Session): void;
  /** What its devices may ask for may be another thing now. Never rejects. */
  organizationChanged(organizationId: string): void;
  stop(): Promise<void>;
}

const leaseMs = 30_000;
const batchSize = 250;
/** Of answers, each overtaken by another setting. */
const maxRounds = 3;

const busy = (message: string): AppError =>
  new AppError({
    code: "busy",
    status: 503,
    message,
    details: { retryAfterMs: Math.round(1_000 + Math.random() * 1_000) },
  });

const settingIn = (organization: Pick<Organization, "remoteAccess"> | null | undefined): TunnelSetting =>
  organization?.remoteAccess?.deviceTunnels ?? null;
const keyOf = (setting: TunnelSetting): string => JSON.stringify(setting?.allowFrom ?? null);
const asksForTunnels = ({ capabilities }: Session): boolean => capabilities.includes(tunnelRequestCapability);

/**
 * Keeps the tunnels that devices ask for. They are stored as people's are, and what a device wants is held against the
 * store anew each time that it asks: nothing here has to survive.
 */
export function createAskedTunnels(options: {
  store: Pick<Store, "tunnels" | "devices" | "organizations" | "events" | "leases">;
  bus: Bus;
  registry: Pick<SessionRegistry, "current" | "all">;
  ports: TunnelPorts;
  /** Where tunnels listen that name no address of their own; undefined where none listens. */
  host: string | undefined;
  intervalMs: number;
  logger: Logger;
}): AskedTunnels {
  const { store, registry, logger } = options;
  const settle = createTunnelSettler(options);
  const stopping = new AbortController();
  /** The setting that a session was last answered by. */
  const answeredBy = new WeakMap<Session, string>();

  const settingOf = async (organizationId: string): Promise<TunnelSetting> =>
    settingIn(await store.organizations.find(organizationId));

  /** One at a time for each device, whichever connectors its sessions are with; the newest session has the last word. */
  async function exclusively<T>(
    session: Session,
    work: (hold: () => Promise<void>) => Promise<T>,
  ): Promise<T> {
    const name = `asked-tunnels:${session.identity.deviceId}`;
    const holder = newId("ask");
    const hold = async (): Promise<void> => {
      const isCurrent = session.state === "live" && registry.current(session.identity.deviceId) === session;
      if (!isCurrent || !(await store.leases.claim(name, holder, leaseMs)))
        throw busy("The tunnels of this device are being seen to.");
    };
    await hold();
    try {
      return await work(hold);
    } finally {
      await store.leases.release(name, holder);
    }
  }

  async function settleBySetting(
    session: Session,
    asked: readonly AskedTunnel[],
    hold: () => Promise<void>,
  ): Promise<AskedTunnelAnswer[]> {
    const { organizationId, deviceId } = session.identity;
    const device = await store.devices.find(organizationId, deviceId);
    if (device?.presence.sessionId !== session.id) throw busy("The device has connected anew.");
    for (let round = 1; round <= maxRounds; round += 1) {
      const setting = await settingOf(organizationId);
      const answers = await settle({ session, device, setting, hold }, asked);
      // Whoever changed the setting meanwhile did not see what was opened after that.
      if (keyOf(setting) !== keyOf(await settingOf(organizationId))) continue;
      answeredBy.set(session, keyOf(setting));
      return answers;
    }
    throw busy("What devices may ask for changes too often.");
  }

  const ask: AskedTunnels["ask"] = (session, asked) =>
    exclusively(session, (hold) => settleBySetting(session, asked, hold));

  const leftovers = createBatcher<string, boolean>({
    maxSize: batchSize,
    async run(deviceIds) {
      const found = new Set((await store.tunnels.askedByDevices(deviceIds)).map(({ deviceId }) => deviceId));
      return deviceIds.map((deviceId) => found.has(deviceId));
    },
  });

  /** For as long as it takes: another session of the device may be at it still. */
  async function closeLeftovers(session: Session): Promise<void> {
    const backoff = createBackoff({ minMs: 1_000, maxMs: 60_000 });
    while (session.state === "live" && !stopping.signal.aborted) {
      try {
        if (await leftovers.add(session.identity.deviceId)) await ask(session, []);
        return;
      } catch (error) {
        const { deviceId } = session.identity;
        logger.warn({ deviceId, error: errorMessage(error) }, "tunnels of a device could not be closed yet");
        await sleep(Math.max(100, backoff.next()), stopping.signal);
      }
    }
  }

  /** Tells those devices that were answered by another setting than there is now: of one organisation, or of all. */
  async function tellOfChanges(organizationId?: string): Promise<void> {
    const sessions = registry
      .all()
      .filter((session) => session.state === "live" && answeredBy.has(session) && asksForTunnels(session))
      .filter(({ identity }) => organizationId === undefined || identity.organizationId === organizationId);
    if (sessions.length === 0) return;
    const ids = new Set(sessions.map(({ identity }) => identity.organizationId));
    const organizations = await store.organizations.findMany([...ids]);
    const keys = new Map(organizations.map((one) => [one._id, keyOf(settingIn(one))]));
    for (const session of sessions) {
      const isOther = answeredBy.get(session) !== keys.get(session.identity.organizationId);
      if (isOther) tellDevice(session, "tunnels:changed", {});
    }
  }

  const loop = createLoop({
    name: "tunnels that devices ask for",
    intervalMs: options.intervalMs,
    step: () => tellOfChanges(),
    logger,
  });

  return {
    start: loop.start,
    ask,
    deviceLive(session) {
      if (!asksForTunnels(session)) void closeLeftovers(session);
    },
    organizationChanged(organizationId) {
      tellOfChanges(organizationId).catch((error: unknown) => {
        logger.warn(
          { organizationId, error: errorMessage(error) },
          "devices were not told what they may ask for yet",
        );
        loop.nudge();
      });
    },
    async stop() {
      stopping.abort();
      await loop.stop();
    },
  };
}
