import type { FrameLink } from "./frame-link.ts";
import {
  createMultiplexer,
  type AcceptStream,
  type Multiplexer,
  type MultiplexerOptions,
} from "./multiplexer.ts";
import type { ByteStream } from "./byte-stream.ts";
import type { StreamFault } from "./stream-frame.ts";

/** A sequence that looks random and is the same in every run of a seed. 0 to 1. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

interface Way {
  link: FrameLink;
  /** Of the frames that went this way, oldest first. */
  log: Buffer[];
  stop(): void;
}

/** One direction of a connection in memory: a bounded number of bytes arrives in each turn of the event loop. */
function createWay(deliver: (frame: Buffer) => void, bytesPerTurn: () => number, keepsLog: boolean): Way {
  let queue: Buffer[] = [];
  let queuedBytes = 0;
  let isRunning = false;
  let isStopped = false;
  const log: Buffer[] = [];
  const listeners = new Set<() => void>();

  function run(): void {
    let budget = bytesPerTurn();
    while (queue.length > 0 && budget > 0) {
      const frame = queue.shift();
      if (frame === undefined) break;
      queuedBytes -= frame.length;
      budget -= frame.length;
      deliver(frame);
    }
    isRunning = queue.length > 0 && !isStopped;
    if (isRunning) setImmediate(run);
    else for (const listener of listeners) listener();
  }

  return {
    log,
    stop: () => void ([isStopped, queue] = [true, []]),
    link: {
      send(head, body) {
        const frame = Buffer.concat(body === undefined ? [head] : [head, body]);
        if (keepsLog) log.push(frame);
        queue.push(frame);
        queuedBytes += frame.length;
        if (!isRunning) setImmediate(run);
        isRunning = true;
      },
      cork: () => undefined,
      uncork: () => undefined,
      get queuedBytes() {
        return queuedBytes;
      },
      onDrain(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
  };
}

export interface Pair {
  platform: Multiplexer;
  device: Multiplexer;
  /** Why either end found that the other breaks the contract. */
  violations: string[];
  /** From the platform to the device, and back. */
  sent: { down: Buffer[]; up: Buffer[] };
}

/** Two multiplexers back to back; the device takes every stream up with `accept`. */
export function createPair(options: {
  accept: AcceptStream;
  bytesPerTurn?: () => number;
  keepsLog?: boolean;
  limits?: MultiplexerOptions["limits"];
}): Pair {
  const { accept, limits, bytesPerTurn = () => 262_144, keepsLog = false } = options;
  const violations: string[] = [];
  const down = createWay((frame) => device.receive(frame), bytesPerTurn, keepsLog);
  const up = createWay((frame) => platform.receive(frame), bytesPerTurn, keepsLog);
  const onViolation = (reason: string): void => void violations.push(reason);
  const platform = createMultiplexer({ side: "platform", link: down.link, onViolation, limits });
  const device = createMultiplexer({ side: "device", link: up.link, accept, onViolation, limits });
  return { platform, device, violations, sent: { down: down.log, up: up.log } };
}

/** The bytes of a stream, so that each place in it has a value of its own. */
export function patternBytes(seed: number, from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let index = 0; index < length; index += 1) {
    const at = from + index;
    bytes[index] = (at ^ (at >>> 8) ^ (at >>> 16) ^ Math.imul(seed, 31)) & 0xff;
  }
  return bytes;
}

export interface End {
  readonly stream: ByteStream;
  readonly sentBytes: number;
  readonly readBytes: number;
  readonly fault: StreamFault | undefined;
  /** Nothing is read until `resume`. */
  stall(): void;
  resume(): void;
  /** Both ways are over, by end or by reset. */
  readonly done: Promise<void>;
}

/**
 * Writes so many bytes of a pattern and ends; checks what comes against the peer's pattern; reads after random
 * pauses.
 */
export function driveEnd(
  stream: ByteStream,
  options: { total: number; write: number; read: number; random: () => number; maxPiece?: number },
): End {
  const { total, write, read, random, maxPiece = 100_000 } = options;
  let sentBytes = 0;
  let readBytes = 0;
  let fault: StreamFault | undefined;
  let isStalled = false;
  let hasPeerEnded = false;
  let isWriting = false;
  let waiting = 0;
  let resolveDone: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (resolveDone = resolve));
  const settle = (): void => {
    if (fault !== undefined || (hasPeerEnded && sentBytes === total && waiting === 0)) resolveDone();
  };

  function consumeSome(): void {
    if (isStalled || waiting === 0) return settle();
    const bytes = Math.max(1, Math.floor(waiting * random()));
    waiting -= bytes;
    stream.consumed(bytes);
    if (random() < 0.5) setImmediate(consumeSome);
    else consumeSome();
  }

  function writeSome(): void {
    isWriting = false;
    while (sentBytes < total && fault === undefined) {
      const piece = Math.min(total - sentBytes, 1 + Math.floor(random() * maxPiece));
      const mayGoOn = stream.write(patternBytes(write, sentBytes, piece));
      sentBytes += piece;
      if (!mayGoOn) break;
      if (random() < 0.3) return later();
    }
    if (sentBytes === total) stream.end();
    settle();
  }
  function later(): void {
    if (isWriting) return;
    isWriting = true;
    setImmediate(writeSome);
  }

  stream.listen({
    onData(bytes) {
      if (!bytes.equals(patternBytes(read, readBytes, bytes.length)))
        fault = { code: "wrong_bytes", message: `at ${readBytes} of stream ${stream.id}` };
      readBytes += bytes.length;
      waiting += bytes.length;
      setImmediate(consumeSome);
    },
    onEnd() {
      hasPeerEnded = true;
      settle();
    },
    onWritable: later,
    onReset(given) {
      fault ??= given;
      settle();
    },
  });
  later();
  return {
    stream,
    get sentBytes() {
      return sentBytes;
    },
    get readBytes() {
      return readBytes;
    },
    get fault() {
      return fault;
    },
    stall: () => void (isStalled = true),
    resume() {
      isStalled = false;
      setImmediate(consumeSome);
    },
    done,
  };
}
