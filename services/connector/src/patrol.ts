import { createBatcher, createLoop, sleep, type Logger, type Loop } from "@rciots/runtime";
import type { Standing, Store } from "@rciots/store";
import type { Delivery } from "./delivery.service.ts";
import { isAcknowledged } from "./device-call.ts";
import type { KnownAuthorities } from "./known-authorities.ts";
import type { HeldRestore, PresenceService } from "./presence.service.ts";
import { refusal, spread } from "./refusal.ts";
import { endSession } from "./session-ending.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { Session } from "./session.ts";
import type { ConnectorSettings } from "./settings.ts";
import { judge } from "./standing.ts";
import { supersede } from "./admission.service.ts";

export interface PatrolOptions {
  store: Pick<Store, "deviceSessions">;
  logger: Logger;
  registry: SessionRegistry;
  authorities: KnownAuthorities;
  presence: PresenceService;
  delivery: Delivery;
  /** A session was given up that is nobody's current one any more. */
  onGone: (session: Session) => void;
  connectorId: string;
  settings: ConnectorSettings;
  now: () => number;
  random?: () => number;
}

export interface Patrol {
  loop: Loop;
  /** Looks at these sessions now, because something about their devices changed. Never rejects. */
  rejudge(sessions: Session[]): void;
}

const batchSize = 100;
/** A device whose CA was replaced is asked to renew in one of about this many rounds. */
const renewalRounds = 10;
const askAgainMs = 3_600_000;
const farewellTimeoutMs = 5_000;

/** Looks at every live session again and again, so that a hint that was lost costs time and nothing else. */
export function createPatrol(options: PatrolOptions): Patrol {
  const { store, logger, registry, authorities, presence, delivery, connectorId, settings, now } = options;
  const random = options.random ?? Math.random;

  async function decommission(session: Session, wipeWorkloads: boolean): Promise<void> {
    if (session.ending !== undefined) return;
    const reason = refusal("device_decommissioned", "The device was decommissioned.");
    session.ending = reason;
    // One that is still being checked is refused, comes back and is told then.
    if (session.state !== "opening") {
      await isAcknowledged(session, "device:decommission", { wipeWorkloads }, farewellTimeoutMs);
    }
    endSession(session, reason, settings.cutGraceMs);
  }

  /** Ends a session that may not go on; returns whether it may. */
  function mayGoOn(session: Session, standing: Standing): boolean {
    if (!authorities.isAccepted(session.identity.issuerId)) {
      const reason = refusal("certificate_invalid", "The CA that issued the certificate is retired.");
      endSession(session, reason, settings.cutGraceMs);
      return false;
    }
    const verdict = judge(session.identity, standing, now());
    if (verdict.kind === "refused") {
      const { deviceId } = session.identity;
      logger.info({ deviceId, code: verdict.refusal.code }, "session ended");
      endSession(session, verdict.refusal, settings.cutGraceMs);
      return false;
    }
    if (verdict.kind === "farewell") {
      void decommission(session, verdict.wipeWorkloads);
      return false;
    }
    const stands = standing.device?.presence;
    if (session.state !== "opening" && stands !== undefined && stands.epoch > session.epoch) {
      supersede(session, settings.cutGraceMs);
      return false;
    }
    return session.state !== "ended";
  }

  function restoreOf(session: Session, standing: Standing): HeldRestore[] {
    const isLost = standing.device?.presence.online === false && session.state !== "opening";
    const { id: sessionId, epoch, identity } = session;
    const { deviceId, organizationId } = identity;
    return isLost ? [{ deviceId, organizationId, sessionId, connectorId, epoch }] : [];
  }

  /** Judges a batch by what the store says now; returns those that may go on. */
  async function inspect(sessions: Session[]): Promise<Session[]> {
    const standings = await store.deviceSessions.findStandings(sessions.map(({ identity }) => identity));
    const restores: HeldRestore[] = [];
    const standing = sessions.filter((session, index) => {
      const found = standings[index];
      if (found === undefined || !mayGoOn(session, found)) return false;
      restores.push(...restoreOf(session, found));
      return true;
    });
    await presence.restore(restores);
    return standing;
  }

  function endSilent(session: Session): boolean {
    // A socket that went without a word, which socket.io should have told us of.
    if (!session.socket.connected && now() - session.openedAt > settings.connectTimeoutMs) {
      session.state = "ended";
      session.streams?.close({ code: "session_ended", message: "The device's session ended." });
      registry.remove(session);
      void presence.close(session);
      options.onGone(session);
      return true;
    }
    if (session.state !== "connected" || now() - session.openedAt < settings.helloTimeoutMs) return false;
    endSession(session, refusal("abuse", "There was no session:hello.", spread(60_000)), settings.cutGraceMs);
    return true;
  }

  /** After a rotation of the CA: some of the devices in each round, so that they do not come all at once. */
  function askToRenew(session: Session): void {
    const { identity, askedToRenewAt } = session;
    const isDue = session.state === "live" && authorities.isSuperseded(identity.issuerId);
    if (!isDue || now() - askedToRenewAt < askAgainMs || random() > 1 / renewalRounds) return;
    session.askedToRenewAt = now();
    void isAcknowledged(session, "certificate:expire", {}, settings.ackTimeoutMs).then((isTaken) => {
      if (!isTaken) session.askedToRenewAt = 0;
    });
  }

  async function step(signal: AbortSignal): Promise<void> {
    await authorities.refresh();
    await presence.reconcile();
    const sessions = registry.all().filter((session) => !endSilent(session));
    const pauseMs = settings.patrolIntervalMs / 2 / Math.max(1, Math.ceil(sessions.length / batchSize));
    for (let at = 0; at < sessions.length && !signal.aborted; at += batchSize) {
      const batch = sessions.slice(at, at + batchSize).filter((session) => session.state !== "ended");
      const standing = await inspect(batch);
      standing.forEach(askToRenew);
      delivery.consider(standing);
      await sleep(pauseMs, signal);
    }
  }

  const hinted = createBatcher<Session, void>({
    maxSize: batchSize,
    async run(sessions) {
      await inspect(sessions);
      return sessions.map(() => undefined);
    },
  });

  return {
    loop: createLoop({ name: "connector-patrol", intervalMs: settings.patrolIntervalMs / 2, step, logger }),
    rejudge(sessions) {
      for (const session of sessions) {
        hinted.add(session).catch((error: unknown) => {
          logger.warn({ sessionId: session.id, error: String(error) }, "session could not be judged yet");
        });
      }
    },
  };
}
