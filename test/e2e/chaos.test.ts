import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { fleetFiles } from "../bench/fleet-template.ts";
import { startSimulator, type Simulator } from "../bench/simulator.ts";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import { prepareInstallation, type Installation, type ServiceProcess } from "../harness/installation.ts";
import { redisFault } from "../harness/redis-server.ts";
import { freePortRange } from "../harness/platform-process.ts";
import { askTcp } from "../harness/tcp-asking.ts";
import { startWatch, type Watch } from "../harness/watch.ts";

/** The long form: this many minutes, with `RCIOTS_CHAOS_DEVICES` devices (2,000). */
const minutes = Number(process.env["RCIOTS_CHAOS_MINUTES"] ?? 0);
const size = Number(process.env["RCIOTS_CHAOS_DEVICES"] ?? (minutes > 0 ? 2_000 : 60));
const runMs = minutes > 0 ? minutes * 60_000 : 60_000;
/** What is promised of every device. */
const backInMs = 30_000;
/** Of a change of what devices run that was made while a process died. */
const rolledOutInMs = 90_000;

/** Each connector listens for tunnels at an address of its own, as on machines of their own. */
const tunnelHostOf = (name: string): string => name.replace("connector-", "127.0.0.");

interface Round {
  victim: string;
  signal: string;
  awayDevices: number;
  backMs: number;
  rolloutMs: number;
}

describe(`when any of seven processes ends at any time, with ${size} devices`, function () {
  this.timeout(runMs + 900_000);
  let installation: Installation;
  let simulator: Simulator;
  let target: Server;
  let agent: AgentProcess | undefined;
  let templateId: string;
  let tunnelPort = 0;
  let release = 1;
  const clients = new Map<ServiceProcess, ApiClient>();

  before(async function () {
    if (redisFault() !== undefined) return this.skip();
    tunnelPort = await freePortRange(1);
    installation = await prepareInstallation({
      counts: { enroll: 2, connector: 3, frontend: 2 },
      env: { RCIOTS_DRAIN_SECONDS: "3", RCIOTS_TUNNEL_PORTS: String(tunnelPort) },
      envOf: (name) => (name.startsWith("connector") ? { RCIOTS_TUNNEL_HOST: tunnelHostOf(name) } : {}),
    });
    await installation.begin();
    const api = await installation.api();
    templateId = (await api.post("/templates", { name: "chaos", files: fleetFiles(String(release)) })).id;
    simulator = await startSimulator({
      platformUrl: installation.enrollUrl,
      trust: await installation.trust(),
      token: await createToken(api, { templateIds: [templateId] }),
      devices: Array.from({ length: size }, (_none, index) => ({ name: `sim-${index + 1}` })),
    });
    await simulator.enroll({ concurrency: 32 });
    await simulator.connect({ concurrency: 64 });
    await allReleased(300_000);
    target = createServer((socket) => void socket.on("error", () => undefined).end("here"));
    target.listen(0, "127.0.0.1");
    await once(target, "listening");
    agent = startAgentProcess({
      platform: { enrollUrl: installation.enrollUrl, caFingerprint: await installation.caFingerprint() },
      token: await createToken(api),
      name: "witness",
      env: { RCIOTS_TUNNEL_ALLOW: "loopback" },
    });
    const { id } = await deviceOnline(api, "witness");
    const { port } = target.address() as AddressInfo;
    const allowFrom = ["127.0.0.0/8"];
    await api.post(`/devices/${id}/tunnels`, { target: { host: "127.0.0.1", port }, allowFrom });
  });
  after(async () => {
    await agent?.stop();
    await simulator?.kill();
    target?.close();
    await installation?.stop();
  });

  /** By whichever frontend answers, as a load balancer would have it. */
  async function ask<T>(call: (api: ApiClient) => Promise<T>): Promise<T> {
    let last: unknown;
    for (const frontend of installation.of("frontend").sort(() => Math.random() - 0.5)) {
      try {
        const api = clients.get(frontend) ?? (await installation.api(frontend));
        clients.set(frontend, api);
        return await call(api);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  /** Milliseconds until every device runs the present release of its own. */
  async function allReleased(timeoutMs: number): Promise<number> {
    const startedAt = performance.now();
    const counts = await simulator.until((now) => now.releasedOwn === size && now.connected === size, {
      timeoutMs,
      release: String(release),
      intervalMs: 100,
    });
    assert.deepEqual([counts.releasedOwn, counts.connected], [size, size], JSON.stringify(counts));
    return performance.now() - startedAt;
  }

  async function publish(): Promise<void> {
    release += 1;
    const files = fleetFiles(String(release));
    await eventually(() => ask((api) => api.patch(`/templates/${templateId}`, { files })), {
      timeoutMs: backInMs,
    });
  }

  function watchCommands(): Watch {
    const { port } = target.address() as AddressInfo;
    let deviceId: string | undefined;
    return startWatch({
      intervalMs: 200,
      async attempt() {
        deviceId ??= await ask(async (api) => (await deviceOnline(api, "witness")).id);
        await ask((api) => api.post(`/devices/${deviceId}/tunnels/check`, { host: "127.0.0.1", port }));
      },
    });
  }

  /** By whichever connector takes the connection, as a load balancer would have it. */
  function watchTunnel(): Watch {
    return startWatch({
      intervalMs: 200,
      async attempt() {
        for (const { name } of installation.of("connector").sort(() => Math.random() - 0.5))
          if ((await askTcp(tunnelPort, "", tunnelHostOf(name))) === "here") return;
        throw new Error("no connector led to the device");
      },
    });
  }

  /** Every session is at one connector, and the store says so. */
  async function countedOnce(): Promise<void> {
    await eventually(
      async () => {
        const pages = await Promise.all(installation.of("connector").map((each) => each.page("/metrics")));
        const live = pages.map((page) =>
          Number(/rciots_sessions\{state="live"\} (\d+)/.exec(page ?? "")?.[1] ?? Number.NaN),
        );
        assert.equal(
          live.reduce((sum, count) => sum + count, 0),
          size + 1,
          `${live.join(" + ")} sessions`,
        );
        const devices = installation.db.collection("devices");
        assert.equal(await devices.countDocuments({ "presence.online": true }), size + 1);
      },
      { timeoutMs: backInMs, intervalMs: 250 },
    );
  }

  async function playRound(victim: ServiceProcess, signal: "SIGKILL" | "SIGTERM"): Promise<Round> {
    const startedAt = performance.now();
    let awayDevices = 0;
    const rollout = publish();
    const ended = victim.end(signal).then(() => victim.begin());
    const isBack = async (): Promise<boolean> => {
      const { connected } = await simulator.counts();
      awayDevices = Math.max(awayDevices, size - connected);
      return connected === size;
    };
    // Whoever lost its connection is gone by now; a connector that drains is done.
    await ended;
    await isBack();
    await eventually(
      async () => assert.equal(await isBack(), true, `all devices after ${signal} of ${victim.name}`),
      { timeoutMs: backInMs, intervalMs: 100 },
    );
    const backMs = performance.now() - startedAt;
    await rollout;
    await allReleased(rolledOutInMs);
    const rolloutMs = performance.now() - startedAt;
    await victim.ready();
    await countedOnce();
    return { victim: victim.name, signal, awayDevices, backMs, rolloutMs };
  }

  it("brings every device back in time, loses no change, and answers for devices throughout", async () => {
    const commands = watchCommands();
    const tunnel = watchTunnel();
    const rounds: Round[] = [];
    const endsAt = performance.now() + runMs;
    const signals = ["SIGKILL", "SIGTERM"] as const;
    // Each kind in its turn, so that the short form has met all of them.
    const kinds = ["connector", "frontend", "enroll"] as const;
    for (let count = 0; count < 3 || performance.now() < endsAt; count += 1) {
      const candidates = installation.of(kinds[count % 3] ?? "connector");
      const victim = candidates[Math.floor(Math.random() * candidates.length)];
      const signal = signals[Math.floor(count / 3) % 2];
      assert.ok(victim !== undefined && signal !== undefined, "there is somebody to end");
      rounds.push(await playRound(victim, signal));
    }
    await Promise.all([commands.stop(), tunnel.stop()]);
    const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
    for (const { victim, signal, awayDevices, backMs, rolloutMs } of rounds)
      console.log(
        `      ${signal} of ${victim}: ${awayDevices} devices away, all back after ${seconds(backMs)} s, change everywhere after ${seconds(rolloutMs)} s`,
      );
    const worstMs = Math.max(...rounds.map(({ backMs }) => backMs));
    console.log(
      `      ${rounds.length} rounds, ${size} devices: worst return ${seconds(worstMs)} s; ${commands.tries()} calls to a device, failing at most ${seconds(commands.longestFailureMs())} s at a stretch; ${tunnel.tries()} connections through a tunnel, failing at most ${seconds(tunnel.longestFailureMs())} s`,
    );
    assert.ok(worstMs < backInMs, `worst return ${seconds(worstMs)} s`);
    assert.ok(commands.longestFailureMs() < backInMs, `calls failed for long: ${commands.lastFailure()}`);
    assert.ok(tunnel.longestFailureMs() < backInMs, `the tunnel failed for long: ${tunnel.lastFailure()}`);
    const { gaveUp } = await simulator.counts();
    assert.deepEqual(gaveUp, {});
  });
});
