import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import { freePortRange, startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const clusterApi = { viewer: "none", operator: "none", admin: "none", owner: "none" };
const patience = { timeoutMs: 60_000 };

async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** What comes back for a text; undefined where the connection is refused or cut. */
async function ask(port: number, text: string): Promise<string | undefined> {
  const socket = await dial(port).catch(() => undefined);
  if (socket === undefined) return undefined;
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  socket.end(text);
  await once(socket, "close").catch(() => undefined);
  return answer === "" ? undefined : answer;
}

describe("tunnels that an agent asks for on its command line", function () {
  this.timeout(180_000);
  let platform: PlatformProcess;
  let agent: AgentProcess;
  let api: ApiClient;
  let echo: Server;
  let target: number;
  let deviceId: string;
  let first: number;

  before(async () => {
    first = await freePortRange(51);
    platform = await startPlatformProcess({
      env: { RCIOTS_TUNNEL_PORTS: `${first}-${first + 50}` },
    });
    api = await platform.api();
    echo = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => undefined);
      socket.pipe(socket);
    });
    echo.listen(0, "127.0.0.1");
    await once(echo, "listening");
    target = (echo.address() as AddressInfo).port;
    agent = startAgentProcess({
      platform,
      token: await createToken(api),
      name: "asks",
      env: { RCIOTS_TUNNEL: `${first}:${target},127.0.0.1:${target},192.0.2.1:22` },
    });
    deviceId = (await deviceOnline(api, "asks")).id;
  });
  after(async () => {
    await Promise.all([agent?.stop(), platform?.stop()]);
    echo?.close();
  });

  const tunnels = async (): Promise<any[]> => (await api.get(`/devices/${deviceId}/tunnels`)).items as any[];
  const allow = (deviceTunnels: { allowFrom: string[] } | null) =>
    api.put("/organization/remote-access", { clusterApi, terminal: null, deviceTunnels });
  const opened = () =>
    eventually(async () => {
      const found = await tunnels();
      assert.deepEqual(
        found.map(({ state }) => state),
        ["open", "open"],
      );
      return found.map(({ port }) => port as number);
    }, patience);
  const says = (pattern: RegExp) =>
    eventually(() => assert.match(agent.process().output(), pattern), patience);

  it("are refused until an owner allows them, and the agent says why", async () => {
    await says(
      new RegExp(`the tunnel ${first} to 127.0.0.1:${target} was refused: The organisation lets no device`),
    );
    await says(/the tunnel 192\.0\.2\.1:22 was refused: This device's own list doesn't allow it/);
    assert.deepEqual(await tunnels(), []);
  });

  it("open without a new session once they are allowed, for the networks that are named", async () => {
    await allow({ allowFrom: ["10.0.0.0/8"] });
    const ports = await opened();
    assert.ok(ports.includes(first));
    await says(
      new RegExp(`the tunnel ${first} to 127.0.0.1:${target} is open on port ${first} of the platform`),
    );
    assert.equal(await ask(first, "hello"), undefined);
    await allow({ allowFrom: ["127.0.0.1"] });
    for (const port of ports) assert.equal(await ask(port, "hello"), "hello");
    assert.ok(
      (await tunnels()).every(
        ({ requestedBy, createdBy }) => requestedBy === "device" && createdBy === deviceId,
      ),
    );
    const events = (await api.get(`/events?kind=tunnel.opened`)).items as any[];
    assert.deepEqual(
      events.map(({ actor }) => actor.kind),
      ["device", "device"],
    );
  });

  it("come back on their ports after a restart of the agent, and of the platform", async () => {
    const ports = await opened();
    await agent.kill();
    agent.restart();
    await eventually(async () => assert.equal(await ask(first, "again"), "again"), patience);
    assert.deepEqual((await opened()).sort(), ports.sort());
    await platform.kill();
    await platform.restart();
    api = await platform.api();
    for (const port of ports)
      await eventually(async () => assert.equal(await ask(port, "once more"), "once more"), patience);
    assert.equal(((await api.get(`/events?kind=tunnel.opened`)).items as any[]).length, 2);
  });

  it("are closed when the agent asks for them no more, and nobody else's are", async () => {
    const mine = await api.post(`/devices/${deviceId}/tunnels`, {
      target: { host: "127.0.0.1", port: target },
    });
    await agent.kill();
    agent.restart({ RCIOTS_TUNNEL: `${first + 1}:${target}` });
    await eventually(async () => assert.equal(await ask(first + 1, "hello"), "hello"), patience);
    assert.equal(await ask(first, "hello"), undefined);
    assert.equal(await ask(mine.port, "hello"), "hello");
    assert.equal((await tunnels()).length, 2);
    await agent.kill();
    agent.restart({ RCIOTS_TUNNEL: "" });
    await eventually(async () => assert.equal((await tunnels()).length, 1), patience);
    assert.equal(await ask(first + 1, "hello"), undefined);
    assert.equal(await ask(mine.port, "hello"), "hello");
    await api.delete(`/devices/${deviceId}/tunnels/${mine.id}?force=true`);
  });

  it("are closed at once when an owner switches them off, with what goes through them", async () => {
    await agent.kill();
    agent.restart();
    await opened();
    const socket = await dial(first);
    // A connection that is cut is reset: `once` would take that for a failure.
    const cut = new Promise((resolve) => socket.once("close", resolve));
    socket.write("x");
    await once(socket, "data");
    await allow(null);
    await cut;
    await assert.rejects(dial(first));
    assert.deepEqual(await tunnels(), []);
    await says(/was refused: The organisation lets no device/);
  });
});
