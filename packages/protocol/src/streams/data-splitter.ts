import { frameHeaderBytes, frameKinds } from "./stream-frame.ts";

/** Who takes data of streams as it comes; undefined where nobody does, and every frame goes its usual way. */
export interface StreamDataSink {
  onStreamData?: ((id: number, bytes: Buffer) => void) | undefined;
}

export interface DataSplitter {
  /** What the connection has received. False: whoever it was passed to asks for a pause. */
  receive(chunk: Buffer): boolean;
}

const finalBinary = 0x82;
const maskedBit = 0x80;
const lengthBits = 0x7f;
const maskBytes = 4;

interface Head {
  /** Of the WebSocket message, mask included. */
  headBytes: number;
  payloadBytes: number;
  /** Of a message with stream data that can be taken as it comes. */
  streamId: number | undefined;
}

/**
 * Takes the data of streams out of the WebSocket messages of a connection, in the pieces in which TLS gives it: `ws` would
 * gather each message first, which is a copy and an allocation of 64 KiB for as many bytes (docs/decisions/0028).
 * Everything else is passed on untouched and in its place. It must see the connection from its first message on.
 */
export function createDataSplitter(options: {
  /** What is received from a client is masked: with a key of zero where it is stream data. */
  isMasked: boolean;
  /** Larger messages are passed on, for whoever counts faults. */
  maxDataBytes: number;
  sink: StreamDataSink;
  pass: (bytes: Buffer) => boolean;
}): DataSplitter {
  const { isMasked, maxDataBytes, sink, pass } = options;
  /** The beginning of a message whose kind can't be told yet. */
  let held: Buffer | undefined;
  let passLeft = 0;
  let dataLeft = 0;
  let dataId = 0;

  /** Undefined while too little of it is there. */
  function readHead(bytes: Buffer, at: number): Head | undefined {
    const available = bytes.length - at;
    if (available < 2) return undefined;
    const second = bytes[at + 1] ?? 0;
    const short = second & lengthBits;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const headBytes = 2 + lengthBytes + ((second & maskedBit) === 0 ? 0 : maskBytes);
    if (available < headBytes) return undefined;
    const payloadBytes =
      lengthBytes === 0
        ? short
        : lengthBytes === 2
          ? bytes.readUInt16BE(at + 2)
          : bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6);
    const couldBeData =
      sink.onStreamData !== undefined &&
      bytes[at] === finalBinary &&
      ((second & maskedBit) !== 0) === isMasked &&
      payloadBytes > frameHeaderBytes &&
      payloadBytes <= frameHeaderBytes + maxDataBytes &&
      (!isMasked || bytes.readUInt32BE(at + headBytes - maskBytes) === 0);
    if (!couldBeData) return { headBytes, payloadBytes, streamId: undefined };
    if (available < headBytes + frameHeaderBytes) return undefined;
    const isData = bytes[at + headBytes] === frameKinds.data;
    return { headBytes, payloadBytes, streamId: isData ? bytes.readUInt32BE(at + headBytes + 1) : undefined };
  }

  return {
    receive(chunk) {
      const bytes = held === undefined ? chunk : Buffer.concat([held, chunk]);
      held = undefined;
      let at = 0;
      let passFrom = 0;
      let goesOn = true;
      while (at < bytes.length) {
        if (passLeft > 0) {
          const count = Math.min(passLeft, bytes.length - at);
          passLeft -= count;
          at += count;
        } else if (dataLeft > 0) {
          const piece = at === 0 && bytes.length <= dataLeft ? bytes : bytes.subarray(at, at + dataLeft);
          dataLeft -= piece.length;
          at += piece.length;
          passFrom = at;
          sink.onStreamData?.(dataId, piece);
        } else {
          const head = readHead(bytes, at);
          if (head === undefined) break;
          if (head.streamId === undefined) {
            passLeft = head.headBytes + head.payloadBytes;
          } else {
            if (passFrom < at) goesOn = pass(bytes.subarray(passFrom, at));
            at += head.headBytes + frameHeaderBytes;
            passFrom = at;
            dataLeft = head.payloadBytes - frameHeaderBytes;
            dataId = head.streamId;
          }
        }
      }
      if (passFrom < at) goesOn = pass(bytes.subarray(passFrom, at));
      // A copy, so that a few bytes don't keep the whole chunk.
      if (at < bytes.length) held = Buffer.from(bytes.subarray(at));
      return goesOn;
    },
  };
}

/** The part of `ws` that reads messages: not public, but the one seam that leaves the connection's life to `ws`. */
interface Receiver {
  write(chunk: Buffer): boolean;
}

/**
 * Puts a splitter before the reading of a WebSocket of `ws` that has just been opened, before anything was received.
 * Where `ws` has no such part any more, everything goes its usual way.
 */
export function splitStreamData(
  webSocket: object,
  options: { isMasked: boolean; maxDataBytes: number; sink: StreamDataSink },
): void {
  const { _receiver: receiver } = webSocket as { _receiver?: Receiver };
  if (typeof receiver?.write !== "function") return;
  const write = receiver.write.bind(receiver);
  receiver.write = createDataSplitter({ ...options, pass: write }).receive;
}
