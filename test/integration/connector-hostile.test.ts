import assert from "node:assert/strict";
import { defaultSettings } from "@rciots/connector";
import { deviceCalls, limits, type DeviceEvent } from "@rciots/protocol";
import {
  connectClient,
  createFixture,
  errorCode,
  startConnector,
  type Client,
  type Running,
  type TestDevice,
  type TestOrganization,
  type World,
} from "./connector-fixture.ts";
import { eventually } from "../harness/eventually.ts";

/** A small generator with a seed, so that a failure can be repeated. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const random = createRandom(20_261_122);
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
const events = Object.keys(deviceCalls) as DeviceEvent[];

const oddValues: unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  "",
  "x",
  [],
  {},
  [[]],
  "\u0000",
  "__proto__",
  { __proto__: null, constructor: { prototype: 1 } },
  { versions: [1], agentVersion: 1, capabilities: "all", facts: { cpuCount: -1 } },
  { revision: -1, state: "healthy", counts: {} },
  { revision: 1, page: 70, pages: 2, objects: [] },
  { encodedDigest: "../../etc/passwd", offset: 0, length: 1 },
  { encodedDigest: "a".repeat(64), offset: -5, length: 1e9 },
  { csr: "x".repeat(20_000) },
];

/** One raw frame (what follows engine.io's own type byte). Most are wrong, some in one place only. */
function makeFrame(): string | Buffer {
  const value = pick(oddValues);
  switch (Math.floor(random() * 12)) {
    case 0:
      return JSON.stringify([2, [pick(events), value], Math.floor(random() * 1_000)]);
    case 1:
      return JSON.stringify([2, ["no:such-event", value], 1]);
    case 2:
      return JSON.stringify([2, [pick(events), value]]);
    case 3:
      return JSON.stringify([pick([3, 5, 6, 7, -1, 99, "2", null]), value, pick([1, -1, 1.5, "1", null])]);
    case 4:
      return JSON.stringify([
        2,
        [
          pick([
            "connect",
            "disconnect",
            "error",
            "newListener",
            "protocol:malformed",
            "stream:frame",
            "__proto__",
          ]),
          value,
        ],
        3,
      ]);
    case 5:
      return JSON.stringify(value);
    case 6:
      return "[".repeat(Math.floor(random() * 20_000));
    case 7:
      return Buffer.from([Math.floor(random() * 256), Math.floor(random() * 256), 1, 2, 3, 4]);
    case 8:
      return Buffer.alloc(Math.floor(random() * 5), 0x80);
    case 9:
      return `[2,["status:report",{"revision":${"9".repeat(400)}}],1]`;
    case 10:
      return "\u0000\ufffd not json";
    default:
      return JSON.stringify([3, [value], Math.floor(random() * 50)]);
  }
}

describe("a hostile device", () => {
  let fixture: Awaited<ReturnType<typeof createFixture>>;
  let world: World;
  let organization: TestOrganization;
  let running: Running;
  let honest: Client;

  async function connect(of: Running = running, given?: TestDevice): Promise<Client> {
    const device = given ?? (await world.addDevice(organization));
    return connectClient({ url: of.url, device, ca: world.root.pem });
  }
  async function live(of: Running = running): Promise<Client> {
    const client = await connect(of);
    assert.equal(errorCode(await client.hello()), "ok");
    return client;
  }
  /** Writes a frame past socket.io's own encoding. */
  const write = (client: Client, frame: string | Buffer): void => void client.socket.io.engine.write(frame);

  before(async () => {
    fixture = await createFixture();
    ({ world } = fixture);
    organization = await world.addOrganization();
    running = await startConnector(world);
    honest = await live();
  });
  afterEach(async () => {
    assert.equal(honest.isClosed(), false, "others are unaffected");
    assert.equal(errorCode(await honest.call("desired:get", {})), "ok");
  });
  after(async () => {
    await running?.stop();
    await fixture?.stop();
  });

  it("gets an answer with its own code for each kind of fault", async () => {
    const client = await connect();
    assert.equal(errorCode(await client.send("desired:get", {})), "hello_required");
    assert.equal(errorCode(await client.send("session:hello", { versions: "1" })), "invalid_payload");
    assert.equal(errorCode(await client.hello()), "ok");
    assert.equal(errorCode(await client.hello()), "hello_repeated");
    assert.equal(errorCode(await client.send("no:such", {})), "unknown_event");
    const bad = await client.send("status:report", { revision: "1", state: "fine", counts: {} });
    assert.ok(!bad.ok);
    assert.equal(bad.error.code, "invalid_payload");
    assert.deepEqual(
      (bad.error.details?.["faults"] as { field: string }[]).map(({ field }) => field).sort(),
      ["revision", "state"],
    );
    assert.equal(client.isClosed(), false);
    client.close();
  });

  it("survives 10,000 generated messages of patient sessions, without a crash and with flat memory", async function () {
    this.timeout(60_000);
    const settings = { faultBurst: 1e9, messageBurst: 1e9, maxQueuedFrames: 1e9 };
    const patient = await startConnector(world, { connectorId: "patient", settings });
    try {
      const handled = () => patient.connector.stats().calls["messages"] ?? 0;
      let client = await live(patient);
      let heapAfterWarmUp = 0;
      for (let sent = 0; handled() < 12_000; sent += 1) {
        // Some frames break socket.io's own rules, and end the connection.
        if (client.isClosed()) client = random() < 0.5 ? await live(patient) : await connect(patient);
        write(client, makeFrame());
        if (sent % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
        if (heapAfterWarmUp === 0 && handled() > 4_000) heapAfterWarmUp = process.memoryUsage().heapUsed;
      }
      const grownBytes = process.memoryUsage().heapUsed - heapAfterWarmUp;
      assert.ok(grownBytes < 48 * 1_048_576, `the heap grew by ${Math.round(grownBytes / 1_048_576)} MiB`);
      client.close();
      await eventually(() => assert.equal(patient.connector.stats().sessions, 0));
      const last = await live(patient);
      assert.equal(errorCode(await last.call("desired:get", {})), "ok");
    } finally {
      await patient.stop();
    }
  });

  it("is ended again and again, as often as it comes back", async function () {
    this.timeout(30_000);
    const rounds = 12;
    let abused = 0;
    for (let round = 0; round < rounds; round += 1) {
      const client = round % 2 === 0 ? await live() : await connect();
      for (let sent = 0; sent < 450; sent += 1) write(client, makeFrame());
      const end = await client.closed;
      if (end === "abuse") abused += 1;
      assert.ok(["abuse", "transport close", "transport error"].includes(end), end);
    }
    assert.ok(abused >= rounds * 0.8, `${abused} of ${rounds} sessions ended for abuse`);
    await eventually(() => assert.equal(running.connector.stats().sessions, 1));
  });

  it("is ended with `abuse` after its budget of faults, and told when to come back", async () => {
    const client = await live();
    for (let sent = 0; sent <= defaultSettings.faultBurst; sent += 1) write(client, "not json");
    assert.equal(await client.closed, "abuse");
    const close = client.received.find(({ event }) => event === "session:close");
    assert.ok((close?.payload as { retryAfterMs: number }).retryAfterMs > 0);
  });

  it("keeps a session that makes a few faults", async () => {
    const client = await live();
    for (let sent = 0; sent < 20; sent += 1) write(client, "not json");
    assert.equal(errorCode(await client.call("desired:get", {})), "ok");
    client.close();
  });

  it("is ended when a frame is larger than the contract allows", async () => {
    const client = await live();
    write(client, `[2,["facts:report",{"facts":{"hostname":"${"x".repeat(limits.messageBytes)}"}}],1]`);
    assert.notEqual(await client.closed, "abuse");
  });

  it("is answered `busy` when it calls faster than it is answered, and keeps its session", async () => {
    const client = await live();
    const codes = await Promise.all(
      Array.from({ length: 100 }, () => client.call("desired:get", {}).then(errorCode)),
    );
    assert.deepEqual([...new Set(codes)].sort(), ["busy", "ok"]);
    assert.equal(client.isClosed(), false);
    client.close();
  });

  it("is answered `rate_limited` when it floods with valid calls, and ended when it goes on", async () => {
    const client = await live();
    const { messageBurst, faultBurst } = defaultSettings;
    const flood = Array.from({ length: messageBurst + 2 * faultBurst }, () =>
      client.call("desired:get", {}).then(errorCode, () => "none"),
    );
    assert.equal(await client.closed, "abuse");
    assert.ok((await Promise.all(flood)).includes("rate_limited"));
  });

  it("is ended when it sends and does not read", async () => {
    const own = await startConnector(world, { connectorId: "own", settings: { maxQueuedFrames: 8 } });
    try {
      const bytes = Buffer.alloc(limits.chunkBytes * 4, 7);
      const device = await world.addDevice(organization);
      const desired = own.desired.set(device.id, 1, bytes);
      assert.ok(desired.kind === "bundle");
      const client = await connect(own, device);
      assert.equal(errorCode(await client.hello()), "ok");
      const engine = client.socket.io.engine as unknown as {
        transport: { ws: { _socket: { pause: () => void } } };
      };
      engine.transport.ws._socket.pause();
      const read = { encodedDigest: desired.encodedDigest, offset: 0, length: limits.chunkBytes };
      for (let id = 0; id < 400; id += 1) {
        write(client, JSON.stringify([2, ["bundle:read", read], id]));
        if (id % 20 === 19) await new Promise((resolve) => setImmediate(resolve));
      }
      await eventually(() => assert.equal(own.connector.stats().sessions, 0));
    } finally {
      await own.stop();
    }
  });

  it("is ended when it never says hello", async () => {
    const own = await startConnector(world, {
      connectorId: "own",
      settings: { helloTimeoutMs: 100, patrolIntervalMs: 100 },
    });
    try {
      assert.equal(await (await connect(own)).closed, "abuse");
    } finally {
      await own.stop();
    }
  });

  it("is ended when it says goodbye on socket.io's level and stays", async () => {
    const client = await live();
    write(client, "[1,null]");
    await client.closed;
    await eventually(() => assert.equal(running.connector.stats().sessions, 1));
  });

  it("can't name another connection's engine.io session", async () => {
    const victim = await live();
    const attacker = await world.addDevice(organization);
    const sid = (victim.socket.io.engine as unknown as { id: string }).id;
    const before = running.connector.stats().sessions;
    await assert.rejects(
      connectClient({ url: `${running.url}/?sid=${sid}`, device: attacker, ca: world.root.pem }),
    );
    assert.equal(victim.isClosed(), false);
    assert.equal(running.connector.stats().sessions, before);
    victim.close();
  });
});
