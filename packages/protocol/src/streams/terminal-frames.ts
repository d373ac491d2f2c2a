/**
 * What is said inside a terminal's stream, each as kind (one byte), length (uint32 big-endian) and body. To the
 * device: `input` (bytes), `resize` (columns and rows, uint16 each), `shown` (uint64: output up to here is on the
 * screen), `close` (empty). From it: `opened` (JSON, once), `output` (bytes), `taken` (uint64: input up to here
 * arrived), `exit` (JSON, last).
 */
export const terminalFrames = {
  input: 0x01,
  resize: 0x02,
  shown: 0x03,
  close: 0x04,
  opened: 0x11,
  output: 0x12,
  taken: 0x13,
  exit: 0x14,
} as const;

/** Output that was sent and is not known to be on the screen; the terminal's programs wait beyond it. */
export const terminalWindowBytes = 262_144;
export const terminalFrameBytes = 65_536;

const headBytes = 5;

export function terminalFrame(kind: number, body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + body.byteLength);
  frame[0] = kind;
  frame.writeUInt32BE(body.byteLength, 1);
  frame.set(body, headBytes);
  return frame;
}

export function offsetBody(offset: number): Buffer {
  const body = Buffer.allocUnsafe(8);
  body.writeBigUInt64BE(BigInt(offset));
  return body;
}

/** Undefined where it is none. */
export function readOffset(body: Buffer): number | undefined {
  if (body.length !== 8) return undefined;
  const offset = Number(body.readBigUInt64BE());
  return Number.isSafeInteger(offset) ? offset : undefined;
}

/** Cuts a stream of bytes into frames. `push` returns false where they are none; nothing comes after that. */
export function createTerminalReader(onFrame: (kind: number, body: Buffer) => void) {
  let rest: Buffer = Buffer.alloc(0);
  let isBroken = false;
  return {
    push(bytes: Buffer): boolean {
      if (isBroken) return false;
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      while (rest.length >= headBytes) {
        const length = rest.readUInt32BE(1);
        if (length > terminalFrameBytes) return !(isBroken = true);
        if (rest.length < headBytes + length) break;
        const [kind = 0] = rest;
        const body = rest.subarray(headBytes, headBytes + length);
        rest = rest.subarray(headBytes + length);
        onFrame(kind, body);
      }
      return true;
    },
  };
}
