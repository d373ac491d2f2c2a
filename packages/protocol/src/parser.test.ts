import assert from "node:assert/strict";
import { PacketType, type Packet } from "socket.io-parser";
import { channelParser, malformedEvent, streamFrameEvent } from "./index.ts";

const { Encoder, Decoder } = channelParser;

function decode(...frames: unknown[]): Packet[] {
  const decoded: Packet[] = [];
  const decoder = new Decoder();
  decoder.on("decoded", (packet) => decoded.push(packet as Packet));
  for (const frame of frames) decoder.add(frame);
  return decoded;
}

const packet = (value: Partial<Packet>): Packet => ({ nsp: "/", ...value }) as Packet;
const isMalformed = ([found]: Packet[]): boolean =>
  (found?.data as unknown[] | undefined)?.[0] === malformedEvent;

describe("the channel's framing", () => {
  describe("when a packet is encoded and decoded", () => {
    const packets: Record<string, Packet> = {
      "a CONNECT with auth": packet({ type: PacketType.CONNECT, data: { deviceId: "a", deviceToken: "b" } }),
      "a CONNECT_ERROR": packet({
        type: PacketType.CONNECT_ERROR,
        data: { message: "busy", data: { code: "busy" } },
      }),
      "a call": packet({ type: PacketType.EVENT, data: ["desired:get", {}], id: 0 }),
      "a call of the highest id": packet({
        type: PacketType.EVENT,
        data: ["desired:get", {}],
        id: 0xffffffff,
      }),
      "an answer": packet({ type: PacketType.ACK, data: [{ ok: true, data: { a: "ä\u0000" } }], id: 7 }),
    };
    for (const [what, given] of Object.entries(packets)) {
      it(`keeps ${what}`, () => {
        const frames = new Encoder().encode(given);
        assert.equal(frames.length, 1);
        assert.equal(typeof frames[0], "string");
        assert.deepEqual(decode(...frames), [given]);
      });
    }

    it("keeps a DISCONNECT, which has no data", () => {
      const [frame] = new Encoder().encode(packet({ type: PacketType.DISCONNECT }));
      assert.equal(frame, "[1,null]");
      assert.deepEqual(decode(frame), [{ type: PacketType.DISCONNECT, nsp: "/", data: undefined }]);
    });

    it("sends an answer of bytes as one binary frame with a header of five bytes", () => {
      const bytes = Buffer.from([1, 2, 3]);
      const answer = packet({ type: PacketType.ACK, id: 0x01020304, data: [{ ok: true, data: bytes }] });
      const frames = new Encoder().encode(answer);
      assert.deepEqual(frames, [Buffer.from([0x80, 1, 2, 3, 4, 1, 2, 3])]);
      const [decoded] = decode(...frames);
      assert.equal(decoded?.id, 0x01020304);
      assert.deepEqual(decoded?.data, [{ ok: true, data: bytes }]);
    });

    it("passes stream frames through untouched", () => {
      const frame = Buffer.from([0x01, 9, 9, 9]);
      const [decoded] = decode(frame);
      assert.deepEqual(decoded?.data, [streamFrameEvent, frame]);
      assert.equal((decoded?.data as unknown[])[1], frame);
    });

    it("gives stream frames, and nothing else, to whoever takes them", () => {
      const taken: unknown[] = [];
      const packets: unknown[] = [];
      const decoder = new Decoder();
      decoder.on("decoded", (decoded) => packets.push(decoded));
      decoder.onStreamFrame = (frame) => taken.push(frame);
      const frames = [Buffer.from([0x01, 9]), Buffer.from([0x7f])];
      for (const frame of [...frames, Buffer.from([0x80, 0, 0, 0, 1]), Buffer.from([0]), "[1,null]"])
        decoder.add(frame);
      assert.deepEqual(taken, frames);
      assert.equal(packets.length, 3);
    });

    it("reads an answer of no bytes, and one from the middle of a larger buffer", () => {
      assert.deepEqual((decode(Buffer.from([0x80, 0, 0, 0, 5]))[0]?.data as unknown[])[0], {
        ok: true,
        data: Buffer.alloc(0),
      });
      const [decoded] = decode(Buffer.from([7, 7, 0x80, 0, 0, 0, 5, 42, 7]).subarray(2, 8));
      assert.deepEqual((decoded?.data as { data: Buffer }[])[0]?.data, Buffer.from([42]));
    });
  });

  describe("when a frame is not what it should be", () => {
    const frames: Record<string, unknown> = {
      "not JSON": "{",
      nothing: "",
      "JSON that is no array": '{"type":2}',
      "an array of one": "[2]",
      "an array of four": '[2,["a:b",{}],1,1]',
      "an unknown type": '[9,["a:b",{}],1]',
      "a binary event of socket.io's own": '[5,["a:b",{}],1]',
      "an event without a name": "[2,[],1]",
      "an event without payload": '[2,["a:b"],1]',
      "an event of three": '[2,["a:b",{},{}],1]',
      "an event whose name is a number": "[2,[1,{}],1]",
      "a reserved name": '[2,["disconnect",{}],1]',
      "a name that only the decoder may use": `[2,["${malformedEvent}",{}],1]`,
      "a stream frame as text": `[2,["${streamFrameEvent}",{}],1]`,
      "a negative id": '[2,["a:b",{}],-1]',
      "an id too large": '[2,["a:b",{}],4294967296]',
      "an id of a fraction": '[2,["a:b",{}],1.5]',
      "an id of null": '[2,["a:b",{}],null]',
      "an answer without id": "[3,[{}]]",
      "an answer of two": "[3,[{},{}],1]",
      "a CONNECT without auth": "[0,null]",
      "a CONNECT of a list": "[0,[]]",
      "a DISCONNECT with data": '[1,"now"]',
      "an empty binary frame": Buffer.alloc(0),
      "a binary frame of kind 0": Buffer.from([0, 1, 2]),
      "a binary frame of an unknown kind": Buffer.from([0x81, 1, 2]),
      "a binary answer cut short": Buffer.from([0x80, 0, 0, 1]),
      "something that is neither text nor bytes": 42,
    };
    for (const [what, frame] of Object.entries(frames)) {
      it(`takes ${what} for malformed`, () => assert.ok(isMalformed(decode(frame))));
    }

    it("never throws, whatever comes", () => {
      let state = 7;
      const random = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
      const alphabet = '[]{}",:0123456789.eE-ntrufals\\ab\u0000\ud800';
      for (let round = 0; round < 20_000; round += 1) {
        const length = Math.floor(random() * 40);
        const text = Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join("");
        assert.equal(decode(text).length, 1);
        assert.equal(decode(Buffer.from(text)).length, 1);
      }
      assert.ok(isMalformed(decode("[".repeat(1_000_000))));
    });

    it("does not carry a prototype over from JSON", () => {
      const [decoded] = decode('[2,["a:b",{"__proto__":{"polluted":true}}],1]');
      const payload = (decoded?.data as Record<string, unknown>[])[1];
      assert.equal(payload?.["polluted"], undefined);
      assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
    });
  });

  it("says nothing more after it was destroyed", () => {
    const decoder = new Decoder();
    let count = 0;
    decoder.on("decoded", () => (count += 1));
    decoder.add("[1,null]");
    decoder.destroy();
    decoder.add("[1,null]");
    assert.equal(count, 1);
  });
});
