/** Kinds of messages on a terminal's WebSocket: one byte, then the body (see the API's reference). */
export const frames = {
  input: 1,
  resize: 2,
  shown: 3,
  close: 4,
  opened: 17,
  output: 18,
  taken: 19,
  exit: 20,
} as const;

export function frame(kind: number, body: Uint8Array = new Uint8Array()): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(body.length + 1);
  bytes[0] = kind;
  bytes.set(body, 1);
  return bytes;
}

export function offsetBody(offset: number): Uint8Array {
  const body = new Uint8Array(8);
  new DataView(body.buffer).setBigUint64(0, BigInt(offset));
  return body;
}

export function readOffset(body: Uint8Array): number {
  return Number(new DataView(body.buffer, body.byteOffset, 8).getBigUint64(0));
}

export function sizeBody(columns: number, rows: number): Uint8Array {
  const body = new Uint8Array(4);
  const view = new DataView(body.buffer);
  view.setUint16(0, columns);
  view.setUint16(2, rows);
  return body;
}

export const readJson = (body: Uint8Array): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
