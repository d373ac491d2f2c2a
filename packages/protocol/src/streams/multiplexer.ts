import type { FrameLink } from "./frame-link.ts";
import { createFairRound } from "./fair-round.ts";
import { createInFlight } from "./in-flight.ts";
import { createWindowPool, type WindowLimits } from "./receive-window.ts";
import {
  faultBytes,
  frameHead,
  frameKinds,
  parseJson,
  readFault,
  readFrame,
  type Frame,
  type FrameKind,
  type StreamFault,
} from "./stream-frame.ts";
import { createStream, type ByteStream, type StreamControl } from "./byte-stream.ts";

export interface StreamLimits extends WindowLimits {
  /** Streams open at a time. */
  streams: number;
  /** For windows beyond the least one of each stream. */
  windowPoolBytes: number;
  /** Data in one frame. */
  frameDataBytes: number;
  /** The target in an `open`. */
  targetBytes: number;
}

export const streamLimits: StreamLimits = {
  streams: 2_048,
  leastWindowBytes: 8_192,
  firstWindowBytes: 262_144,
  mostWindowBytes: 1_048_576,
  farWindowBytes: 4 * 1_048_576,
  windowPoolBytes: 16 * 1_048_576,
  frameDataBytes: 65_536,
  targetBytes: 4_096,
};

/**
 * Takes up a stream that the peer asks for: resolves once the target is there, to what is done with the stream.
 * Rejects with a `StreamFault` (an `Error` or not) where it is refused. The signal aborts where the peer gives up.
 */
export type AcceptStream = (target: unknown, signal: AbortSignal) => Promise<(stream: ByteStream) => void>;

export interface MultiplexerOptions {
  /** The platform's streams have odd ids, the device's even ones. */
  side: "platform" | "device";
  link: FrameLink;
  /** Absent: the peer may open none. */
  accept?: AcceptStream | undefined;
  /** The peer breaks the contract in a way that leaves no common ground: the session must end. */
  onViolation: (reason: string) => void;
  /** Data that goes through, for whoever counts it. */
  onData?: ((direction: "sent" | "received", bytes: number) => void) | undefined;
  limits?: Partial<StreamLimits> | undefined;
  /** Milliseconds of a clock that never goes back. */
  now?: (() => number) | undefined;
}

export interface Multiplexer {
  /** Rejects with the peer's `StreamFault` where it refuses, with `aborted` once the signal aborts. */
  open(target: unknown, signal?: AbortSignal): Promise<ByteStream>;
  /** One frame from the peer. Never throws. */
  receive(frame: Uint8Array): void;
  /** Bytes of a data frame, which may come in pieces. Never throws. */
  receiveData(id: number, bytes: Buffer): void;
  /** The session is over: so are its streams. Nothing is sent any more. */
  close(fault: StreamFault): void;
  readonly streams: number;
  /** Received data that is not consumed yet, of all streams. */
  readonly heldBytes: number;
  /** Data that may be under way at the moment. */
  readonly inFlightLimitBytes: number;
}

/** What this process may have handed to the connection before that took it; a control message waits behind it. */
const queuedBulkBytes = 524_288;
/** Control frames alone never come to this, unless the peer reads nothing and goes on sending. */
const queuedMostBytes = 4 * 1_048_576;
/** Of all streams, before every source is asked to pause. */
const crowdedBytes = 8 * 1_048_576;
/** Received bytes that are told at once. */
const tellBytes = 32_768;
/** Frames for streams that are over, beyond what an honest peer's can cross with. */
const strayFrames = 256;
const strayFramesPerStream = 8;
const lastId = 0xffff_fffe;

export function createMultiplexer(options: MultiplexerOptions): Multiplexer {
  const { side, link, accept, onViolation, onData, now = () => performance.now() } = options;
  const limits: StreamLimits = { ...streamLimits, ...options.limits };
  const pool = createWindowPool(limits.windowPoolBytes);
  const inFlight = createInFlight(now);
  const round = createFairRound<StreamControl>({
    quantumBytes: limits.frameDataBytes,
    frameBytes: limits.frameDataBytes,
  });
  const streams = new Map<number, StreamControl>();
  const opening = new Map<
    number,
    { resolve: (stream: ByteStream) => void; reject: (fault: Error) => void }
  >();
  const accepting = new Map<number, AbortController>();
  let control: { head: Buffer; body?: Uint8Array }[] = [];
  const isOurs = (id: number): boolean => id % 2 === (side === "platform" ? 1 : 0);
  let nextId = side === "platform" ? 1 : 2;
  let lastTheirs = 0;
  let strays = 0;
  let untold = 0;
  let queued = 0;
  let isScheduled = false;
  let isClosed = false;

  const stopListening = link.onDrain(() => {
    if (!round.isEmpty) schedule();
  });

  /** One flush for all that happens in a turn of the event loop. */
  function schedule(): void {
    if (isScheduled || isClosed) return;
    isScheduled = true;
    setImmediate(flush);
  }

  function sendControl(kind: FrameKind, id: number, value?: number, body?: Uint8Array): void {
    control.push({ head: frameHead(kind, id, value), ...(body === undefined ? {} : { body }) });
    schedule();
  }

  function flush(): void {
    isScheduled = false;
    if (isClosed) return;
    link.cork();
    try {
      if (untold >= tellBytes) {
        link.send(frameHead(frameKinds.received, 0, untold));
        untold = 0;
      }
      const frames = control;
      control = [];
      for (const { head, body } of frames) link.send(head, body);
      pump();
    } finally {
      link.uncork();
    }
    if (link.queuedBytes > queuedMostBytes) violate("the peer sends and does not read");
  }

  function pump(): void {
    while (link.queuedBytes < queuedBulkBytes) {
      const room = inFlight.room();
      const frame = room > 0 ? round.next(room) : undefined;
      if (frame === undefined) return;
      link.send(frame.head, frame.body);
      if (frame.body === undefined) continue;
      inFlight.sent(frame.body.byteLength);
      onData?.("sent", frame.body.byteLength);
    }
  }

  function violate(reason: string): void {
    if (isClosed) return;
    close({ code: "session_ended", message: "The session was ended." });
    onViolation(reason);
  }

  function addStream(id: number, phase: "opening" | "accepting"): StreamControl {
    const stream: StreamControl = createStream({
      id,
      phase,
      limits,
      pool,
      now,
      sendControl: (kind, streamId, value, fault) =>
        sendControl(kind, streamId, value, fault === undefined ? undefined : faultBytes(fault)),
      onReady() {
        round.add(stream);
        schedule();
      },
      isCrowded: () => queued > crowdedBytes,
      onQueued: (bytes) => void (queued += bytes),
      onClosed: () => void streams.delete(id),
    });
    streams.set(id, stream);
    return stream;
  }

  function open(target: unknown, signal?: AbortSignal): Promise<ByteStream> {
    if (isClosed) return Promise.reject(faultError(sessionOver));
    if (signal?.aborted === true) return Promise.reject(faultError(aborted));
    if (streams.size >= limits.streams || nextId > lastId) return Promise.reject(faultError(tooMany));
    const id = nextId;
    nextId += 2;
    const stream = addStream(id, "opening");
    sendControl(frameKinds.open, id, stream.firstWindowBytes, Buffer.from(JSON.stringify(target)));
    const abort = (): void => {
      opening.get(id)?.reject(faultError(aborted));
      opening.delete(id);
      stream.api.reset(aborted);
    };
    signal?.addEventListener("abort", abort, { once: true });
    return new Promise<ByteStream>((resolve, reject) => opening.set(id, { resolve, reject })).finally(() =>
      signal?.removeEventListener("abort", abort),
    );
  }

  function settleOpening(id: number, fault?: StreamFault): void {
    const waiting = opening.get(id);
    opening.delete(id);
    const stream = streams.get(id);
    if (fault !== undefined) waiting?.reject(faultError(fault));
    else if (stream !== undefined) waiting?.resolve(stream.api);
  }

  async function take(id: number, stream: StreamControl, target: unknown, credit: number): Promise<void> {
    const giveUp = new AbortController();
    accepting.set(id, giveUp);
    try {
      if (target === undefined) throw faultError(headerInvalid);
      if (accept === undefined) throw faultError(notAccepted);
      const use = await accept(target, giveUp.signal);
      if (stream.phase === "accepting") {
        stream.open(credit);
        sendControl(frameKinds.opened, id, stream.firstWindowBytes);
      }
      // Where the peer has left meanwhile, the stream says so to whoever opened the target for it.
      use(stream.api);
    } catch (error) {
      if (stream.phase === "open") stream.api.reset(faultOf(error));
      if (stream.phase !== "accepting") return;
      stream.abandon(sessionOver);
      sendControl(frameKinds.refused, id, undefined, faultBytes(faultOf(error)));
    } finally {
      accepting.delete(id);
    }
  }

  /** Each returns why the session can't go on, where it can't. */
  function onOpen({ id, body }: Frame): string | undefined {
    if (isOurs(id) || id <= lastTheirs) return "a stream with an id that is not its to give";
    lastTheirs = id;
    const isTooLarge = body.length < 4 || body.length > 4 + limits.targetBytes;
    if (isTooLarge) return "an open without a target, or with one that is too large";
    if (streams.size >= limits.streams) {
      sendControl(frameKinds.refused, id, undefined, faultBytes(tooMany));
      return undefined;
    }
    void take(id, addStream(id, "accepting"), parseJson(body.subarray(4)), body.readUInt32BE(0));
    return undefined;
  }

  function onAnswer({ kind, id, body }: Frame, stream: StreamControl): string | undefined {
    // This end has given it up: the answer to its reset is what ends it.
    if (stream.phase === "resetting" && isOurs(id)) return undefined;
    if (stream.phase !== "opening") return "an answer to a stream that was not asked for";
    if (kind === frameKinds.refused) {
      stream.abandon(sessionOver);
      settleOpening(id, readFault(body));
      return undefined;
    }
    if (body.length !== 4) return "an answer that is not of its size";
    stream.open(body.readUInt32BE(0));
    settleOpening(id);
    return undefined;
  }

  function onReset({ id, body }: Frame, stream: StreamControl): undefined {
    const fault = readFault(body);
    accepting.get(id)?.abort();
    const wasOpening = stream.phase === "opening";
    stream.reset(fault);
    if (wasOpening) settleOpening(id, fault);
  }

  /** Of a stream that is over here: window and reset may have crossed with its end, data may not. */
  function onStray({ kind, id }: Frame): string | undefined {
    const last = isOurs(id) ? nextId - 2 : lastTheirs;
    if (id === 0 || id > last) return "a frame of a stream that never was";
    if (kind !== frameKinds.window && kind !== frameKinds.blocked && kind !== frameKinds.reset)
      return "data or an answer for a stream that is over";
    strays += 1;
    if (strays > strayFrames + strayFramesPerStream * last)
      return "too many frames for streams that are over";
    if (kind === frameKinds.reset)
      sendControl(frameKinds.reset, id, undefined, faultBytes({ code: "closed", message: "" }));
    return undefined;
  }

  function onReceived({ id, body }: Frame): string | undefined {
    const isValid = id === 0 && body.length === 4 && inFlight.received(body.readUInt32BE(0));
    if (!isValid) return "a count of bytes that were never sent";
    if (!round.isEmpty) schedule();
    return undefined;
  }

  function receiveData(id: number, body: Buffer): string | undefined {
    untold += body.length;
    onData?.("received", body.length);
    if (untold >= tellBytes) schedule();
    const stream = streams.get(id);
    if (stream === undefined) return onStray({ kind: frameKinds.data, id, body });
    return stream.data(body) ? undefined : "data that no stream expects";
  }

  function onStreamFrame(frame: Frame, stream: StreamControl): string | undefined {
    const { kind, body } = frame;
    switch (kind) {
      case frameKinds.window:
        if (body.length !== 4) return "a window that is not of its size";
        stream.window(body.readUInt32BE(0));
        return undefined;
      case frameKinds.blocked:
        if (body.length !== 0) return "a word about credit that is not of its size";
        stream.blocked();
        return undefined;
      case frameKinds.end:
        return stream.end() ? undefined : "the end of a stream that has ended";
      case frameKinds.reset:
        return onReset(frame, stream);
      default:
        return onAnswer(frame, stream);
    }
  }

  function handle(frame: Frame): string | undefined {
    const { kind, id, body } = frame;
    if (kind === frameKinds.open) return onOpen(frame);
    if (kind === frameKinds.received) return onReceived(frame);
    if (kind < frameKinds.open || kind > frameKinds.blocked) return "a stream frame of no known kind";
    if (kind === frameKinds.data) {
      return body.length > limits.frameDataBytes ? "a frame that is too large" : receiveData(id, body);
    }
    const stream = streams.get(id);
    return stream === undefined ? onStray(frame) : onStreamFrame(frame, stream);
  }

  function close(fault: StreamFault): void {
    if (isClosed) return;
    isClosed = true;
    stopListening();
    for (const giveUp of accepting.values()) giveUp.abort();
    for (const id of [...opening.keys()]) settleOpening(id, fault);
    for (const stream of [...streams.values()]) stream.abandon(fault);
    control = [];
  }

  return {
    open,
    receive(bytes) {
      if (isClosed) return;
      const frame = readFrame(bytes);
      const reason = frame === undefined ? "a stream frame cut short" : handle(frame);
      if (reason !== undefined) violate(reason);
    },
    receiveData(id, bytes) {
      const reason = isClosed ? undefined : receiveData(id, bytes);
      if (reason !== undefined) violate(reason);
    },
    close,
    get streams() {
      return streams.size;
    },
    get heldBytes() {
      let held = 0;
      for (const stream of streams.values()) held += stream.heldBytes;
      return held;
    },
    get inFlightLimitBytes() {
      return inFlight.limitBytes;
    },
  };
}

const sessionOver: StreamFault = { code: "session_ended", message: "The session with the device is over." };
const aborted: StreamFault = { code: "aborted", message: "It was given up before it was open." };
const tooMany: StreamFault = {
  code: "too_many_streams",
  message: "The session has as many streams as it can take.",
};
const notAccepted: StreamFault = { code: "target_unsupported", message: "This end opens no streams." };
const headerInvalid: StreamFault = { code: "target_invalid", message: "The target is not JSON." };

/** A fault as an `Error`, for whoever awaits a stream. */
export function faultError(fault: StreamFault): Error & StreamFault {
  return Object.assign(new Error(fault.message), { code: fault.code });
}

/** Any failure as what the peer may know of it. */
function faultOf(error: unknown): StreamFault {
  if (typeof error === "object" && error !== null && "code" in error && "message" in error) {
    const { code, message } = error;
    if (typeof code === "string" && /^[a-z_]{1,64}$/.test(code)) return { code, message: String(message) };
  }
  return { code: "internal_error", message: "The stream could not be opened." };
}
