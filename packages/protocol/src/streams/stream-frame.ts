/**
 * A stream frame is one binary WebSocket message: kind, stream id as uint32 big-endian, body. The numbers lie in the
 * range that the channel's parser passes through untouched.
 */
export const frameKinds = {
  /** uint32: what the acceptor may send at once; then the target in JSON. */
  open: 0x01,
  /** uint32: what the opener may send at once. */
  opened: 0x02,
  /** A fault in JSON. */
  refused: 0x03,
  data: 0x04,
  /** uint32: so many bytes more may be sent. */
  window: 0x05,
  /** The sender has no more data; it goes on receiving. */
  end: 0x06,
  /** A fault in JSON; answered with a reset unless it is one. */
  reset: 0x07,
  /** On stream 0. uint32: so many bytes of data, of all streams, have arrived since the last one of these. */
  received: 0x08,
  /** There is data that waits for credit. Sent once for each time that credit is used up. */
  blocked: 0x09,
} as const;
export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

export const frameHeaderBytes = 5;

/** Why a stream was refused, or ended before its time. */
export interface StreamFault {
  code: string;
  /** For people. */
  message: string;
}

const noBody = Buffer.alloc(0);

/** Header and the fixed part of the body; data follows as it is. */
export function frameHead(kind: FrameKind, id: number, value?: number): Buffer {
  const head = Buffer.allocUnsafe(value === undefined ? frameHeaderBytes : frameHeaderBytes + 4);
  head[0] = kind;
  head.writeUInt32BE(id, 1);
  if (value !== undefined) head.writeUInt32BE(value, frameHeaderBytes);
  return head;
}

export interface Frame {
  kind: number;
  id: number;
  body: Buffer;
}

/** Undefined where it is too short to be one. */
export function readFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.byteLength < frameHeaderBytes) return undefined;
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const body = frame.length === frameHeaderBytes ? noBody : frame.subarray(frameHeaderBytes);
  return { kind: frame[0] ?? 0, id: frame.readUInt32BE(1), body };
}

export const faultBytes = ({ code, message }: StreamFault): Buffer =>
  Buffer.from(JSON.stringify({ code: code.slice(0, 64), message: message.slice(0, maxFaultChars) }));

const maxFaultChars = 1_024;
const maxFaultBytes = 8_192;
const controlCharacters = /[\u0000-\u001f\u007f]/g;

/** What the peer says is shown to people: only text of a sane length and alphabet gets through. */
export function readFault(body: Buffer): StreamFault {
  const told = body.length > maxFaultBytes ? undefined : parseJson(body);
  const { code, message } = (typeof told === "object" && told !== null ? told : {}) as Record<
    string,
    unknown
  >;
  return {
    code: typeof code === "string" && /^[a-z_]{1,64}$/.test(code) ? code : "reset",
    message:
      typeof message === "string" ? message.replace(controlCharacters, "").slice(0, maxFaultChars) : "",
  };
}

/** Undefined where it is not JSON. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
