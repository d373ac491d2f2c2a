import { createBatcher, createLoop, errorMessage, type Logger } from "@rciots/runtime";
import type {
  ConnectorLoad,
  Presence,
  SessionOpening,
  SessionRef,
  SessionRestore,
  Store,
} from "@rciots/store";
import type { SessionRegistry } from "./session-registry.ts";
import type { Session } from "./session.ts";
import type { ConnectorSettings } from "./settings.ts";

export const leasePrefix = "connector:";
const batchSize = 250;
const pageSize = 500;

/** A session to be put back, and whose it is. */
export type HeldRestore = SessionRestore & { organizationId: string };

export interface PresenceService {
  /** Claims this connector's lease and marks offline what a former life of it left behind. */
  start(): Promise<void>;
  /** Writes what is still to be written, then gives the lease up. */
  stop(): Promise<void>;
  /** The presence that stands after the opening; undefined where the device is gone. */
  open(opening: SessionOpening): Promise<Presence | undefined>;
  /** Never rejects: what can't be written now is found by `reconcile`. */
  close(session: Session): Promise<void>;
  restore(restores: HeldRestore[]): Promise<void>;
  /** Marks devices offline that the store holds for this connector and that have no session here. */
  reconcile(): Promise<void>;
  /** Renews the lease now, since what it says of this connector has changed. Returns at once. */
  announce(): void;
  /** Since the lease was last renewed. */
  leaseAgeMs(): number;
}

export interface PresenceOptions {
  store: Pick<Store, "deviceSessions" | "leases">;
  logger: Logger;
  registry: SessionRegistry;
  connectorId: string;
  /** Where the other processes reach this one's relay; null where it has none. */
  relayAddress: () => string | null;
  /** What the other connectors are told of this one. */
  load: () => ConnectorLoad;
  settings: ConnectorSettings;
  noteUpdate: (organizationId: string, deviceId: string) => void;
  /** The lease had lapsed: others may have marked our devices offline. */
  onLeaseRegained: () => void;
}

/** Keeps the presence in the store true, for this connector's devices and for those of connectors that died. */
export function createPresence(options: PresenceOptions): PresenceService {
  const { store, logger, registry, connectorId, settings, noteUpdate } = options;
  const leaseName = `${leasePrefix}${connectorId}`;
  let hasLease = false;
  const claim = (): Promise<boolean> =>
    store.leases.claim(leaseName, connectorId, settings.leaseMs, new Date(), {
      address: options.relayAddress(),
      load: options.load(),
    });

  const opens = createBatcher<SessionOpening, Presence | undefined>({
    maxSize: batchSize,
    async run(openings) {
      const stands = await store.deviceSessions.open(openings, new Date());
      return openings.map(({ deviceId }) => stands.get(deviceId));
    },
  });
  const closes = createBatcher<SessionRef, void>({
    maxSize: batchSize,
    async run(closings) {
      await store.deviceSessions.close(closings, new Date());
      return closings.map(() => undefined);
    },
  });

  async function markOffline(
    holderId: string,
    isHeld: (ref: SessionRef) => boolean,
    mark: (refs: SessionRef[], now: Date) => Promise<void>,
  ): Promise<void> {
    for (let after = ""; ;) {
      const page = await store.deviceSessions.listHeld(holderId, after, pageSize);
      const stale = page.filter((ref) => !isHeld(ref));
      if (stale.length > 0) await mark(stale, new Date());
      for (const { organizationId, deviceId } of stale) noteUpdate(organizationId, deviceId);
      if (page.length < pageSize) return;
      after = page.at(-1)?.deviceId ?? "";
    }
  }

  const isHeldHere = ({ deviceId, sessionId }: SessionRef): boolean =>
    registry.current(deviceId)?.id === sessionId ||
    registry.ofDevice(deviceId).some((session) => session.id === sessionId);

  async function renewLease(): Promise<void> {
    const had = hasLease;
    hasLease = await claim();
    if (!hasLease) throw new Error("Another connector is clearing up after this one's lapsed lease.");
    if (!had) options.onLeaseRegained();
  }

  async function sweep(): Promise<void> {
    for (const name of await store.leases.expired(leasePrefix)) {
      if (name === leaseName) continue;
      const sweeper = `sweeper:${connectorId}`;
      if (!(await store.leases.claim(name, sweeper, settings.leaseMs))) continue;
      const deadId = name.slice(leasePrefix.length);
      logger.warn({ connectorId: deadId }, "connector died; marking its devices offline");
      await markOffline(deadId, () => false, store.deviceSessions.lapse);
      await store.leases.release(name, sweeper);
    }
  }

  const leaseLoop = createLoop({
    name: "connector-lease",
    intervalMs: settings.leaseRenewMs,
    step: renewLease,
    logger,
  });
  const sweepLoop = createLoop({
    name: "connector-sweep",
    intervalMs: settings.sweepIntervalMs,
    step: sweep,
    logger,
  });
  const reconcile = (): Promise<void> => markOffline(connectorId, isHeldHere, store.deviceSessions.close);

  return {
    async start() {
      // A sweeper that clears up after a former life is done within the length of a lease.
      const giveUpAt = Date.now() + 2 * settings.leaseMs;
      while (!(await claim())) {
        if (Date.now() > giveUpAt) throw new Error(`The lease ${leaseName} can't be claimed.`);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      hasLease = true;
      await reconcile();
      leaseLoop.start();
      sweepLoop.start();
    },
    async stop() {
      await Promise.all([leaseLoop.stop(), sweepLoop.stop()]);
      await closes.drain();
      await reconcile();
      await store.leases.release(leaseName, connectorId);
    },
    open: (opening) => opens.add(opening),
    async close({ id, identity: { deviceId, organizationId } }) {
      try {
        await closes.add({ deviceId, sessionId: id });
        noteUpdate(organizationId, deviceId);
      } catch (error) {
        logger.warn({ deviceId, error: errorMessage(error) }, "device could not be marked offline yet");
      }
    },
    async restore(restores) {
      if (restores.length === 0) return;
      await store.deviceSessions.restore(restores, new Date());
      for (const { organizationId, deviceId } of restores) noteUpdate(organizationId, deviceId);
    },
    reconcile,
    announce: () => leaseLoop.nudge(),
    leaseAgeMs: () => leaseLoop.ageMs(),
  };
}
