import type { DeviceRequest, DeviceResponse } from "@rciots/protocol";
import { createBackoff, isAppError, sleep, type Logger } from "@rciots/runtime";
import type { DeviceIdentity } from "../identity/identity.store.ts";
import { cutCode, type Connect } from "./platform-connection.ts";
import { adviceFor, isLasting, nextStep, type NextStep } from "./retry-policy.ts";
import { endByError, type SessionEnd } from "./session-fault.ts";
import type { Session } from "./session.ts";

/** What the loop needs of whoever owns the identity. */
export interface IdentitySource {
  current(): DeviceIdentity | undefined;
  recover(signal: AbortSignal): Promise<DeviceIdentity>;
  enrollAgain(signal: AbortSignal): Promise<DeviceIdentity>;
  canEnroll(): boolean;
}

export interface ConnectLoopOptions {
  identity: IdentitySource;
  connect: Connect;
  hello: () => Promise<DeviceRequest<"session:hello">>;
  /** The platform answered hello; the session may be used until `onEnd`. */
  onLive: (session: Session, answer: DeviceResponse<"session:hello">, sentAt: number) => void;
  /** A session is over, or could not begin. */
  onEnd: (end: SessionEnd) => void;
  /** The certificate at hand can't be valid any more, as far as this device can tell. */
  isExpired: (identity: DeviceIdentity) => boolean;
  /** A certificate was replaced by recovery or enrolment. */
  onNewIdentity: (identity: DeviceIdentity) => void;
  logger: Logger;
  backoff?: { minMs: number; maxMs: number };
  random?: () => number;
  /** Milliseconds of a clock that never goes back. */
  now?: () => number;
  pause?: (durationMs: number, signal: AbortSignal) => Promise<void>;
}

/** A session that lasted this long shows that the path and the platform are well: the backoff begins anew. */
const livedLongMs = 10_000;
/** This many in a row, and the platform may have another CA now. */
const cutsBeforeRecovery = 3;
const helloAttempts = 3;
const longestHelloPauseMs = 8_000;

/**
 * One session after the other until the signal aborts (`stopped`) or the platform no longer wants the device
 * (`decommissioned`). Never rejects.
 */
export async function runConnectLoop(
  options: ConnectLoopOptions,
  signal: AbortSignal,
): Promise<"stopped" | "decommissioned"> {
  const { identity, logger, random = Math.random, pause = sleep, now = () => performance.now() } = options;
  const backoff = createBackoff({ ...(options.backoff ?? { minMs: 1_000, maxMs: 30_000 }), random });
  let cuts = 0;
  let end = await runSession();
  while (!signal.aborted) {
    const step = nextStep(end, { backoffMs: () => backoff.next(), canEnroll: identity.canEnroll(), random });
    if (step.kind === "decommission") return "decommissioned";
    logEnd(logger, end, step);
    await pause(step.pauseMs, signal);
    if (signal.aborted) break;
    end = (await renewIdentity(step.kind)) ?? (await runSession());
  }
  return "stopped";

  async function runSession(): Promise<SessionEnd> {
    let openedAt: number | undefined;
    const end = await sessionOnce(options, signal, () => (openedAt = now()));
    if (openedAt !== undefined && now() - openedAt >= livedLongMs) backoff.reset();
    options.onEnd(end);
    cuts = end.code === cutCode ? cuts + 1 : 0;
    return cuts > 0 && cuts % cutsBeforeRecovery === 0 ? { ...end, code: "certificate_invalid" } : end;
  }

  /** Undefined where there is a usable identity now. */
  async function renewIdentity(kind: "reconnect" | "recover" | "enroll"): Promise<SessionEnd | undefined> {
    if (kind === "reconnect") return undefined;
    try {
      const next = await (kind === "recover" ? identity.recover(signal) : identity.enrollAgain(signal));
      options.onNewIdentity(next);
      logger.info(
        { deviceId: next.deviceId },
        kind === "recover" ? "got a new certificate" : "enrolled anew",
      );
      return undefined;
    } catch (error) {
      return endOf(error);
    }
  }
}

async function sessionOnce(
  options: ConnectLoopOptions,
  signal: AbortSignal,
  onOpen: () => void,
): Promise<SessionEnd> {
  const identity = options.identity.current();
  if (identity === undefined) return { code: "no_identity", message: "There is no identity." };
  if (options.isExpired(identity))
    return { code: "certificate_expired", message: "The certificate has expired." };
  let session: Session;
  try {
    session = await options.connect(identity, signal);
  } catch (error) {
    return endOf(error);
  }
  onOpen();
  const stop = (): void => session.close({ code: "stopped", message: "The agent stops." });
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    await greet(options, session, signal);
    return await session.ended;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Says hello, again where the platform is busy; a session that is not greeted in the end is closed. */
async function greet(options: ConnectLoopOptions, session: Session, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const sentAt = Date.now();
    try {
      const answer = await session.call("session:hello", await options.hello());
      return options.onLive(session, answer, sentAt);
    } catch (error) {
      const end = endOf(error);
      const pauseMs = end.retryAfterMs ?? Number.POSITIVE_INFINITY;
      if (end.code !== "busy" || pauseMs > longestHelloPauseMs || attempt === helloAttempts)
        return session.close(end);
      await sleep(pauseMs, signal);
    }
  }
}

function endOf(error: unknown): SessionEnd {
  const end = endByError(error);
  const named = isAppError(error) ? error.details?.["retryAfterMs"] : undefined;
  return typeof named === "number" ? { ...end, retryAfterMs: named } : end;
}

function logEnd(logger: Logger, end: SessionEnd, step: Exclude<NextStep, { kind: "decommission" }>): void {
  const fields = { code: end.code, reason: end.message, next: step.kind, pauseMs: step.pauseMs };
  const message = adviceFor(end.code) ?? "no session with the platform";
  if (isLasting(end.code)) logger.error(fields, message);
  else logger.warn(fields, message);
}
