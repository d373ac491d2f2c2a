import type { TLSSocket } from "node:tls";
import type { Socket } from "socket.io";
import { connectAuth } from "@rciots/protocol";
import { createBatcher, errorMessage, hashToken, isAppError, newId, type Logger } from "@rciots/runtime";
import type { Standing, Store } from "@rciots/store";
import type { KnownAuthorities } from "./known-authorities.ts";
import type { PresenceService } from "./presence.service.ts";
import type { RefusalLog } from "./refusal-log.ts";
import { refusal, refusalError, spread, type Refusal } from "./refusal.ts";
import { endSession } from "./session-ending.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { Session, SessionIdentity, SocketData } from "./session.ts";
import type { ConnectorSettings } from "./settings.ts";
import { judge } from "./standing.ts";
import { fullBucket } from "./token-bucket.ts";

export interface AdmissionOptions {
  store: Pick<Store, "deviceSessions">;
  logger: Logger;
  authorities: KnownAuthorities;
  registry: SessionRegistry;
  presence: PresenceService;
  refusals: RefusalLog;
  connectorId: string;
  settings: ConnectorSettings;
  isDraining: () => boolean;
  /** The device had a session elsewhere that has to learn of this one. */
  onTakenOver: (identity: SessionIdentity) => void;
  noteUpdate: (organizationId: string, deviceId: string) => void;
  now: () => number;
}

export interface Admission {
  /** Resolves to what hangs on the socket from now on. Rejects with an Error whose `data` is the refusal. */
  admit(socket: Socket): Promise<SocketData>;
  readonly checking: number;
}

/** What the verifier says, in the words of the session contract. */
const certificateCodes: Record<string, Refusal["code"]> = {
  certificate_expired: "certificate_expired",
  certificate_wrong_device: "certificate_wrong_device",
  certificate_wrong_organisation: "certificate_wrong_organization",
};

/** A refusal on its way out of the check. */
class Refused extends Error {
  readonly refusal: Refusal;
  readonly device: { organizationId: string; deviceId: string } | undefined;

  constructor(reason: Refusal, device?: { organizationId: string; deviceId: string }) {
    super(reason.code);
    this.refusal = reason;
    this.device = device;
  }
}

const supersededRetryMs = 60_000;
const failedRetryMs = 3_000;
/** Of one that comes to a connector which is sending its devices to others. */
const movedRetryMs = 300;

/** Decides who gets a session; the only place that does. Everything is checked on every connect. */
export function createAdmission(options: AdmissionOptions): Admission {
  const { store, logger, authorities, registry, presence, refusals, connectorId, settings, now } = options;
  let checking = 0;
  // A peer has one try per connection: no number of CONNECT packets makes more work than one.
  const tried = new WeakSet<object>();

  const standings = createBatcher<{ deviceId: string; serial: string }, Standing>({
    maxSize: 250,
    run: (lookups) => store.deviceSessions.findStandings(lookups),
  });

  function requireRoom(): void {
    if (options.isDraining()) {
      const meanMs = settings.drainMoveMs > 0 ? movedRetryMs : settings.drainSpreadMs / 2;
      throw new Refused(refusal("draining", "The connector is stopping.", spread(meanMs)));
    }
    const isFull = registry.size + checking >= settings.maxSessions;
    if (isFull || checking >= settings.maxOpening) {
      const meanMs = isFull ? 20_000 : 2_000 + checking;
      throw new Refused(
        refusal("busy", "The connector has as much as it can take; come back later.", spread(meanMs)),
      );
    }
  }

  async function identify(socket: Socket, transport: TLSSocket): Promise<SessionIdentity> {
    const auth = connectAuth.safeParse(socket.handshake.auth);
    if (!auth.success) {
      throw new Refused(
        refusal("device_token_invalid", "`auth` must hold deviceId and deviceToken and nothing else."),
      );
    }
    const { deviceId, deviceToken } = auth.data;
    const leaf = transport.getPeerX509Certificate();
    if (leaf === undefined) {
      throw new Refused(refusal("certificate_required", "A client certificate is required."));
    }
    try {
      const proved = await authorities.verify(leaf, deviceId, new Date(now()));
      return {
        deviceId,
        organizationId: proved.organizationId,
        serial: proved.serial,
        issuerId: proved.issuerId,
        notBeforeMs: proved.notBefore.getTime(),
        notAfterMs: proved.notAfter.getTime(),
        tokenHash: hashToken(deviceToken),
      };
    } catch (error) {
      if (!isAppError(error) || error.status !== 401) throw error;
      throw new Refused(refusal(certificateCodes[error.code] ?? "certificate_invalid", error.message));
    }
  }

  function buildSession(socket: Socket, transport: TLSSocket, identity: SessionIdentity, deviceName: string) {
    const session: Session = {
      id: newId("ses", now()),
      identity,
      deviceName,
      address: transport.remoteAddress ?? null,
      openedAt: now(),
      socket,
      transport,
      state: "opening",
      ending: undefined,
      epoch: 0,
      capabilities: [],
      calls: 0,
      reads: 0,
      asked: 0,
      workedAt: now(),
      told: { kind: "none", revision: 0, digest: null },
      offering: -1,
      objectsRevision: 0,
      askedToRenewAt: 0,
      streams: undefined,
      messages: fullBucket(settings.messageBurst, now()),
      faults: fullBucket(settings.faultBurst, now()),
    };
    return session;
  }

  /** Makes the session the device's current one, in the store and here. */
  async function open(session: Session, standing: Standing): Promise<void> {
    const { identity, id: sessionId, address } = session;
    const { deviceId, organizationId } = identity;
    const before = standing.device?.presence;
    const wasOnline = before?.online === true;
    const stands = await presence.open({
      deviceId,
      organizationId,
      sessionId,
      connectorId,
      address,
      wasOnline,
    });
    if (session.ending !== undefined) throw new Refused(session.ending, identity);
    if (stands?.sessionId !== sessionId) {
      throw new Refused(
        refusal("superseded", "Another session of this device began.", spread(supersededRetryMs)),
        identity,
      );
    }
    session.epoch = stands.epoch;
    const promoted = registry.promote(session);
    if (promoted === false) {
      throw new Refused(
        refusal("superseded", "Another session of this device began.", spread(supersededRetryMs)),
      );
    }
    session.state = "connected";
    if (promoted.replaced !== undefined) supersede(promoted.replaced, settings.cutGraceMs);
    if (wasOnline && before.connectorId !== connectorId) options.onTakenOver(identity);
    options.noteUpdate(organizationId, deviceId);
  }

  async function check(socket: Socket, transport: TLSSocket): Promise<SocketData> {
    const identity = await identify(socket, transport);
    const standing = await standings.add(identity);
    const verdict = judge(identity, standing, now());
    if (verdict.kind === "refused") throw new Refused(verdict.refusal, identity);
    if (verdict.kind === "farewell") return { farewell: { wipeWorkloads: verdict.wipeWorkloads, transport } };
    const session = buildSession(socket, transport, identity, standing.device?.name ?? identity.deviceId);
    registry.addOpening(session);
    try {
      await open(session, standing);
      // The peer may have left meanwhile; then socket.io says nothing more of this socket.
      if (socket.conn.readyState !== "open") throw new Error("The peer left while it was being checked.");
      return { session };
    } catch (error) {
      session.state = "ended";
      registry.remove(session);
      void presence.close(session);
      throw error;
    }
  }

  return {
    async admit(socket) {
      const transport = socket.conn.request.socket as TLSSocket;
      const address = transport.remoteAddress ?? null;
      try {
        if (tried.has(socket.conn)) throw new Refused(refusal("abuse", "One CONNECT packet per connection."));
        tried.add(socket.conn);
        requireRoom();
        checking += 1;
        try {
          return await check(socket, transport);
        } finally {
          checking -= 1;
        }
      } catch (error) {
        const isRefused = error instanceof Refused;
        if (!isRefused) logger.warn({ address, error: errorMessage(error) }, "connect could not be checked");
        const reason = isRefused
          ? error.refusal
          : refusal("busy", "The connector can't check this connect now.", spread(failedRetryMs));
        const device = isRefused ? error.device : undefined;
        const { organizationId, deviceId } = device ?? {};
        refusals.note({
          refusal: reason,
          address,
          ...(organizationId === undefined || deviceId === undefined
            ? {}
            : { device: { organizationId, deviceId } }),
        });
        throw refusalError(reason);
      }
    },
    get checking() {
      return checking;
    },
  };
}

export function supersede(session: Session, graceMs: number): void {
  endSession(
    session,
    refusal("superseded", "A newer session of this device began.", spread(supersededRetryMs)),
    graceMs,
  );
}
