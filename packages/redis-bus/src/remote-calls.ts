import { AppError, errorMessage, toPublicError, type BusCallOptions, type Logger } from "@rciots/runtime";
import {
  decodeFrame,
  encodeFrame,
  maxFrameBytes,
  replyFrame,
  requestFrame,
  type ReplyFrame,
  type RequestFrame,
} from "./frames.ts";
import type { RedisLink } from "./redis-link.ts";

/** Runs a call that came from another instance. */
type Run = (request: unknown, options: BusCallOptions) => Promise<unknown>;

export interface RemoteCalls {
  /** Calls whoever serves this key in another instance. Rejects as `CallBus.call` says. */
  call(key: string, request: unknown, options: BusCallOptions): Promise<unknown>;
  /** Takes calls for this key from other instances. Returns the function that ends it. */
  serve(key: string, run: Run): () => void;
}

const busError = (code: string, status: number, message: string): AppError =>
  new AppError({ code, status, message });
const unavailable = (): AppError =>
  busError("bus_unavailable", 503, "The platform's parts can't reach each other now; try again in a moment.");
const tooLarge = (): AppError =>
  busError(
    "bus_too_large",
    413,
    `A message between the platform's parts has at most ${maxFrameBytes} bytes.`,
  );

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));

const maxMessageLength = 4_096;

function refusalOf(id: string, error: unknown): ReplyFrame {
  const { message, ...rest } = toPublicError(error);
  return { ok: false, id, error: { ...rest, message: message.slice(0, maxMessageLength) } };
}

/** A reply that can be sent; an answer that can't is an error for the caller, not a call without an end. */
function encodeReply(frame: ReplyFrame): Buffer {
  try {
    const bytes = encodeFrame(frame);
    return bytes.length <= maxFrameBytes ? bytes : encodeFrame(refusalOf(frame.id, tooLarge()));
  } catch (error) {
    return encodeFrame(refusalOf(frame.id, error));
  }
}

/** Calls between instances: a request on the server's channel, its answer on the channel of the instance that waits. */
export function createRemoteCalls(options: {
  link: RedisLink;
  instanceId: string;
  channelOf: (kind: "call" | "reply", name: string) => string;
  logger: Logger;
}): RemoteCalls {
  const { link, instanceId, channelOf, logger } = options;
  const waiting = new Map<string, (frame: ReplyFrame) => void>();
  let count = 0;

  link.subscribe(channelOf("reply", instanceId), (message) => {
    const frame = decodeFrame(replyFrame, message);
    if (frame !== undefined) waiting.get(frame.id)?.(frame);
  });

  async function send(key: string, frame: RequestFrame): Promise<void> {
    const bytes = encodeFrame(frame);
    if (bytes.length > maxFrameBytes) throw tooLarge();
    const receivers = await link.publish(channelOf("call", key), bytes).catch(() => {
      throw unavailable();
    });
    if (receivers === 0) throw busError("bus_unserved", 503, `Nobody answers ${key} now.`);
  }

  function call(key: string, request: unknown, { timeoutMs, signal }: BusCallOptions): Promise<unknown> {
    count += 1;
    const id = String(count);
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        waiting.delete(id);
        act();
      };
      const abandon = (reason: Error): void => {
        settle(() => reject(reason));
        // Where it can't be told, the server's own time limit ends the work.
        send(key, { kind: "cancel", id, from: instanceId }).catch(() => undefined);
      };
      const onAbort = (): void => abandon(asError(signal?.reason));
      const timer = setTimeout(
        () => abandon(busError("bus_timeout", 504, `${key} was not answered in ${timeoutMs} ms.`)),
        timeoutMs,
      );
      signal?.addEventListener("abort", onAbort, { once: true });
      waiting.set(id, (frame) =>
        settle(() => (frame.ok ? resolve(frame.data) : reject(new AppError(toOptions(frame.error))))),
      );
      send(key, { kind: "call", id, from: instanceId, timeoutMs, request }).catch((error: unknown) =>
        settle(() => reject(asError(error))),
      );
    });
  }

  function serve(key: string, run: Run): () => void {
    const running = new Map<string, AbortController>();

    async function answer(frame: Extract<RequestFrame, { kind: "call" }>): Promise<void> {
      const { id, from, timeoutMs, request } = frame;
      const ending = new AbortController();
      running.set(`${from} ${id}`, ending);
      const reply = await run(request, { timeoutMs, signal: ending.signal }).then(
        (data): ReplyFrame => ({ ok: true, id, data }),
        (error: unknown): ReplyFrame => refusalOf(id, error),
      );
      running.delete(`${from} ${id}`);
      if (ending.signal.aborted) return;
      await link.publish(channelOf("reply", from), encodeReply(reply));
    }

    return link.subscribe(channelOf("call", key), (message) => {
      const frame = decodeFrame(requestFrame, message);
      if (frame?.kind === "cancel") {
        running.get(`${frame.from} ${frame.id}`)?.abort(new Error("The caller gave up."));
      } else if (frame !== undefined) {
        answer(frame).catch((error: unknown) => {
          logger.warn({ key, error: errorMessage(error) }, "answer to another instance was lost");
        });
      }
    });
  }

  return { call, serve };
}

function toOptions({ code, status, message, details }: Extract<ReplyFrame, { ok: false }>["error"]) {
  return { code, status, message, ...(details === undefined ? {} : { details }) };
}
