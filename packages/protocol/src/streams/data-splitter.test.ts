import assert from "node:assert/strict";
import { createDataSplitter, type StreamDataSink } from "./data-splitter.ts";
import { createRandom } from "./link-pair.fixture.ts";
import { frameHead, frameKinds } from "./stream-frame.ts";

const maxDataBytes = 65_536;

/** One WebSocket message, as a client (masked with this key) or a server sends it. */
function message(payload: Buffer, options: { opcode?: number; mask?: Buffer } = {}): Buffer {
  const { opcode = 0x82, mask } = options;
  const length = payload.length;
  const extra = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + extra);
  head[0] = opcode;
  head[1] = (mask === undefined ? 0 : 0x80) | (extra === 0 ? length : extra === 2 ? 126 : 127);
  if (extra === 2) head.writeUInt16BE(length, 2);
  if (extra === 8) head.writeUInt32BE(length, 6);
  if (mask === undefined) return Buffer.concat([head, payload]);
  const masked = Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
  return Buffer.concat([head, mask, masked]);
}

const dataFrame = (id: number, bytes: Buffer): Buffer =>
  Buffer.concat([frameHead(frameKinds.data, id), bytes]);

function split(chunks: readonly Buffer[], isMasked = false) {
  const passed: Buffer[] = [];
  const taken = new Map<number, Buffer[]>();
  const order: string[] = [];
  const sink: StreamDataSink = {
    onStreamData(id, bytes) {
      taken.set(id, [...(taken.get(id) ?? []), bytes]);
      order.push(`data ${id}`);
    },
  };
  const { receive } = createDataSplitter({
    isMasked,
    maxDataBytes,
    sink,
    pass(bytes) {
      passed.push(bytes);
      order.push("pass");
      return true;
    },
  });
  for (const chunk of chunks) receive(chunk);
  return {
    sink,
    order,
    passed: Buffer.concat(passed),
    dataOf: (id: number) => Buffer.concat(taken.get(id) ?? []),
  };
}

function cut(bytes: Buffer, sizeOf: () => number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = sizeOf();
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

describe("taking stream data out of WebSocket messages", () => {
  const text = message(Buffer.from('[2,["a:b",{}],1]'), { opcode: 0x81 });
  const zero = Buffer.alloc(4);

  it("takes the data in its pieces, and passes the rest on in its place", () => {
    const bytes = Buffer.concat([text, message(dataFrame(7, Buffer.from("hello"))), text]);
    const { passed, dataOf, order } = split([bytes]);
    assert.equal(dataOf(7).toString(), "hello");
    assert.deepEqual(passed, Buffer.concat([text, text]));
    assert.deepEqual(order, ["pass", "data 7", "pass"]);
  });

  it("comes to the same however the bytes are cut", () => {
    const random = createRandom(20_261_126);
    for (let round = 0; round < 60; round += 1) {
      const isMasked = round % 2 === 1;
      const mask = isMasked ? zero : undefined;
      const wanted = new Map<number, Buffer[]>();
      const others: Buffer[] = [];
      const all: Buffer[] = [];
      for (let count = 0; count < 40; count += 1) {
        const size = Math.floor(random() ** 4 * (maxDataBytes - 1)) + 1;
        const bytes = Buffer.alloc(size, count);
        const id = 1 + Math.floor(random() * 5);
        const options = mask === undefined ? {} : { mask };
        if (random() < 0.6) {
          wanted.set(id, [...(wanted.get(id) ?? []), bytes]);
          all.push(message(dataFrame(id, bytes), options));
        } else {
          const kinds = [0x81, 0x82, 0x89, 0x02, 0x80];
          const opcode = kinds[Math.floor(random() * kinds.length)] ?? 0x81;
          const other = message(Buffer.concat([frameHead(frameKinds.window, id, size), bytes]), {
            opcode,
            ...options,
          });
          others.push(other);
          all.push(other);
        }
      }
      const chunks = cut(Buffer.concat(all), () => 1 + Math.floor(random() ** 3 * 20_000));
      const { passed, dataOf } = split(chunks, isMasked);
      assert.ok(passed.equals(Buffer.concat(others)), `round ${round}`);
      for (const [id, bytes] of wanted) assert.ok(dataOf(id).equals(Buffer.concat(bytes)), `round ${round}`);
    }
  });

  it("passes on what is masked with a key, unmasked from a client, too large, or no data", () => {
    const frame = dataFrame(1, Buffer.from("data"));
    for (const [bytes, isMasked] of [
      [message(frame, { mask: Buffer.from([1, 2, 3, 4]) }), true],
      [message(frame), true],
      [message(frame, { mask: zero }), false],
      [message(dataFrame(1, Buffer.alloc(maxDataBytes + 1))), false],
      [message(frame, { opcode: 0x02 }), false],
      [message(frame, { opcode: 0xc2 }), false],
      [message(frameHead(frameKinds.data, 1)), false],
      [message(Buffer.alloc(0)), false],
    ] as const) {
      const { passed, order } = split(
        cut(bytes, () => 3),
        isMasked,
      );
      assert.ok(passed.equals(bytes));
      assert.ok(order.every((what) => what === "pass"));
    }
  });

  it("passes everything on until somebody takes data, and knows where it stands by then", () => {
    const taken: string[] = [];
    const sink: StreamDataSink = {};
    const passed: Buffer[] = [];
    const pass = (bytes: Buffer): boolean => passed.push(bytes) > 2;
    const { receive } = createDataSplitter({ isMasked: false, maxDataBytes, sink, pass });
    const frame = message(dataFrame(3, Buffer.from("abcdef")));
    assert.equal(receive(frame.subarray(0, 9)), false);
    sink.onStreamData = (id, bytes) => void taken.push(`${id} ${bytes.toString()}`);
    receive(frame.subarray(9));
    assert.ok(Buffer.concat(passed).equals(frame));
    receive(frame);
    assert.deepEqual(taken, ["3 abcdef"]);
  });
});
