import type { Socket } from "socket.io";
import {
  deviceCalls,
  isDeviceEvent,
  malformedEvent,
  type Ack,
  type CallErrorCode,
  type DeviceEvent,
  type DeviceRequest,
  type DeviceResponse,
} from "@rciots/protocol";
import { errorMessage, isAppError, toPublicError, type Logger } from "@rciots/runtime";
import { refusal, spread } from "./refusal.ts";
import { endSession } from "./session-ending.ts";
import type { Session, SocketData } from "./session.ts";
import type { ConnectorSettings } from "./settings.ts";
import { takeToken, type TokenBucket } from "./token-bucket.ts";

/** Any memory will do for an answer of bytes. */
type Handled<Event extends DeviceEvent> =
  DeviceResponse<Event> extends Uint8Array ? Uint8Array : DeviceResponse<Event>;

/** One handler for each event of the contract; throws an AppError for what the device may know. */
export type CallHandlers = {
  [Event in DeviceEvent]: (session: Session, request: DeviceRequest<Event>) => Promise<Handled<Event>>;
};

export interface Dispatcher {
  /** Takes one decoded message of a session. Never throws. */
  receive(session: Session, event: unknown, payload: unknown, answer: unknown): void;
  /** Listens to a socket with functions that all sockets share. */
  attach(socket: Socket): void;
  counts(): Record<string, number>;
}

type Answer = (ack: Ack) => void;

const abuseRetryMs = 60_000;
const maxFaultsShown = 5;

function faultDetails(error: {
  issues: { path: PropertyKey[]; message: string }[];
}): Record<string, unknown> {
  const faults = error.issues.slice(0, maxFaultsShown).map(({ path, message }) => ({
    field: path.map(String).join(".").slice(0, 128),
    message: message.slice(0, 256),
  }));
  return { faults };
}

/** `writeBuffer` holds the frames that engine.io could not hand to the transport yet; its types hide it. */
export function queuedFrames(session: Pick<Session, "socket">): number {
  return (session.socket.conn as unknown as { writeBuffer: unknown[] }).writeBuffer.length;
}

/**
 * Turns messages into calls of the handlers: known event, valid payload, after hello, within the session's
 * rates. Every call is answered; every fault is counted against the session.
 */
export function createDispatcher(options: {
  handlers: CallHandlers;
  settings: ConnectorSettings;
  logger: Logger;
  now: () => number;
}): Dispatcher {
  const { handlers, settings, logger, now } = options;
  const counts: Record<string, number> = { messages: 0, answered: 0 };
  const messageRate = { burst: settings.messageBurst, refillPerMs: settings.messagesPerSecond / 1_000 };
  const faultRate = { burst: settings.faultBurst, refillPerMs: settings.faultsPerMinute / 60_000 };

  const count = (name: string): void => void (counts[name] = (counts[name] ?? 0) + 1);
  const isWithin = (bucket: TokenBucket, rate: typeof messageRate): boolean => takeToken(bucket, rate, now());

  function endForAbuse(session: Session, message: string): void {
    const { deviceId } = session.identity;
    count("abuse");
    logger.warn({ deviceId, sessionId: session.id, reason: message }, "session ended for abuse");
    endSession(session, refusal("abuse", message, spread(abuseRetryMs)), settings.cutGraceMs);
  }

  function refuse(
    session: Session,
    answer: Answer | undefined,
    code: CallErrorCode,
    message: string,
    details?: Record<string, unknown>,
  ): void {
    count(code);
    answer?.({ ok: false, error: { code, message, ...(details === undefined ? {} : { details }) } });
    if (!isWithin(session.faults, faultRate)) endForAbuse(session, "Too many messages were invalid.");
  }

  function fail(session: Session, event: DeviceEvent, answer: Answer, error: unknown): void {
    if (!isAppError(error) || error.status >= 500) {
      const { deviceId } = session.identity;
      logger.warn({ deviceId, event, error: errorMessage(error) }, "call failed");
    }
    const { code, message, details } = toPublicError(error);
    count(code);
    answer({ ok: false, error: { code, message, ...(details === undefined ? {} : { details }) } });
  }

  async function handle<Event extends DeviceEvent>(
    session: Session,
    event: Event,
    request: unknown,
    answer: Answer,
  ): Promise<void> {
    session.calls += 1;
    session.workedAt = now();
    try {
      const data = await handlers[event](session, request as DeviceRequest<Event>);
      answer({ ok: true, data });
      count("answered");
    } catch (error) {
      fail(session, event, answer, error);
    } finally {
      session.calls -= 1;
      session.workedAt = now();
    }
  }

  function dispatch(session: Session, event: unknown, payload: unknown, answer: Answer | undefined): void {
    if (event === malformedEvent) return refuse(session, undefined, "invalid_payload", String(payload));
    if (answer === undefined) return refuse(session, undefined, "invalid_payload", "A call carries an id.");
    if (!isWithin(session.messages, messageRate)) {
      return refuse(session, answer, "rate_limited", "Too many messages in a short time.");
    }
    if (!isDeviceEvent(event)) return refuse(session, answer, "unknown_event", "There is no such event.");
    const isHello = event === "session:hello";
    if (!isHello && session.state !== "live") {
      return refuse(session, answer, "hello_required", "The first call is session:hello.");
    }
    if (isHello && (session.state === "live" || session.calls > 0)) {
      return refuse(session, answer, "hello_repeated", "session:hello comes once in a session.");
    }
    if (session.calls >= settings.maxCallsInFlight) {
      // No fault: an agent on a slow link may have more to say than we can take at once.
      count("busy");
      return answer({
        ok: false,
        error: { code: "busy", message: "Too many calls wait for their answers." },
      });
    }
    const parsed = deviceCalls[event].request.safeParse(payload);
    if (!parsed.success) {
      return refuse(
        session,
        answer,
        "invalid_payload",
        "The payload is not valid.",
        faultDetails(parsed.error),
      );
    }
    void handle(session, event, parsed.data, answer);
  }

  function receive(session: Session, event: unknown, payload: unknown, answer: unknown): void {
    if (session.state === "ended") return;
    count("messages");
    try {
      // A peer that sends but does not read would make us hold its answers.
      if (queuedFrames(session) > settings.maxQueuedFrames) {
        return endForAbuse(session, "Answers are not being read.");
      }
      dispatch(session, event, payload, typeof answer === "function" ? (answer as Answer) : undefined);
    } catch (error) {
      const { deviceId } = session.identity;
      logger.error(
        { deviceId, sessionId: session.id, error: errorMessage(error) },
        "message could not be handled",
      );
      endForAbuse(session, "A message could not be handled.");
    }
  }

  function onAny(this: Socket, event: unknown, payload: unknown, answer: unknown): void {
    const { session } = this.data as SocketData;
    if (session !== undefined) receive(session, event, payload, answer);
  }

  return { receive, attach: (socket) => void socket.onAny(onAny), counts: () => ({ ...counts }) };
}
