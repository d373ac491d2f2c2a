import assert from "node:assert/strict";
import { createAgent, createMemoryIdentityStore, createMemoryStateStore, type Agent } from "@rciots/agent";
import { silentLogger } from "@rciots/runtime";
import { eventually } from "../harness/eventually.ts";
import {
  behave,
  eventFrame,
  openFrame,
  startHostilePlatform,
  type HostilePlatform,
} from "./agent-hostile-platform.ts";

/** Numbers that look random and are the same in every run (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const valid = [
  eventFrame("desired:changed", { kind: "none", revision: 0 }, 1),
  eventFrame("certificate:expire", {}, 2),
  '4[3,[{"ok":true,"data":{}}],0]',
  '4[4,{"message":"no"}]',
  "4[1,null]",
  openFrame,
  "2",
];
const hostileValues: unknown[] = [
  null,
  "",
  -1,
  1e308,
  [],
  {},
  { toString: null, valueOf: null },
  { __proto__: null, constructor: { prototype: {} } },
  "x".repeat(5_000),
  "\u0000\ud800",
  [[[[[[]]]]]],
];

/** One frame: broken JSON, wrong types, wrong shapes, spoiled valid frames, bytes. */
function hostileFrame(random: () => number): string | Buffer {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const kinds = [
    () => Buffer.from(Array.from({ length: Math.floor(random() * 64) }, () => Math.floor(random() * 256))),
    () => `4${JSON.stringify([Math.floor(random() * 8), pick(hostileValues), pick(hostileValues)])}`,
    () =>
      `4${JSON.stringify([pick([0, 2, 3, 4]), { message: pick(hostileValues), sid: pick(hostileValues), data: pick(hostileValues) }])}`,
    () =>
      eventFrame(
        pick(["desired:changed", "device:reboot", "connect", "__proto__", "session:close"]),
        pick(hostileValues),
        pick([1, -1, "x", null]),
      ),
    () => `4${JSON.stringify([3, [pick(hostileValues)], Math.floor(random() * 4)])}`,
    () => {
      const frame = pick(valid);
      const at = Math.floor(random() * frame.length);
      return frame.slice(0, at) + String.fromCharCode(Math.floor(random() * 128)) + frame.slice(at + 1);
    },
    () => `${Math.floor(random() * 10)}${JSON.stringify(pick(hostileValues))}`,
    () => "4".padEnd(Math.floor(random() * 2_000), "["),
  ];
  return pick(kinds)();
}

describe("when the platform is hostile", () => {
  let platform: HostilePlatform;
  let agent: Agent;
  const faults: unknown[] = [];
  const note = (error: unknown): void => void faults.push(error);

  before(async () => {
    process.on("uncaughtException", note);
    process.on("unhandledRejection", note);
    platform = await startHostilePlatform();
  });
  after(async () => {
    process.off("uncaughtException", note);
    process.off("unhandledRejection", note);
    await platform.stop();
  });
  beforeEach(() => {
    faults.length = 0;
    platform.onConnection(behave);
    agent = createAgent({
      platformUrl: platform.identity.platformUrl,
      trust: { kind: "ca", pem: platform.rootPem },
      name: "brave",
      identityStore: createMemoryIdentityStore({ version: 1, identity: platform.identity }),
      stateStore: createMemoryStateStore(),
      findCluster: async () => undefined,
      readFacts: async () => ({}),
      agentVersion: "0.0.0-test",
      logger: silentLogger,
      backoff: { minMs: 5, maxMs: 20 },
      // The slow pace, which is counted in minutes, would end the test's attack.
      random: () => 0,
    });
  });
  afterEach(async () => {
    await agent.stop();
    assert.deepEqual(faults, []);
  });
  const isConnected = () => eventually(() => assert.equal(agent.status().phase, "connected"));

  it("takes 10,000 hostile frames without a fault and in flat memory", async function () {
    this.timeout(60_000);
    const random = createRandom(20_261_122);
    let sent = 0;
    platform.onConnection((socket) => {
      // Some sessions are attacked from the first frame, some only when they are live.
      if (random() < 0.7) behave(socket);
      const attack = (): void => {
        for (let burst = 0; burst < 40 && sent < 10_000 && socket.readyState === socket.OPEN; burst += 1) {
          sent += 1;
          socket.send(hostileFrame(random));
        }
        if (sent < 10_000 && socket.readyState === socket.OPEN) setTimeout(attack, 1);
      };
      setTimeout(attack, random() < 0.5 ? 0 : 15);
    });
    // Ends by abuse are retried slowly: each is cut short by a new agent on the same identity.
    agent.start();
    let heapAtHalf = 0;
    while (sent < 10_000) {
      const before = platform.connections();
      await eventually(() => assert.ok(agent.status().lastEnd !== undefined || sent >= 10_000), {
        intervalMs: 2,
      });
      if (heapAtHalf === 0 && sent > 5_000) heapAtHalf = heapUsed();
      await agent.stop();
      agent = restarted();
      await eventually(() => assert.ok(platform.connections() > before), { intervalMs: 2 });
    }
    const grownBytes = heapUsed() - heapAtHalf;
    assert.ok(grownBytes < 20 * 1_048_576, `${grownBytes}`);
    platform.onConnection(behave);
    await agent.stop();
    agent = restarted();
    await isConnected();
  });

  function restarted(): Agent {
    const next = createAgent({
      platformUrl: platform.identity.platformUrl,
      trust: { kind: "ca", pem: platform.rootPem },
      name: "brave",
      identityStore: createMemoryIdentityStore({ version: 1, identity: platform.identity }),
      stateStore: createMemoryStateStore(),
      findCluster: async () => undefined,
      readFacts: async () => ({}),
      agentVersion: "0.0.0-test",
      logger: silentLogger,
      backoff: { minMs: 5, maxMs: 20 },
      random: () => 0,
    });
    next.start();
    return next;
  }

  const openings: [string, string | Buffer][] = [
    ["an opening packet that is not JSON", "0{"],
    ["an opening packet without a session", '0{"upgrades":[],"pingInterval":1,"pingTimeout":1}'],
    ["a heartbeat of a day", openFrame.replace("12000", "86400000")],
    ["bytes at first", Buffer.from([1, 2, 3])],
    ["a packet of no type", "9"],
    ["a base64 packet", "bAAAA"],
    ["a frame above the limit", "4".padEnd(1_100_000, " ")],
  ];
  for (const [what, frame] of openings) {
    it(`ends the session at ${what}`, async () => {
      platform.onConnection((socket) => socket.send(frame));
      agent.start();
      await eventually(() => assert.ok(agent.status().lastEnd !== undefined));
    });
  }

  it("survives a refusal whose text is an object", async () => {
    platform.onConnection((socket) => {
      socket.send(openFrame);
      socket.send('4[4,{"message":{"toString":null,"valueOf":null}}]');
      socket.send('4[4,{"message":"busy","data":{"code":"busy","retryAfterMs":5}}]');
    });
    agent.start();
    await eventually(() => assert.equal(agent.status().lastEnd?.code, "busy"));
  });

  it("does not hold what is said before the welcome", async () => {
    platform.onConnection((socket) => {
      socket.send(openFrame);
      for (let index = 0; index < 1_000; index += 1) socket.send(eventFrame("desired:changed", {}));
    });
    agent.start();
    await eventually(() => assert.equal(agent.status().lastEnd?.code, "abuse"));
  });

  it("answers each call that is not valid, and ends the session when they go on", async () => {
    platform.onConnection((socket) => {
      behave(socket);
      setTimeout(() => socket.send(eventFrame("desired:changed", { kind: "bundle" }, 7)), 50);
      setTimeout(() => socket.send(eventFrame("device:reboot", {}, 8)), 50);
    });
    agent.start();
    const answer = (id: number) =>
      platform.received.map(String).find((frame) => frame.startsWith("4[3,") && frame.endsWith(`,${id}]`));
    await eventually(() => assert.match(answer(7) ?? "", /"code":"invalid_payload"/));
    await eventually(() => assert.match(answer(8) ?? "", /"code":"unknown_event"/));
    assert.equal(agent.status().phase, "connected");
    for (let index = 0; index < 40; index += 1)
      platform.socket().send(eventFrame("device:reboot", {}, index));
    await eventually(() => assert.equal(agent.status().lastEnd?.code, "abuse"));
  });

  it("does not take the word of a session that is not the contract's", async () => {
    platform.onConnection((socket) => {
      socket.send(openFrame);
      socket.on("message", (data: Buffer) => {
        const text = data.toString();
        if (text.startsWith("4[0,")) socket.send('4[0,{"sid":"welcome"}]');
        if (text.startsWith("4[2,")) socket.send(`4[3,[{"ok":true,"data":{"version":"one"}}],0]`);
      });
    });
    agent.start();
    await eventually(() => assert.equal(agent.status().lastEnd?.code, "bad_answer"));
  });
});

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
