import { StringDecoder } from "node:string_decoder";
import { limits, type DeviceRequest } from "@rciots/protocol";
import type { OutputStream } from "./running-command.ts";

export type OutputMessage = Omit<DeviceRequest<"command:output">, "id">;

interface Piece {
  offset: number;
  stream: OutputStream;
  text: string;
  bytes: number;
}

/** UTF-16 units: at most three bytes of UTF-8 each, so that one piece fits into a message. */
const pieceUnits = limits.commandMessageBytes / 4;
const maxPieces = 256;
const keptBytes = limits.commandOutputBytes / 2;
/** While a session takes output, a command that is so far ahead of it waits. */
const fullBytes = 262_144;

export interface OutputFeed {
  push(stream: OutputStream, data: Buffer): void;
  /** What the decoders hold back of characters that never ended. */
  flush(): void;
  /** What is to be sent next; the same until `sent`. */
  next(): OutputMessage | undefined;
  sent(message: OutputMessage): void;
  /** Whether somebody takes what comes. Without, the middle is dropped rather than the command held up. */
  setAttached(isAttached: boolean): void;
  /** Forgets what waits. */
  drop(): void;
  readonly totalBytes: number;
  readonly waitingBytes: number;
}

/** Output of one command on its way to the platform: both streams in the order in which they wrote. */
export function createOutputFeed({ pause, resume }: { pause: () => void; resume: () => void }): OutputFeed {
  const decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
  let queue: Piece[] = [];
  let waitingBytes = 0;
  let totalBytes = 0;
  let isAttached = false;
  let isPaused = false;
  /**
   * The message under way. It stays as it is, with its pieces, until it is acknowledged: the platform may have stored
   * it already, and takes each offset once.
   */
  let current: OutputMessage | undefined;
  const inFlight = (): number => current?.pieces.length ?? 0;

  function append(stream: OutputStream, text: string): void {
    const bytes = Buffer.byteLength(text);
    const last = queue.length > inFlight() ? queue.at(-1) : undefined;
    if (last?.stream === stream && last.text.length + text.length <= pieceUnits) {
      last.text += text;
      last.bytes += bytes;
    } else {
      queue.push({ offset: totalBytes, stream, text, bytes });
    }
    totalBytes += bytes;
    waitingBytes += bytes;
  }

  function appendAll(stream: OutputStream, text: string): void {
    for (let at = 0; at < text.length;) {
      let end = Math.min(at + pieceUnits, text.length);
      const unit = text.charCodeAt(end - 1);
      // A pair of surrogates stays together.
      if (end < text.length && unit >= 0xd800 && unit <= 0xdbff) end -= 1;
      append(stream, text.slice(at, end));
      at = end;
    }
  }

  function dropMiddle(): void {
    if (waitingBytes <= limits.commandOutputBytes) return;
    const isKept = ({ offset }: Piece, index: number): boolean =>
      index < inFlight() || offset < keptBytes || offset >= totalBytes - keptBytes;
    queue = queue.filter(isKept);
    waitingBytes = queue.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  function balance(): void {
    const isFull = isAttached && waitingBytes > (isPaused ? fullBytes / 2 : fullBytes);
    if (isFull === isPaused) return;
    isPaused = isFull;
    (isFull ? pause : resume)();
  }

  return {
    push(stream, data) {
      appendAll(stream, decoders[stream].write(data));
      if (!isAttached) dropMiddle();
      balance();
    },
    flush() {
      for (const stream of ["stdout", "stderr"] as const) appendAll(stream, decoders[stream].end());
    },
    next() {
      const [first] = queue;
      if (current !== undefined || first === undefined) return current;
      const pieces: Piece[] = [];
      let end = first.offset;
      for (const piece of queue) {
        const isNext = piece.offset === end && pieces.length < maxPieces;
        if (!isNext || end + piece.bytes - first.offset > limits.commandMessageBytes) break;
        pieces.push(piece);
        end += piece.bytes;
      }
      current = { offset: first.offset, pieces: pieces.map(({ stream, text }) => ({ stream, text })) };
      return current;
    },
    sent({ pieces }) {
      queue = queue.slice(pieces.length);
      current = undefined;
      waitingBytes = queue.reduce((sum, { bytes }) => sum + bytes, 0);
      balance();
    },
    setAttached(attached) {
      isAttached = attached;
      if (!attached) dropMiddle();
      balance();
    },
    drop() {
      [queue, waitingBytes, current] = [[], 0, undefined];
      balance();
    },
    get totalBytes() {
      return totalBytes;
    },
    get waitingBytes() {
      return waitingBytes;
    },
  };
}
