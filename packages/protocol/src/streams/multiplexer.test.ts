import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import {
  createPair,
  createRandom,
  driveEnd,
  patternBytes,
  type End,
  type Pair,
} from "./link-pair.fixture.ts";
import { createMultiplexer, faultError } from "./multiplexer.ts";
import { frameHead, frameKinds } from "./stream-frame.ts";
import type { ByteStream } from "./byte-stream.ts";

interface Target {
  /** Bytes that the device sends, and the seeds of both patterns. */
  total: number;
  down: number;
  up: number;
}

/** A pair whose device end answers every stream with a pattern of the size that the target names. */
function createDrivenPair(
  random: () => number,
  options: Partial<Parameters<typeof createPair>[0]> = {},
): Pair & { ends: Map<number, End> } {
  const ends = new Map<number, End>();
  const pair = createPair({
    accept: async (target) => {
      const { total, down, up } = target as Target;
      if (random() < 0.5) await turn();
      return (stream) => {
        ends.set(stream.id, driveEnd(stream, { total, write: up, read: down, random }));
      };
    },
    ...options,
  });
  return { ...pair, ends };
}

const openDriven = async (
  pair: Pair,
  random: () => number,
  total: { down: number; up: number },
): Promise<End> => {
  const seed = Math.floor(random() * 1_000);
  const target: Target = { total: total.up, down: seed, up: seed + 1 };
  const stream = await pair.platform.open(target);
  return driveEnd(stream, { total: total.down, write: seed, read: seed + 1, random });
};

async function until(isTrue: () => boolean, turns = 200_000): Promise<void> {
  for (let count = 0; count < turns; count += 1) {
    if (isTrue()) return;
    await turn();
  }
  assert.fail("it did not come to that");
}

describe("two multiplexers back to back", function () {
  this.timeout(60_000);
  for (let seed = 1; seed <= 12; seed += 1) {
    it(`carry every byte of every stream in order, whatever the interleaving (seed ${seed})`, async () => {
      const random = createRandom(seed * 7_919);
      const pair = createDrivenPair(random, { bytesPerTurn: () => 1 + Math.floor(random() * 200_000) });
      const size = (): number => Math.floor(random() ** 3 * 2_000_000);
      const ends = await Promise.all(
        Array.from({ length: 20 }, () => openDriven(pair, random, { down: size(), up: size() })),
      );
      await Promise.all(ends.map((end) => end.done));
      await Promise.all([...pair.ends.values()].map((end) => end.done));
      for (const end of ends) {
        const other = pair.ends.get(end.stream.id);
        assert.deepEqual([end.fault, other?.fault], [undefined, undefined]);
        assert.equal(end.readBytes, other?.sentBytes);
        assert.equal(other?.readBytes, end.sentBytes);
      }
      await until(() => pair.platform.streams === 0 && pair.device.streams === 0);
      assert.deepEqual(pair.violations, []);
    });
  }

  it("let each way end by itself: data still flows against it", async () => {
    let device: ByteStream | undefined;
    const seen: string[] = [];
    const pair = createPair({
      accept: async () => (stream) => {
        device = stream;
        stream.listen({
          onData: () => undefined,
          onEnd: () => void seen.push("end of the platform's"),
          onWritable: () => undefined,
          onReset: () => void seen.push("reset"),
        });
      },
    });
    const stream = await pair.platform.open({});
    let text = "";
    stream.listen({
      onData(bytes) {
        text += bytes.toString();
        stream.consumed(bytes.length);
      },
      onEnd: () => void seen.push("end of the device's"),
      onWritable: () => undefined,
      onReset: () => void seen.push("reset"),
    });
    stream.end();
    await until(() => seen.length === 1);
    device?.write(Buffer.from("still here"));
    await until(() => text === "still here");
    device?.end();
    await until(() => seen.length === 2 && pair.platform.streams === 0 && pair.device.streams === 0);
    assert.deepEqual(seen, ["end of the platform's", "end of the device's"]);
  });

  it("stall nobody but the stream whose reader stands still, and hold no more than its window", async () => {
    const random = createRandom(5);
    const pair = createDrivenPair(random);
    const big = 6_000_000;
    const stalled = await openDriven(pair, random, { down: 0, up: big });
    stalled.stall();
    const others = await Promise.all(
      Array.from({ length: 9 }, () => openDriven(pair, random, { down: big / 4, up: big / 4 })),
    );
    await Promise.all(others.map((end) => end.done));
    const held = pair.platform.heldBytes;
    assert.ok(held > 0 && held <= 1_048_576, `${held} bytes are held`);
    stalled.resume();
    await stalled.done;
    assert.equal(stalled.readBytes, big);
    assert.equal(stalled.fault, undefined);
  });

  it("carry 2,000 streams at a time within the memory of a session, also where every reader stands still", async () => {
    const random = createRandom(11);
    const pair = createDrivenPair(random);
    const ends: End[] = [];
    for (let index = 0; index < 2_000; index += 1) {
      const end = await openDriven(pair, random, { down: 2_000, up: 40_000 });
      end.stall();
      ends.push(end);
    }
    assert.equal(pair.platform.streams, 2_000);
    let before = -1;
    await until(() => {
      const isSteady = pair.platform.heldBytes === before;
      before = pair.platform.heldBytes;
      return isSteady && before > 2_000 * 8_000;
    });
    assert.ok(before <= 32 * 1_048_576, `${before} bytes are held`);
    for (const end of ends) end.resume();
    await Promise.all(ends.map((end) => end.done));
    assert.ok(ends.every((end) => end.fault === undefined && end.readBytes === 40_000));
  });

  it("share the way fairly between streams, whatever the size of their pieces", async () => {
    const read = new Map<number, number>();
    const pair = createPair({
      bytesPerTurn: () => 65_536,
      accept: async () => (stream) =>
        stream.listen({
          onData(bytes) {
            read.set(stream.id, (read.get(stream.id) ?? 0) + bytes.length);
            setImmediate(() => stream.consumed(bytes.length));
          },
          onEnd: () => undefined,
          onWritable: () => undefined,
          onReset: () => undefined,
        }),
    });
    const pieces = [500, 5_000, 65_536, 200_000];
    for (const piece of pieces) {
      const stream = await pair.platform.open({});
      driveEnd(stream, { total: 1e9, write: 1, read: 1, random: () => 0.999, maxPiece: piece });
    }
    await until(() => [...read.values()].reduce((sum, bytes) => sum + bytes, 0) > 20_000_000);
    const shares = [...read.values()];
    assert.equal(shares.length, pieces.length);
    assert.ok(Math.max(...shares) < Math.min(...shares) * 1.5, `shares ${shares.join(", ")}`);
  });

  it("send control ahead of waiting data", async () => {
    const random = createRandom(9);
    const pair = createDrivenPair(random, { bytesPerTurn: () => 20_000, keepsLog: true });
    await openDriven(pair, random, { down: 50_000_000, up: 0 });
    await until(() => pair.sent.down.length > 20);
    const before = pair.sent.down.length;
    const opened = pair.platform.open({ total: 0, down: 0, up: 0 });
    await turn();
    await turn();
    const next = pair.sent.down.slice(before).findIndex((frame) => frame[0] === frameKinds.open);
    assert.ok(next >= 0 && next <= 10, `the open is number ${next} of what was sent next`);
    await opened;
  });

  it("let a window grow that is less than the path carries", async () => {
    const random = createRandom(21);
    const pair = createDrivenPair(random, { bytesPerTurn: () => 1_000_000, keepsLog: true });
    const fast = await openDriven(pair, random, { down: 8_000_000, up: 0 });
    await fast.done;
    const credits = pair.sent.up.filter((frame) => frame[0] === frameKinds.window);
    const largest = Math.max(...credits.map((frame) => frame.readUInt32BE(5)));
    assert.ok(largest > 262_144, `the largest credit is ${largest}`);
  });
});

describe("opening a stream", () => {
  it("tells the peer's own words where it refuses, and affects no other", async () => {
    const random = createRandom(2);
    const driven = createDrivenPair(random);
    const running = await openDriven(driven, random, { down: 1_000_000, up: 1_000_000 });
    const pair = createPair({
      accept: async () => {
        throw faultError({ code: "connection_refused", message: "Nobody listens there." });
      },
    });
    await assert.rejects(pair.platform.open({}), {
      code: "connection_refused",
      message: "Nobody listens there.",
    });
    await until(() => pair.platform.streams === 0 && pair.device.streams === 0);
    await running.done;
    assert.equal(running.fault, undefined);
    assert.deepEqual(pair.violations, []);
  });

  it("keeps what the peer says before anybody listens", async () => {
    const pair = createPair({
      accept: async () => (stream) => {
        driveEnd(stream, { total: 10, write: 1, read: 2, random: () => 0.9 });
      },
    });
    const stream = await pair.platform.open({});
    for (let count = 0; count < 20; count += 1) await turn();
    const end = driveEnd(stream, { total: 0, write: 2, read: 1, random: () => 0.9 });
    await end.done;
    assert.equal(end.readBytes, 10);
  });

  it("is refused beyond the number of streams, and goes on once one is over", async () => {
    const random = createRandom(4);
    const pair = createDrivenPair(random, { limits: { streams: 2 } });
    const first = await openDriven(pair, random, { down: 0, up: 10_000_000 });
    await openDriven(pair, random, { down: 0, up: 10_000_000 });
    await assert.rejects(pair.platform.open({}), { code: "too_many_streams" });
    first.stream.reset({ code: "closed", message: "" });
    await until(() => pair.platform.streams === 1);
    await openDriven(pair, random, { down: 0, up: 10 });
  });

  it("can be given up: the peer stops its work, and nothing is left", async () => {
    let isAborted = false;
    const pair = createPair({
      accept: (_target, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => {
            isAborted = true;
            reject(new Error("stopped"));
          }),
        ),
    });
    const giveUp = new AbortController();
    const opened = pair.platform.open({}, giveUp.signal);
    await until(() => pair.device.streams === 1);
    giveUp.abort();
    await assert.rejects(opened, { code: "aborted" });
    await until(() => isAborted && pair.platform.streams === 0 && pair.device.streams === 0);
    assert.deepEqual(pair.violations, []);
  });

  it("fails where the session ends meanwhile, and afterwards", async () => {
    const pair = createPair({ accept: () => new Promise(() => undefined) });
    const opened = pair.platform.open({});
    pair.platform.close({ code: "session_ended", message: "It is over." });
    await assert.rejects(opened, { code: "session_ended" });
    await assert.rejects(pair.platform.open({}), { code: "session_ended" });
  });
});

describe("a reset", function () {
  this.timeout(60_000);
  const moments: Record<string, number> = {
    "before anything": 0,
    "at the first bytes": 3,
    "in the middle": 40,
    "well on": 90,
  };
  for (const by of ["platform", "device", "both"] as const) {
    for (const [when, turns] of Object.entries(moments)) {
      it(`${when}, by ${by}, ends the stream at both ends and no other`, async () => {
        const random = createRandom(turns + by.length);
        const pair = createDrivenPair(random, { bytesPerTurn: () => 50_000 });
        const other = await openDriven(pair, random, { down: 300_000, up: 300_000 });
        const end = await openDriven(pair, random, { down: 20_000_000, up: 20_000_000 });
        for (let count = 0; count < turns; count += 1) await turn();
        const fault = { code: "connection_reset", message: "The connection broke." };
        const peer = pair.ends.get(end.stream.id);
        if (by !== "device") end.stream.reset(fault);
        if (by !== "platform") peer?.stream.reset(fault);
        if (by === "platform") await peer?.done;
        if (by === "device") {
          await end.done;
          assert.deepEqual(end.fault, fault);
        }
        await other.done;
        assert.equal(other.fault, undefined);
        await until(() => pair.platform.streams === 0 && pair.device.streams === 0);
        assert.deepEqual(pair.violations, []);
      });
    }
  }

  it("may cross with the end of the stream", async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const random = createRandom(seed);
      const pair = createDrivenPair(random, { bytesPerTurn: () => 1 + Math.floor(random() * 30_000) });
      const end = await openDriven(pair, random, { down: 20_000, up: 20_000 });
      const turns = Math.floor(random() * 40);
      for (let count = 0; count < turns; count += 1) await turn();
      const side = random() < 0.5 ? end : pair.ends.get(end.stream.id);
      side?.stream.reset({ code: "connection_reset", message: "" });
      await until(() => pair.platform.streams === 0 && pair.device.streams === 0);
      assert.deepEqual(pair.violations, []);
    }
  });
});

describe("frames of a peer that breaks the contract", () => {
  /** A device end that takes every stream up; frames go in by hand, and what it answers is kept. */
  function createVictim() {
    const violations: string[] = [];
    const faults: string[] = [];
    const answers: Buffer[] = [];
    const device = createMultiplexer({
      side: "device",
      link: {
        send: (head, body) => void answers.push(Buffer.concat(body === undefined ? [head] : [head, body])),
        cork: () => undefined,
        uncork: () => undefined,
        queuedBytes: 0,
        onDrain: () => () => undefined,
      },
      accept: async () => (stream) =>
        stream.listen({
          onData: () => undefined,
          onEnd: () => undefined,
          onWritable: () => undefined,
          onReset: ({ code }) => void faults.push(code),
        }),
      onViolation: (reason) => void violations.push(reason),
    });
    return { device, violations, faults, answers };
  }

  const open = (id: number): Buffer =>
    Buffer.concat([frameHead(frameKinds.open, id, 1_000), Buffer.from("{}")]);
  const data = (id: number, length: number): Buffer =>
    Buffer.concat([frameHead(frameKinds.data, id), patternBytes(1, 0, length)]);

  const hostile: Record<string, Buffer[]> = {
    "a frame cut short": [Buffer.from([frameKinds.data, 0, 0])],
    "a kind that does not exist": [frameHead(0x7f as never, 1)],
    "data of a stream that never was": [data(7, 10)],
    "data of stream 0": [data(0, 10)],
    "an end of a stream that never was": [frameHead(frameKinds.end, 9)],
    "a stream with an id of this end": [open(2)],
    "the same id twice": [open(1), open(1)],
    "an id that goes back": [open(5), open(3)],
    "an open without a window": [frameHead(frameKinds.open, 1)],
    "an open with a target of a megabyte": [
      Buffer.concat([frameHead(frameKinds.open, 1, 1), Buffer.alloc(1_000_000, 0x20)]),
    ],
    "data before the stream is open": [open(1), data(1, 10)],
    "an answer to a stream of its own": [open(1), frameHead(frameKinds.opened, 1, 10)],
    "a refusal of a stream of its own": [open(1), frameHead(frameKinds.refused, 1)],
    "a frame that is too large": [data(1, 65_537)],
    "a window of the wrong size": [open(1), frameHead(frameKinds.window, 1)],
    "a count of bytes never sent": [frameHead(frameKinds.received, 0, 1)],
    "a count on a stream": [frameHead(frameKinds.received, 1, 0)],
  };
  for (const [what, frames] of Object.entries(hostile)) {
    it(`end the session: ${what}`, () => {
      const victim = createVictim();
      for (const frame of frames) victim.device.receive(frame);
      assert.equal(victim.violations.length, 1);
      for (const frame of frames) victim.device.receive(frame);
      assert.equal(victim.violations.length, 1);
      assert.equal(victim.device.streams, 0);
    });
  }

  it("reset the stream where it sends beyond its credit, and end the session where it goes on", async () => {
    const victim = createVictim();
    victim.device.receive(open(1));
    await turn();
    await turn();
    const opened = victim.answers.find((frame) => frame[0] === frameKinds.opened);
    const credit = opened?.readUInt32BE(5) ?? 0;
    for (let sent = 0; sent + 65_536 <= credit; sent += 65_536) victim.device.receive(data(1, 65_536));
    victim.device.receive(data(1, (credit % 65_536) + 1));
    assert.deepEqual(victim.faults, ["flow_violation"]);
    assert.deepEqual(victim.violations, []);
    victim.device.receive(data(1, 65_536));
    victim.device.receive(data(1, 65_536));
    assert.equal(victim.violations.length, 1);
  });

  it("end the session for data after the end, and for a second end", async () => {
    for (const last of [data(1, 5), frameHead(frameKinds.end, 1)]) {
      const victim = createVictim();
      victim.device.receive(open(1));
      await turn();
      victim.device.receive(frameHead(frameKinds.end, 1));
      assert.deepEqual(victim.violations, []);
      victim.device.receive(last);
      assert.equal(victim.violations.length, 1);
      assert.deepEqual(victim.faults, ["session_ended"]);
    }
  });

  it("end the session for endless frames of streams that are over", async () => {
    const victim = createVictim();
    victim.device.receive(open(1));
    await turn();
    victim.device.receive(frameHead(frameKinds.reset, 1));
    for (let count = 0; count < 1_000; count += 1) victim.device.receive(frameHead(frameKinds.reset, 1));
    assert.equal(victim.violations.length, 1);
  });

  it("are refused with words where the target is not JSON", async () => {
    const victim = createVictim();
    victim.device.receive(Buffer.concat([frameHead(frameKinds.open, 1, 1_000), Buffer.from("{")]));
    await turn();
    await turn();
    const refused = victim.answers.find((frame) => frame[0] === frameKinds.refused);
    assert.match(refused?.toString() ?? "", /target_invalid/);
    assert.deepEqual(victim.violations, []);
  });

  it("never make it throw, whatever comes", async () => {
    const random = createRandom(77);
    for (let round = 0; round < 400; round += 1) {
      const victim = createVictim();
      victim.device.receive(open(1));
      await turn();
      for (let count = 0; count < 60 && victim.violations.length === 0; count += 1) {
        const frame = Buffer.from(Array.from({ length: Math.floor(random() * 24) }, () => random() * 256));
        if (frame.length > 5) {
          frame[0] = 1 + Math.floor(random() * 9);
          frame.writeUInt32BE(Math.floor(random() * 6), 1);
        }
        victim.device.receive(frame);
        if (random() < 0.2) await turn();
      }
      victim.device.close({ code: "session_ended", message: "" });
    }
  });

  it("end the session of a peer that sends and does not read", async () => {
    const violations: string[] = [];
    const device = createMultiplexer({
      side: "device",
      link: {
        send: () => undefined,
        cork: () => undefined,
        uncork: () => undefined,
        queuedBytes: 5 * 1_048_576,
        onDrain: () => () => undefined,
      },
      onViolation: (reason) => void violations.push(reason),
    });
    device.receive(open(1));
    await turn();
    await turn();
    assert.match(violations.join(), /does not read/);
  });
});
