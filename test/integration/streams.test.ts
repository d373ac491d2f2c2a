import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  createAgent,
  createMemoryIdentityStore,
  createMemoryStateStore,
  parseAllowList,
  type Agent,
  type AgentOptions,
} from "@rciots/agent";
import { createStreamDuplex, frameKinds, resetSocket } from "@rciots/protocol";
import { silentLogger } from "@rciots/runtime";
import { eventually } from "../harness/eventually.ts";
import { startPlatform, type Platform } from "./agent-fixture.ts";
import {
  connectClient,
  createFixture,
  errorCode,
  startConnector,
  type Running,
  type TestOrganization,
} from "./connector-fixture.ts";

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

async function hashOf(from: Duplex | Socket): Promise<string> {
  const hash = createHash("sha256");
  from.on("data", (chunk: Buffer) => hash.update(chunk));
  await once(from, "end");
  return hash.digest("hex");
}

describe("streams over a device's session", function () {
  this.timeout(90_000);
  let platform: Platform;
  let agent: Agent;
  let target: Server;
  let port: number;
  let onTarget: (socket: Socket) => void;
  const agents: Agent[] = [];
  const atTarget = new Set<Socket>();

  async function startAgent(options: Partial<AgentOptions> = {}): Promise<Agent> {
    const started = createAgent({
      platformUrl: platform.enrollUrl(),
      trust: { kind: "ca", pem: platform.rootPem() },
      name: `tunnel-${agents.length}`,
      identityStore: createMemoryIdentityStore(),
      stateStore: createMemoryStateStore(),
      findCluster: async () => undefined,
      readFacts: async () => ({ simulated: true }),
      agentVersion: "0.0.0-test",
      tunnels: parseAllowList(["loopback"]),
      logger: silentLogger,
      backoff: { minMs: 50, maxMs: 500 },
      provisioningToken: await platform.addToken(),
      ...options,
    });
    agents.push(started);
    started.start();
    await eventually(() => assert.equal(started.status().phase, "connected"));
    return started;
  }
  const deviceOf = (of: Agent) => ({
    organizationId: platform.organizationId,
    deviceId: of.status().deviceId ?? "",
  });
  const open = (of: Agent = agent, to: { host?: string; port?: number } = {}, signal?: AbortSignal) =>
    platform.connector().streams.open(deviceOf(of), { kind: "tcp", host: "127.0.0.1", port, ...to }, signal);

  before(async () => {
    platform = await startPlatform();
    target = createServer({ allowHalfOpen: true }, (socket) => {
      atTarget.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => atTarget.delete(socket));
      onTarget(socket);
    });
    target.listen(0, "127.0.0.1");
    await once(target, "listening");
    ({ port } = target.address() as AddressInfo);
    agent = await startAgent();
  });
  after(async () => {
    await Promise.all(agents.map((each) => each.stop()));
    for (const socket of atTarget) socket.destroy();
    target.close();
    await platform.stop();
  });

  it("carry a large file both ways at once, while the device goes on answering", async () => {
    const bytes = randomBytes(12 * 1_048_576);
    let atTargetHash: Promise<string> | undefined;
    onTarget = (socket) => {
      atTargetHash = hashOf(socket);
      socket.end(bytes);
    };
    const stream = createStreamDuplex(await open());
    const back = hashOf(stream);
    stream.end(bytes);
    const { _id } = await platform.device(deviceOf(agent).deviceId);
    assert.equal(_id, deviceOf(agent).deviceId);
    assert.deepEqual([await back, await atTargetHash], [sha256(bytes), sha256(bytes)]);
    assert.equal(agent.status().phase, "connected");
  });

  it("are many at a time", async () => {
    onTarget = (socket) => void socket.pipe(socket);
    const texts = await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const stream = createStreamDuplex(await open());
        stream.end(`stream ${index} `.repeat(500));
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk as Buffer);
        return Buffer.concat(chunks).toString() === `stream ${index} `.repeat(500);
      }),
    );
    assert.ok(texts.every(Boolean));
  });

  it("are refused with the device's words, and harm nothing else", async () => {
    onTarget = (socket) => void socket.pipe(socket);
    const running = createStreamDuplex(await open());
    await assert.rejects(open(agent, { host: "192.0.2.1" }), { code: "target_not_allowed", status: 409 });
    await assert.rejects(open(agent, { port: 1 }), { code: "connection_refused", status: 502 });
    await assert.rejects(open(agent, { host: "no-such-name.invalid" }), { code: "name_not_found" });
    running.write("still here");
    const [echo] = (await once(running, "data")) as [Buffer];
    assert.equal(echo.toString(), "still here");
    running.destroy();
    await eventually(() => assert.equal(atTarget.size, 0));
  });

  it("end with what the target does: a reset is a reset", async () => {
    onTarget = (socket) => void socket.once("data", () => resetSocket(socket));
    const stream = createStreamDuplex(await open());
    stream.write("x");
    const [error] = (await once(stream, "error")) as [Error & { code: string }];
    assert.equal(error.code, "connection_reset");
  });

  it("can be given up while they are opened", async () => {
    const giveUp = new AbortController();
    const opening = open(agent, { host: "127.0.0.1" }, giveUp.signal);
    giveUp.abort();
    await assert.rejects(opening, { name: "AbortError" });
  });

  it("are not offered to a device that takes none, is away, or belongs to somebody else", async () => {
    const closed = await startAgent({ tunnels: parseAllowList(["none"]) });
    await assert.rejects(open(closed), { code: "device_unsupported", status: 409 });
    const without = await startAgent({ tunnels: undefined });
    await assert.rejects(open(without), { code: "device_unsupported" });
    const stranger = { ...deviceOf(agent), organizationId: "org_00000000000000000000000000" };
    const to = { kind: "tcp" as const, host: "127.0.0.1", port };
    await assert.rejects(platform.connector().streams.open(stranger, to), { code: "device_offline" });
    await closed.stop();
    await eventually(() => assert.rejects(open(closed), { code: "device_offline" }));
  });

  it("end with the session at both ends, and work again after the next connect", async () => {
    const other = await startAgent();
    onTarget = (socket) => void socket.pipe(socket);
    const stream = createStreamDuplex(await open(other));
    const broken = once(stream, "error");
    await platform.setStatus(deviceOf(other).deviceId, "disabled");
    const [error] = (await broken) as [Error & { code: string }];
    assert.equal(error.code, "session_ended");
    await eventually(() => assert.equal(atTarget.size, 0));
    await platform.stopConnector();
    await platform.setStatus(deviceOf(other).deviceId, "active");
    await platform.startConnector();
    await eventually(async () => {
      const again = createStreamDuplex(await open());
      again.end("hello");
      const [echo] = (await once(again, "data")) as [Buffer];
      assert.equal(echo.toString(), "hello");
    });
  });
});

describe("a device that breaks the contract of streams", function () {
  this.timeout(90_000);
  let fixture: Awaited<ReturnType<typeof createFixture>>;
  let organization: TestOrganization;
  let running: Running;

  before(async () => {
    fixture = await createFixture();
    organization = await fixture.world.addOrganization();
    running = await startConnector(fixture.world, { settings: { cutGraceMs: 50 } });
  });
  after(async () => {
    await running.stop();
    await fixture.stop();
  });

  async function connect() {
    const device = await fixture.world.addDevice(organization);
    const client = await connectClient({
      url: running.url,
      device,
      ca: fixture.world.root.pem,
      capabilities: ["tunnels"],
    });
    assert.equal(errorCode(await client.hello()), "ok");
    const engine = client.socket.io.engine as unknown as { write(bytes: Buffer): void };
    return { device, client, send: (frame: Buffer) => engine.write(frame) };
  }
  const streams = () => running.connector.streams;
  const to = { kind: "tcp" as const, host: "127.0.0.1", port: 22 };

  for (const [what, frame] of Object.entries({
    "data of a stream that never was": Buffer.from([frameKinds.data, 0, 0, 0, 9, 1, 2]),
    "a stream of its own": Buffer.from([frameKinds.data + 60, 0, 0, 0, 1]),
    "a frame cut short": Buffer.from([frameKinds.data, 0]),
  })) {
    it(`is cut, and takes its streams with it: ${what}`, async () => {
      const { device, client, send } = await connect();
      const opening = streams().open({ organizationId: organization.id, deviceId: device.id }, to);
      await eventually(() => assert.ok(running.connector.stats().live > 0));
      send(frame);
      await assert.rejects(opening, { code: "device_offline" });
      assert.equal(await client.closed, "abuse");
    });
  }

  it("is told of a fault for frames before any stream was asked for, and cut only for many", async () => {
    const { client, send } = await connect();
    send(Buffer.from([frameKinds.data, 0, 0, 0, 1, 1]));
    assert.equal(errorCode(await client.call("desired:get", {})), "ok");
    for (let count = 0; count < 100; count += 1) send(Buffer.from([frameKinds.data, 0, 0, 0, 1, 1]));
    assert.equal(await client.closed, "abuse");
  });
});
