import assert from "node:assert/strict";
import { once } from "node:events";
import type { Server, Socket } from "node:net";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import { ApiProblem, type ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import { prepareInstallation, type Installation, type ServiceProcess } from "../harness/installation.ts";
import { freePortRange } from "../harness/platform-process.ts";
import { redisFault } from "../harness/redis-server.ts";
import { askTcp, dial, startEcho } from "../harness/tcp-asking.ts";

/** The first connector has an address of its own; the other two share one, so that one of them stands by. */
const alone = "127.0.0.1";
const shared = "127.0.0.2";
const hosts = [alone, shared] as const;
const hostOf = (name: string): string => (name === "connector-1" ? alone : shared);
/** A connector that is killed is missed once its lease has run out; the device is back before. */
const failover = { timeoutMs: 60_000, intervalMs: 200 };

describe("when several connectors listen for tunnels", function () {
  this.timeout(240_000);
  let installation: Installation;
  let agent: AgentProcess | undefined;
  let api: ApiClient;
  let echo: Server;
  let target: { host: string; port: number };
  let deviceId: string;

  before(async function () {
    if (redisFault() !== undefined) return this.skip();
    const first = await freePortRange(21);
    installation = await prepareInstallation({
      counts: { enroll: 1, connector: 3, frontend: 1 },
      env: {
        RCIOTS_TUNNEL_PORTS: `${first}-${first + 20}`,
        RCIOTS_DRAIN_SECONDS: "2",
      },
      envOf: (name) => ({ RCIOTS_TUNNEL_HOST: hostOf(name) }),
    });
    await installation.begin();
    api = await installation.api();
    ({ server: echo, target } = await startEcho());
    agent = startAgentProcess({
      platform: { enrollUrl: installation.enrollUrl, caFingerprint: await installation.caFingerprint() },
      token: await createToken(api),
      name: "tunnelled",
      env: { RCIOTS_TUNNEL_ALLOW: "loopback" },
    });
    deviceId = (await deviceOnline(api, "tunnelled")).id;
  });
  after(async () => {
    await agent?.stop();
    echo?.close();
    await installation?.stop();
  });

  const path = (id = "") => `/devices/${deviceId}/tunnels${id === "" ? "" : `/${id}`}`;
  const open = (more: object = {}) => api.post(path(), { target, allowFrom: ["127.0.0.0/8"], ...more });
  const close = (id: string, force = true) => api.delete(`${path(id)}?force=${force}`);
  const numberOf = async (service: ServiceProcess, metric: string): Promise<number> =>
    Number(
      (await service.page("/metrics"))
        ?.split("\n")
        .find((line) => line.startsWith(`${metric} `))
        ?.split(" ")[1],
    );
  const holder = async (): Promise<ServiceProcess> => {
    for (const connector of installation.of("connector"))
      if ((await numberOf(connector, 'rciots_sessions{state="live"}')) === 1) return connector;
    return assert.fail("nobody holds the session");
  };
  /** A connection that is used, and what tells when it is over. */
  async function use(port: number, host: string): Promise<{ socket: Socket; over: Promise<unknown> }> {
    const socket = await dial(port, host);
    const over = new Promise((resolve) => socket.once("close", resolve));
    socket.write("x");
    await once(socket, "data");
    return { socket, over };
  }
  async function codeOf(call: Promise<unknown>): Promise<string> {
    try {
      await call;
      return "ok";
    } catch (error) {
      assert.ok(error instanceof ApiProblem, String(error));
      return String(error.body["code"]);
    }
  }

  it("a port leads to the device at each of them, and what goes through is added up", async () => {
    const tunnel = await open();
    assert.equal(tunnel.state, "open");
    for (const host of hosts) assert.equal(await askTcp(tunnel.port, "hello", host), "hello", host);
    await eventually(async () => {
      const { state, usage } = await api.get(path(tunnel.id));
      assert.deepEqual(
        [state, usage.connections, usage.liveConnections, usage.sentBytes, usage.receivedBytes],
        ["open", 2, 0, 10, 10],
      );
    });
    await close(tunnel.id, false);
    for (const host of hosts) await assert.rejects(dial(tunnel.port, host));
  });

  it("one that waits for the port is no failure", async () => {
    const tunnel = await open();
    await eventually(async () => {
      const page = await Promise.all(
        ["open", "standby", "failed"].map(async (state) => {
          const counts = installation
            .of("connector")
            .map((connector) => numberOf(connector, `rciots_tunnels{state="${state}"}`));
          return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
        }),
      );
      assert.deepEqual(page, [2, 1, 0]);
    });
    await close(tunnel.id);
  });

  it("who is no longer allowed is cut at all of them, and let in at none", async () => {
    const tunnel = await open();
    const used = await Promise.all(hosts.map((host) => use(tunnel.port, host)));
    await api.patch(path(tunnel.id), { allowFrom: ["::1/128"] });
    await Promise.all(used.map(({ over }) => over));
    for (const host of hosts) assert.equal(await askTcp(tunnel.port, "hello", host), undefined);
    await close(tunnel.id);
  });

  it("a connection through any of them is in the way of closing, and counts for how many there may be", async () => {
    const tunnel = await open({ maxConnections: 1 });
    for (const [index, host] of hosts.entries()) {
      const { socket, over } = await use(tunnel.port, host);
      assert.equal(await codeOf(close(tunnel.id, false)), "tunnel_in_use", host);
      const other = hosts[1 - index];
      await eventually(async () => assert.equal(await askTcp(tunnel.port, "full", other), undefined));
      if (index === 1) {
        await close(tunnel.id);
        await over;
        continue;
      }
      socket.destroy();
      await eventually(async () => assert.equal(await askTcp(tunnel.port, "free", other), "free"));
    }
  });

  it("one closes it when its time is over, once, with what went through all of them", async () => {
    const tunnel = await open({ closesAt: new Date(Date.now() + 4_000).toISOString() });
    for (const host of hosts) assert.equal(await askTcp(tunnel.port, "hello", host), "hello");
    await eventually(async () => assert.equal(await codeOf(api.get(path(tunnel.id))), "tunnel_not_found"), {
      timeoutMs: 30_000,
    });
    for (const host of hosts) await eventually(() => assert.rejects(dial(tunnel.port, host)));
    const { items } = await api.get("/events?kind=tunnel.closed&limit=100");
    const told = items.filter(({ details }: any) => details.tunnelId === tunnel.id);
    assert.deepEqual(
      told.map(({ details }: any) => [details.connections, details.sentBytes]),
      [[2, 10]],
    );
  });

  it("a port goes on leading to the device when the connector with its session is killed", async () => {
    const tunnel = await open();
    const victim = await holder();
    const survivor = hostOf(victim.name) === alone ? shared : alone;
    const { over } = await use(tunnel.port, survivor);
    await victim.end("SIGKILL");
    // It went through the session that is gone.
    await over;
    let closed = 0;
    await eventually(async () => {
      const socket = await dial(tunnel.port, survivor).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ECONNREFUSED") closed += 1;
      });
      socket?.destroy();
      assert.equal(await askTcp(tunnel.port, "moved", survivor), "moved");
    }, failover);
    assert.equal(closed, 0, "the port was open all the time");
    victim.begin();
    await victim.ready();
    for (const host of hosts)
      await eventually(async () => assert.equal(await askTcp(tunnel.port, "back", host), "back"), failover);
    await close(tunnel.id);
  });

  it("another process of the machine takes the port over, and what went through the dead one is no longer counted", async () => {
    const tunnel = await open();
    const isListening = async (service: ServiceProcess): Promise<boolean> =>
      (await numberOf(service, 'rciots_tunnels{state="open"}')) === 1;
    async function listener(): Promise<ServiceProcess> {
      for (const connector of installation.of("connector"))
        if (hostOf(connector.name) === shared && (await isListening(connector))) return connector;
      return assert.fail("nobody listens at the shared address");
    }
    await use(tunnel.port, shared);
    assert.equal((await api.get(path(tunnel.id))).usage.liveConnections, 1);
    const killed = await listener();
    await killed.end("SIGKILL");
    const answers = (text: string) =>
      eventually(async () => assert.equal(await askTcp(tunnel.port, text, shared), text), failover);
    await answers("taken over");
    await eventually(async () => {
      const { state, usage } = await api.get(path(tunnel.id));
      assert.deepEqual([state, usage.liveConnections], ["open", 0]);
    }, failover);
    killed.begin();
    await killed.ready();
    const stopped = await listener();
    assert.notEqual(stopped.name, killed.name);
    await stopped.end("SIGTERM");
    await answers("handed over");
    stopped.begin();
    await stopped.ready();
    await close(tunnel.id);
  });

  it("they close when the device is away, and open when it is back", async () => {
    const tunnel = await open();
    await agent?.kill();
    await eventually(async () => assert.equal((await api.get(path(tunnel.id))).state, "waiting"), failover);
    for (const host of hosts) await eventually(() => assert.rejects(dial(tunnel.port, host)), failover);
    agent?.restart();
    for (const host of hosts)
      await eventually(async () => assert.equal(await askTcp(tunnel.port, "again", host), "again"), failover);
    await close(tunnel.id);
  });
});
