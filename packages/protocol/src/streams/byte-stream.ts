import { frameHead, frameKinds, type FrameKind, type StreamFault } from "./stream-frame.ts";
import { createReceiveWindow, type WindowLimits, type WindowPool } from "./receive-window.ts";
import { createSendQueue } from "./send-queue.ts";

/** What happens on a stream. None of these may throw. */
export interface StreamEvents {
  /** In order. Say `consumed` once they are out of memory: that is what gives the peer credit. */
  onData(bytes: Buffer): void;
  /** The peer has no more data. */
  onEnd(): void;
  /** `write` said false, and there is room again. */
  onWritable(): void;
  /** It is over before its time, by the peer's word or with the session; nothing comes after this. */
  onReset(fault: StreamFault): void;
}

/** One end of a stream: bytes both ways, each way ended by itself. */
export interface ByteStream {
  readonly id: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Nothing comes or goes on it any more. */
  readonly isOver: boolean;
  /** What came before is told at once. */
  listen(events: StreamEvents): void;
  /**
   * Takes the bytes, which must not change any more. False: enough for now, wait for `onWritable`. Nothing that
   * is written after `end` or `reset` is sent.
   */
  write(bytes: Uint8Array): boolean;
  end(): void;
  /** Ends both ways at once; what was not sent yet is dropped. */
  reset(fault: StreamFault): void;
  consumed(bytes: number): void;
}

/** `resetting`: this end has reset it and waits for the peer to say so too; until then frames of it may come. */
type Phase = "opening" | "accepting" | "open" | "resetting" | "closed";

export interface StreamOptions {
  id: number;
  phase: "opening" | "accepting";
  limits: WindowLimits;
  pool: WindowPool;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  /** Written ahead of all data. */
  sendControl(kind: FrameKind, id: number, value?: number, fault?: StreamFault): void;
  /** It has something to send. */
  onReady(): void;
  /** The session's streams together have enough that waits: each source is to pause while it has any. */
  isCrowded(): boolean;
  onQueued(bytes: number): void;
  onClosed(): void;
}

/** The multiplexer's side of a stream. What comes from the peer returns false where it breaks the contract. */
export interface StreamControl {
  readonly api: ByteStream;
  readonly phase: Phase;
  /** What the peer may send at first. */
  readonly firstWindowBytes: number;
  /** The peer may send, and so may this end, as much as the peer says. */
  open(credit: number): void;
  data(body: Buffer): boolean;
  window(bytes: number): void;
  /** The peer has data that waits for credit. */
  blocked(): void;
  end(): boolean;
  reset(fault: StreamFault): void;
  /** It is refused, or the session is over: closed without a word to the peer. */
  abandon(fault: StreamFault): void;
  /** Received and not consumed. */
  readonly heldBytes: number;
  readonly isSendable: boolean;
  /** The next frame, of at most so many bytes of data. */
  take(maxBytes: number): { head: Buffer; body?: Uint8Array } | undefined;
}

/** More than this waits for the connection: the source is asked to pause. */
const fullBytes = 131_072;

const over: StreamFault = { code: "closed", message: "The stream is over." };

export function createStream(options: StreamOptions): StreamControl {
  const { id, limits, pool, sendControl, onReady, isCrowded, onQueued, onClosed } = options;
  const window = createReceiveWindow(limits, pool, options.now);
  const queue = createSendQueue();
  let phase: Phase = options.phase;
  let events: StreamEvents | undefined;
  /** Came before anybody listened. */
  let early: Buffer[] = [];
  let lastFault = over;
  let isEnding = false;
  let hasSentEnd = false;
  let hasGotEnd = false;
  let isFull = false;
  let hasToldBlocked = false;
  let sentBytes = 0;
  let receivedBytes = 0;

  /** Once for each time that the credit is used up. */
  function tellBlocked(): void {
    if (hasToldBlocked || phase !== "open" || queue.credit > 0 || queue.queuedBytes === 0) return;
    hasToldBlocked = true;
    sendControl(frameKinds.blocked, id);
  }

  const isOverfull = (): boolean => queue.queuedBytes >= (isCrowded() ? 1 : fullBytes);

  function dropQueue(): void {
    onQueued(-queue.queuedBytes);
    queue.clear();
  }

  function close(): void {
    if (phase === "closed") return;
    phase = "closed";
    dropQueue();
    window.close();
    onClosed();
  }

  /** Closes it, and tells whoever uses it. */
  function finish(fault: StreamFault): void {
    if (phase === "closed") return;
    if (phase !== "resetting") lastFault = fault;
    const listener = events;
    events = undefined;
    early = [];
    close();
    listener?.onReset(fault);
  }

  /** A stream whose last bytes are still in this process is not over: they count against what it may hold. */
  function closeIfDone(): void {
    if (phase === "open" && hasSentEnd && hasGotEnd && window.heldBytes === 0) close();
  }

  function reset(fault: StreamFault): void {
    if (phase === "resetting" || phase === "closed") return;
    phase = "resetting";
    lastFault = fault;
    dropQueue();
    early = [];
    events = undefined;
    sendControl(frameKinds.reset, id, undefined, fault);
  }

  const isSendable = (): boolean =>
    phase === "open" && (queue.isSendable || (isEnding && !hasSentEnd && queue.queuedBytes === 0));

  const api: ByteStream = {
    id,
    get sentBytes() {
      return sentBytes;
    },
    get receivedBytes() {
      return receivedBytes;
    },
    get isOver() {
      return phase === "resetting" || phase === "closed";
    },
    listen(given) {
      if (phase === "resetting" || phase === "closed") return given.onReset(lastFault);
      events = given;
      const waiting = early;
      early = [];
      for (const body of waiting) given.onData(body);
      if (hasGotEnd) given.onEnd();
    },
    write(bytes) {
      if (phase !== "open" || isEnding) return false;
      if (bytes.byteLength > 0) queue.push(bytes);
      onQueued(bytes.byteLength);
      if (queue.isSendable) onReady();
      else tellBlocked();
      isFull = isOverfull();
      return !isFull;
    },
    end() {
      isEnding = true;
      if (isSendable()) onReady();
    },
    reset,
    consumed(bytes) {
      const credit = window.consumed(bytes);
      if (credit > 0 && phase === "open" && !hasGotEnd) sendControl(frameKinds.window, id, credit);
      closeIfDone();
    },
  };

  return {
    api,
    get phase() {
      return phase;
    },
    firstWindowBytes: window.firstBytes,
    open(credit) {
      phase = "open";
      queue.addCredit(credit);
    },
    data(body) {
      const isExpected = (phase === "open" || phase === "resetting") && !hasGotEnd && body.length > 0;
      if (!isExpected) return false;
      if (!window.received(body.length)) {
        if (phase === "resetting") return false;
        const listener = events;
        const fault = { code: "flow_violation", message: "The peer sent more than it had credit for." };
        reset(fault);
        listener?.onReset(fault);
        return true;
      }
      receivedBytes += body.length;
      if (phase !== "open") return true;
      if (events === undefined) early.push(body);
      else events.onData(body);
      return true;
    },
    blocked() {
      if (phase !== "open" || hasGotEnd) return;
      const credit = window.blocked();
      if (credit > 0) sendControl(frameKinds.window, id, credit);
    },
    window(bytes) {
      queue.addCredit(bytes);
      hasToldBlocked = false;
      if (isSendable()) onReady();
    },
    end() {
      if (phase === "resetting") return true;
      if (phase !== "open" || hasGotEnd) return false;
      hasGotEnd = true;
      events?.onEnd();
      closeIfDone();
      return true;
    },
    reset(fault) {
      const isOurs = phase === "resetting";
      if (!isOurs) sendControl(frameKinds.reset, id, undefined, over);
      finish(fault);
    },
    abandon(fault) {
      finish(fault);
    },
    get heldBytes() {
      return window.heldBytes;
    },
    get isSendable() {
      return isSendable();
    },
    take(maxBytes) {
      if (!isSendable()) return undefined;
      const body = queue.take(maxBytes);
      if (body === undefined) {
        hasSentEnd = true;
        closeIfDone();
        return { head: frameHead(frameKinds.end, id) };
      }
      sentBytes += body.byteLength;
      tellBlocked();
      onQueued(-body.byteLength);
      if (isFull && (queue.queuedBytes === 0 || !isOverfull())) {
        isFull = false;
        events?.onWritable();
      }
      return { head: frameHead(frameKinds.data, id), body };
    },
  };
}
