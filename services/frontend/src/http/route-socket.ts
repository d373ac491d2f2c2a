import type { Socket } from "node:net";
import { createSocketLink, type FrameLink } from "@rciots/protocol";
import { AppError, problemOf, type Logger } from "@rciots/runtime";
import type { WebSocket } from "ws";

/** A WebSocket that was let in. */
export interface RouteSocket {
  /**
   * Text, or bytes that must not change any more. False: enough waits for the peer, go on when `onWritable` says
   * so. A peer for which far too much waits is cut.
   */
  send(message: string | Uint8Array): boolean;
  /** Nothing is read before this is called. */
  onMessage(listener: (message: Buffer, isBinary: boolean) => void): void;
  onWritable(listener: () => void): void;
  /** Stops reading, so that a peer that sends too much has to wait. */
  pause(): void;
  resume(): void;
  /** Ends it in good order, after what was sent. */
  close(): void;
  /** Tells the peer why in a last text message of problem details, and closes it with 4000 and the HTTP status. */
  fail(error: unknown): void;
  /** Aborts once it is over; with the reason where it was ended for one, such as a sign-out. */
  readonly signal: AbortSignal;
  /** For a multiplexer: each frame goes as one binary message. */
  readonly link: FrameLink;
}

/** The gateway's side of it. */
export interface HeldSocket {
  readonly api: RouteSocket;
  /** As `fail`, where a code is given with that one. */
  end(error: unknown, closeCode: number | undefined): void;
  /** Asks the peer whether it is there, and cuts it where it has said nothing since the last time. */
  checkAlive(): void;
  /** At once, whatever waits to be sent. */
  cut(): void;
}

export interface SocketLimits {
  /** More waits for the peer: `send` says false. */
  fullBytes: number;
  /** More waits for the peer: it is cut. */
  maxQueuedBytes: number;
}

/** A peer that doesn't answer the goodbye is cut after this long. */
export const goodbyeMs = 5_000;

/** Close codes of refusals: 4000 and the HTTP status, such as 4403. */
export const closeCodeOf = (status: number): number => 4_000 + status;

/** The last message, and the goodbye. */
export function endWith(ws: WebSocket, error: unknown, requestId: string, closeCode?: number): void {
  const { status, body } = problemOf(error, requestId);
  ws.send(JSON.stringify(body));
  // A reason has at most 123 bytes.
  ws.close(closeCode ?? closeCodeOf(status), String(body["code"]).slice(0, 100));
  // A reader that was stopped would never see the peer's goodbye.
  ws.resume();
  cutSoon(ws);
}

function cutSoon(ws: WebSocket): void {
  const cut = setTimeout(() => ws.terminate(), goodbyeMs);
  cut.unref();
  ws.once("close", () => clearTimeout(cut));
}

export function createHeldSocket(options: {
  ws: WebSocket;
  /** The connection below it. */
  connection: Socket;
  requestId: string;
  limits: SocketLimits;
  logger: Logger;
}): HeldSocket {
  const { ws, connection, requestId, limits, logger } = options;
  const over = new AbortController();
  let isPaused = true;
  let isWaited = false;
  let reason: unknown = new AppError({ code: "closed", status: 499, message: "It was closed." });
  let bytesReadWhenAsked: number | undefined;

  ws.pause();
  ws.on("error", (error) => logger.info({ requestId, error: error.message }, "WebSocket broke"));
  ws.once("close", () => over.abort(reason));

  function cutSlowReader(): void {
    logger.info({ requestId, queuedBytes: ws.bufferedAmount }, "WebSocket cut: the peer doesn't read");
    ws.terminate();
  }

  function resume(): void {
    isPaused = false;
    ws.resume();
  }

  return {
    api: {
      send(message) {
        if (ws.readyState !== ws.OPEN) return false;
        ws.send(message);
        if (ws.bufferedAmount > limits.maxQueuedBytes) cutSlowReader();
        isWaited = ws.bufferedAmount >= limits.fullBytes;
        return !isWaited;
      },
      onMessage(listener) {
        ws.on("message", (data, isBinary) => listener(data as Buffer, isBinary));
        resume();
      },
      onWritable(listener) {
        connection.on("drain", () => {
          if (!isWaited) return;
          isWaited = false;
          listener();
        });
      },
      pause() {
        isPaused = true;
        ws.pause();
      },
      resume,
      close() {
        ws.close(1_000);
        ws.resume();
        cutSoon(ws);
      },
      fail(error) {
        if (ws.readyState === ws.OPEN) endWith(ws, error, requestId);
      },
      signal: over.signal,
      link: createSocketLink(connection, { isClient: false }),
    },
    end(error, closeCode) {
      reason = error;
      if (ws.readyState === ws.OPEN) endWith(ws, error, requestId, closeCode);
    },
    checkAlive() {
      // Of a reader that was stopped nothing can be heard.
      if (isPaused) return void (bytesReadWhenAsked = undefined);
      if (bytesReadWhenAsked === connection.bytesRead) {
        logger.info({ requestId }, "WebSocket cut: the peer is gone");
        return ws.terminate();
      }
      bytesReadWhenAsked = connection.bytesRead;
      ws.ping();
    },
    cut: () => ws.terminate(),
  };
}
