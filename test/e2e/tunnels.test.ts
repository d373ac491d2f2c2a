import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Server } from "node:net";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import { ApiProblem, type ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import { redisFault, startRedis } from "../harness/redis-server.ts";
import { freePortRange, startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { askTcp as ask, dial, startEcho } from "../harness/tcp-asking.ts";

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    assert.ok(error instanceof ApiProblem, String(error));
    return String(error.body["code"]);
  }
}

describe("tunnels that listen on the platform", function () {
  this.timeout(120_000);
  let platform: PlatformProcess;
  let agent: AgentProcess;
  let api: ApiClient;
  let echo: Server;
  let target: { host: string; port: number };
  let deviceId: string;
  let first: number;

  before(async () => {
    first = await freePortRange(51);
    platform = await startPlatformProcess({
      env: { RCIOTS_TUNNEL_PORTS: `${first}-${first + 50}` },
    });
    api = await platform.api();
    agent = startAgentProcess({ platform, token: await createToken(api), name: "tunnelled" });
    deviceId = (await deviceOnline(api, "tunnelled")).id;
    ({ server: echo, target } = await startEcho());
  });
  after(async () => {
    await Promise.all([agent?.stop(), platform?.stop()]);
    echo?.close();
  });

  const path = () => `/devices/${deviceId}/tunnels`;
  const open = (more: object = {}) => api.post(path(), { target, ...more });
  const read = (id: string) => api.get(`${path()}/${id}`);
  const close = (id: string, force = true) => api.delete(`${path()}/${id}?force=${force}`);
  const eventsOf = async (kind: string): Promise<any[]> =>
    (await api.get(`/events?kind=${kind}`)).items as any[];

  it("carry a large file both ways, and count what went through", async () => {
    const tunnel = await open({ name: "echo", protocol: "ssh" });
    assert.equal(tunnel.state, "open");
    const bytes = randomBytes(20 * 1_048_576);
    const socket = await dial(tunnel.port);
    const hash = createHash("sha256");
    socket.on("data", (chunk: Buffer) => hash.update(chunk));
    socket.end(bytes);
    await once(socket, "end");
    assert.equal(hash.digest("hex"), sha256(bytes));
    await eventually(async () => {
      const { usage } = await read(tunnel.id);
      assert.deepEqual(
        [usage.connections, usage.liveConnections, usage.sentBytes, usage.receivedBytes],
        [1, 0, bytes.length, bytes.length],
      );
    });
    assert.ok((await api.get("/tunnels")).items.some((item: any) => item.id === tunnel.id));
    await close(tunnel.id, false);
    await assert.rejects(dial(tunnel.port));
    const [event] = await eventsOf("tunnel.closed");
    assert.deepEqual([event.details.connections, event.details.sentBytes], [1, bytes.length]);
    assert.equal((await eventsOf("tunnel.opened"))[0].details.port, tunnel.port);
  });

  it("have every connection in the audit log: who, whereto, and what became of it", async () => {
    const tunnel = await open();
    const ofTunnel = async (kind: string): Promise<any[]> =>
      (await eventsOf(kind)).filter(({ details }) => details.tunnelId === tunnel.id);
    assert.equal(await ask(tunnel.port, "hello"), "hello");
    const socket = await dial(tunnel.port);
    socket.write("x");
    await once(socket, "data");
    await eventually(async () => assert.equal((await ofTunnel("connection.opened")).length, 2));
    const [long, short] = await ofTunnel("connection.opened");
    assert.deepEqual(
      [short.actor.kind, short.actor.name, short.address],
      ["address", "127.0.0.1", "127.0.0.1"],
    );
    assert.deepEqual([short.deviceId, short.details.target], [deviceId, target]);
    assert.equal(long.details.durationMs, undefined);
    socket.destroy();
    await eventually(async () => {
      const closed = (await ofTunnel("connection.closed")).find(
        ({ details }) => details.connectionId === long.details.connectionId,
      );
      assert.deepEqual([closed?.details.sentBytes, closed?.details.receivedBytes], [1, 1]);
    });
    await api.patch(`${path()}/${tunnel.id}`, { allowFrom: ["::1/128"] });
    assert.equal(await ask(tunnel.port, "hello"), undefined);
    await eventually(async () => {
      const [refused] = await ofTunnel("connection.refused");
      assert.deepEqual([refused?.details.reason, refused?.address], ["not_allowed", "127.0.0.1"]);
    });
    await close(tunnel.id);
  });

  it("sum up what is too much to be told one by one, and say so", async () => {
    const count = 100;
    const tunnel = await open({ maxConnections: count });
    await Promise.all(Array.from({ length: count }, () => ask(tunnel.port, "hello")));
    // What is counted is told at the end of the minute, and when the platform stops.
    await platform.kill("SIGTERM");
    await platform.restart();
    api = await platform.api();
    await deviceOnline(api, "tunnelled");
    await close(tunnel.id);
    const ofTunnel = async (kind: string): Promise<any[]> =>
      (await api.get(`/events?kind=${kind}&limit=200`)).items.filter(
        ({ details }: any) => details.tunnelId === tunnel.id,
      );
    const [singles, sums] = [await ofTunnel("connection.opened"), await ofTunnel("connection.summed")];
    const counted = sums.reduce((total, { details }) => total + Number(details.opened), 0);
    // Some may have come before the end of a minute, and the others after it.
    assert.ok(singles.length <= 60 && counted >= 40, `${singles.length} and ${counted}`);
    assert.equal(singles.length + counted, count);
  });

  it("take the port they are told, and no port twice or beyond the range", async () => {
    const tunnel = await open({ port: first });
    assert.equal(tunnel.port, first);
    assert.equal(await codeOf(open({ port: first })), "port_taken");
    assert.equal(await codeOf(open({ port: 1 })), "port_out_of_range");
    const others = await Promise.all(Array.from({ length: 10 }, () => open()));
    assert.equal(new Set([...others, tunnel].map(({ port }) => port)).size, 11);
    await Promise.all([...others, tunnel].map(({ id }) => close(id)));
  });

  it("let in who is allowed, and change that while they are open", async () => {
    const tunnel = await open({ allowFrom: ["10.0.0.0/8", "fd00::/8"] });
    assert.equal(await ask(tunnel.port, "hello"), undefined);
    await api.patch(`${path()}/${tunnel.id}`, { allowFrom: ["127.0.0.1/32"] });
    assert.equal(await ask(tunnel.port, "hello"), "hello");
    const socket = await dial(tunnel.port);
    socket.write("x");
    await once(socket, "data");
    assert.equal(await codeOf(close(tunnel.id, false)), "tunnel_in_use");
    // A connection that is cut is reset: `once` would take that for a failure.
    const cut = new Promise((resolve) => socket.once("close", resolve));
    const changed = await api.patch(`${path()}/${tunnel.id}`, { allowFrom: ["::1/128"] });
    await cut;
    assert.deepEqual(changed.allowFrom, ["::1/128"]);
    const [event] = await eventsOf("tunnel.changed");
    assert.deepEqual(event.details.before.allowFrom, ["127.0.0.1/32"]);
    await close(tunnel.id);
  });

  it("hold no more connections than they may", async () => {
    const tunnel = await open({ maxConnections: 2 });
    const sockets = [await dial(tunnel.port), await dial(tunnel.port)];
    for (const socket of sockets) {
      socket.write("x");
      await once(socket, "data");
    }
    assert.equal(await ask(tunnel.port, "hello"), undefined);
    sockets[0]?.destroy();
    await eventually(async () => assert.equal(await ask(tunnel.port, "hello"), "hello"));
    await close(tunnel.id);
  });

  it("say what the device says of a target, before and after", async () => {
    const answer = await api.post(`${path()}/check`, target);
    assert.ok(answer.durationMs >= 0);
    assert.equal(
      await codeOf(api.post(`${path()}/check`, { host: "192.0.2.1", port: 22 })),
      "target_not_allowed",
    );
    assert.equal(
      await codeOf(api.post(`${path()}/check`, { host: "127.0.0.1", port: 1 })),
      "connection_refused",
    );
    const tunnel = await open({ target: { host: "127.0.0.1", port: 1 } });
    assert.equal(await ask(tunnel.port, "hello"), undefined);
    await close(tunnel.id);
  });

  it("close by themselves when their time is over, and tell of it", async () => {
    const tunnel = await open({ closesAt: new Date(Date.now() + 3_000).toISOString() });
    assert.equal(await ask(tunnel.port, "hello"), "hello");
    await eventually(async () => assert.equal(await codeOf(read(tunnel.id)), "tunnel_not_found"), {
      timeoutMs: 30_000,
    });
    await assert.rejects(dial(tunnel.port));
    const [event] = await eventsOf("tunnel.closed");
    assert.match(event.message, /its time was over/);
    assert.equal(event.details.connections, 1);
  });

  it("close by themselves once nothing went through for as long as they say, and cut who is silent", async () => {
    const tunnel = await open({ idleTimeoutMs: 10_000 });
    const socket = await dial(tunnel.port);
    const cut = new Promise((resolve) => socket.once("close", resolve));
    socket.write("x");
    await once(socket, "data");
    assert.equal((await read(tunnel.id)).state, "open");
    await cut;
    await eventually(async () => assert.equal(await codeOf(read(tunnel.id)), "tunnel_not_found"));
    await assert.rejects(dial(tunnel.port));
    const [event] = await eventsOf("tunnel.closed");
    assert.match(event.message, /nobody used it/);
  });

  it("carry a binary protocol as it is: Redis, with values of every byte", async function () {
    if (redisFault() !== undefined) return this.skip();
    const redis = await startRedis();
    try {
      const { port, password } = new URL(redis.url);
      const tunnel = await open({ target: { host: "127.0.0.1", port: Number(port) }, protocol: "redis" });
      const askRedis = (args: string[], input?: Buffer): Buffer =>
        spawnSync("redis-cli", ["-p", String(tunnel.port), ...args], {
          env: { PATH: process.env["PATH"] ?? "", REDISCLI_AUTH: decodeURIComponent(password) },
          maxBuffer: 64 * 1_048_576,
          ...(input === undefined ? {} : { input }),
        }).stdout;
      const value = Buffer.from(Array.from({ length: 1_048_576 }, (_, index) => (index * 7) % 256));
      assert.equal(askRedis(["-x", "set", "bytes"], value).toString().trim(), "OK");
      assert.equal(sha256(askRedis(["--raw", "get", "bytes"]).subarray(0, -1)), sha256(value));
      await close(tunnel.id);
    } finally {
      await redis.stop();
    }
  });

  it("come back on their port when the device does, and after the platform was killed", async () => {
    const tunnel = await open();
    assert.equal(await ask(tunnel.port, "hello"), "hello");
    await agent.kill();
    await eventually(async () => assert.equal((await read(tunnel.id)).state, "waiting"));
    await eventually(() => assert.rejects(dial(tunnel.port)));
    agent.restart();
    await eventually(async () => assert.equal(await ask(tunnel.port, "again"), "again"), {
      timeoutMs: 30_000,
    });
    await platform.kill();
    await platform.restart();
    api = await platform.api();
    await eventually(async () => assert.equal(await ask(tunnel.port, "once more"), "once more"), {
      timeoutMs: 60_000,
    });
    assert.equal((await read(tunnel.id)).state, "open");
    await close(tunnel.id);
  });

  it("wait for a device that is away, and go with one that is decommissioned", async () => {
    await agent.kill();
    await eventually(async () =>
      assert.equal((await api.get(`/devices/${deviceId}`)).presence.online, false),
    );
    const tunnel = await open();
    assert.equal(tunnel.state, "waiting");
    agent.restart();
    await eventually(async () => assert.equal(await ask(tunnel.port, "hello"), "hello"), {
      timeoutMs: 30_000,
    });
    await api.post(`/devices/${deviceId}/decommission`, {});
    await eventually(() => assert.rejects(dial(tunnel.port)));
    assert.equal(await codeOf(read(tunnel.id)), "tunnel_not_found");
  });
});
