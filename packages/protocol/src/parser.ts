import { PacketType, type Packet } from "socket.io-parser";

/**
 * The channel's framing, in place of socket.io's own. A control message is one text frame
 * `[type, data, id?]` in JSON. A binary frame is one of two kinds, told apart by its first byte:
 * 0x80 answers a call with bytes (`0x80, id as uint32 big-endian, bytes`), and 0x01 to 0x7f is a stream frame,
 * passed through untouched. The namespace is always `/` and is not sent.
 */
const binaryAckKind = 0x80;
const binaryAckHeaderBytes = 5;

/** Where stream frames arrive that no `StreamFrameSink` takes. */
export const streamFrameEvent = "stream:frame";
/** What the decoder turns a frame into that can't be read; it never comes over the wire. */
export const malformedEvent = "protocol:malformed";

const eventName = /^[a-z]+:[a-z-]+$/;

type Listener = (...args: unknown[]) => void;

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function binaryAck(packet: Packet): Buffer | undefined {
  const ack = (packet.data as unknown[] | undefined)?.[0] as { ok?: unknown; data?: unknown } | undefined;
  if (ack?.ok !== true || !isBytes(ack.data) || packet.id === undefined) return undefined;
  const frame = Buffer.allocUnsafe(binaryAckHeaderBytes + ack.data.byteLength);
  frame[0] = binaryAckKind;
  frame.writeUInt32BE(packet.id, 1);
  frame.set(ack.data, binaryAckHeaderBytes);
  return frame;
}

export class Encoder {
  encode(packet: Packet): (string | Buffer)[] {
    const data = packet.data as unknown;
    if (packet.type === PacketType.ACK) {
      const frame = binaryAck(packet);
      if (frame !== undefined) return [frame];
    }
    return [
      JSON.stringify(
        packet.id === undefined ? [packet.type, data ?? null] : [packet.type, data ?? null, packet.id],
      ),
    ];
  }
}

function malformed(reason: string): Packet {
  return { type: PacketType.EVENT, nsp: "/", data: [malformedEvent, reason] };
}

function isStreamFrame(frame: Uint8Array): boolean {
  const kind = frame[0] ?? 0;
  return kind > 0 && kind < binaryAckKind;
}

function decodeBytes(frame: Uint8Array): Packet {
  if (isStreamFrame(frame)) return { type: PacketType.EVENT, nsp: "/", data: [streamFrameEvent, frame] };
  if (frame[0] !== binaryAckKind) return malformed("a binary frame of no known kind");
  if (frame.byteLength < binaryAckHeaderBytes) return malformed("a binary answer cut short");
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const data = [{ ok: true, data: bytes.subarray(binaryAckHeaderBytes) }];
  return { type: PacketType.ACK, nsp: "/", id: bytes.readUInt32BE(1), data };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// What socket.io itself relies on for each type of packet; anything else must not reach it.
function isWellFormed(type: unknown, data: unknown, id: unknown): boolean {
  const hasId = Number.isInteger(id) && (id as number) >= 0 && (id as number) <= 0xffffffff;
  switch (type) {
    case PacketType.CONNECT:
    case PacketType.CONNECT_ERROR:
      return id === undefined && isObject(data);
    case PacketType.DISCONNECT:
      return id === undefined && data === null;
    case PacketType.EVENT:
      return (
        (id === undefined || hasId) &&
        Array.isArray(data) &&
        data.length === 2 &&
        typeof data[0] === "string" &&
        eventName.test(data[0]) &&
        data[0] !== malformedEvent &&
        data[0] !== streamFrameEvent
      );
    case PacketType.ACK:
      return hasId && Array.isArray(data) && data.length === 1;
    default:
      return false;
  }
}

function decodeText(frame: string): Packet {
  let parsed: unknown;
  try {
    parsed = JSON.parse(frame);
  } catch {
    return malformed("a text frame that is not JSON");
  }
  if (!Array.isArray(parsed) || parsed.length < 2 || parsed.length > 3)
    return malformed("a text frame that is not [type, data, id?]");
  const [type, data, id] = parsed as [unknown, unknown, unknown];
  if (!isWellFormed(type, data, id)) return malformed("a message whose parts are not of its type");
  // A DISCONNECT has no data; null stands for it on the wire.
  return { type, nsp: "/", data: data ?? undefined, ...(id === undefined ? {} : { id }) } as Packet;
}

/** What takes stream frames; a decoder that has one gives them to it, past socket.io's own ways. */
export interface StreamFrameSink {
  onStreamFrame?: ((frame: Uint8Array) => void) | undefined;
}

/** Never throws: what can't be read comes out as a `malformedEvent`, for the owner of the session to count. */
export class Decoder implements StreamFrameSink {
  onStreamFrame?: (frame: Uint8Array) => void;
  #listeners: Listener[] = [];

  on(event: string, listener: Listener): this {
    if (event === "decoded") this.#listeners.push(listener);
    return this;
  }

  off(_event?: string, listener?: Listener): this {
    this.#listeners = listener === undefined ? [] : this.#listeners.filter((known) => known !== listener);
    return this;
  }

  removeListener(event: string, listener: Listener): this {
    return this.off(event, listener);
  }

  emit(): boolean {
    return false;
  }

  add(frame: unknown): void {
    if (this.onStreamFrame !== undefined && isBytes(frame) && isStreamFrame(frame)) {
      this.onStreamFrame(frame);
      return;
    }
    const packet =
      typeof frame === "string"
        ? decodeText(frame)
        : isBytes(frame)
          ? decodeBytes(frame)
          : malformed("a frame of an unknown type");
    for (const listener of this.#listeners) listener(packet);
  }

  destroy(): void {
    this.#listeners = [];
  }
}

/** For the `parser` option of both socket.io ends. */
export const channelParser = { Encoder, Decoder };
