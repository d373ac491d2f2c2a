import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline, findDevice } from "../harness/fleet.ts";
import { createNetwork, networkFault, type TestNetwork } from "../harness/network-namespace.ts";
import { freePortRange, startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { startProcess, type TestProcess } from "../harness/process.ts";

const bundle = fileURLToPath(new URL("../../agent/dist/rciots-agent.js", import.meta.url));
/** What the contract promises for a path that drops packets. */
const noticedInMs = 30_000;

/** Within the device's network: it prints how many connections it holds. */
const echoProgram = `
let held = 0;
const server = require("node:net").createServer((socket) => {
  const tell = (change) => console.log("held " + (held += change));
  tell(1);
  socket.on("error", () => undefined);
  socket.on("close", () => tell(-1));
  socket.pipe(socket);
});
server.listen(0, "127.0.0.1", () => console.log("port " + server.address().port + "."));`;

/** Why connections of this test broke off. */
const faults = new WeakMap<Socket, string | undefined>();

async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", (error: NodeJS.ErrnoException) => faults.set(socket, error.code));
  await once(socket, "connect");
  return socket;
}

/** What comes back first for a text. */
async function exchange(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  return String(
    await new Promise((resolve, reject) => {
      socket.once("data", resolve);
      socket.once("close", () => reject(new Error("It was cut.")));
    }),
  );
}

function keepSending(socket: Socket): void {
  const bytes = Buffer.alloc(65_536);
  const send = (): void => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.resume();
  socket.on("drain", send);
  send();
}

/** Another program has the port; rejects where it is taken. */
async function listenAndLeave(port: number): Promise<void> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  server.close();
  await once(server, "close");
}

describe("when the path between agent and platform swallows every packet", function () {
  this.timeout(150_000);
  let network: TestNetwork;
  let platform: PlatformProcess;
  let agent: TestProcess;
  let echo: TestProcess;
  let api: ApiClient;
  let folder: string;

  before(async function () {
    const fault = networkFault();
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    network = createNetwork();
    folder = mkdtempSync(join(tmpdir(), "rciots-black-hole-"));
    const { hostAddress, namespace } = network;
    const tunnelPort = await freePortRange(1);
    platform = await startPlatformProcess({
      env: {
        RCIOTS_DEVICE_HOST: hostAddress,
        RCIOTS_PUBLIC_HOST: hostAddress,
        RCIOTS_TUNNEL_PORTS: `${tunnelPort}-${tunnelPort}`,
      },
    });
    api = await platform.api();
    agent = startProcess("ip", ["netns", "exec", namespace, process.execPath, bundle], {
      RCIOTS_PLATFORM_URL: platform.enrollUrl.replace("127.0.0.1", hostAddress),
      RCIOTS_CA_FINGERPRINT: platform.caFingerprint,
      RCIOTS_TOKEN: await createToken(api),
      RCIOTS_DEVICE_NAME: "far-away",
      RCIOTS_STATE_DIR: folder,
      RCIOTS_CLUSTER: "none",
    });
    echo = startProcess("ip", ["netns", "exec", namespace, process.execPath, "-e", echoProgram], {});
    await deviceOnline(api, "far-away");
  });

  async function echoPort(): Promise<number> {
    await echo.waitFor(/port \d+\./);
    return Number(/port (\d+)\./.exec(echo.output())?.[1]);
  }

  after(async () => {
    await agent?.kill("SIGTERM");
    await echo?.kill();
    await platform?.stop();
    network?.remove();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  it("is noticed by both ends in under 30 s, and the session comes back once packets pass again", async () => {
    const printedBefore = agent.output().length;
    network.blackHole();
    const startedAt = Date.now();
    const platformNoticed = eventually(
      async () => {
        assert.equal((await findDevice(api, "far-away")).presence.online, false);
        return Date.now() - startedAt;
      },
      { timeoutMs: noticedInMs, intervalMs: 200 },
    );
    const agentNoticed = eventually(
      () => {
        assert.match(agent.output().slice(printedBefore), /no session with the platform/);
        return Date.now() - startedAt;
      },
      { timeoutMs: noticedInMs, intervalMs: 200 },
    );
    const [platformMs, agentMs] = await Promise.all([platformNoticed, agentNoticed]);
    console.log(
      `      noticed by the platform after ${(platformMs / 1000).toFixed(1)} s, by the agent after ${(agentMs / 1000).toFixed(1)} s`,
    );
    assert.ok(platformMs < noticedInMs && agentMs < noticedInMs);
    network.heal();
    await deviceOnline(api, "far-away");
  });

  it("has what goes through a tunnel reset at both ends, its port freed, and carried on there afterwards", async () => {
    const { id: deviceId } = await findDevice(api, "far-away");
    const path = `/devices/${deviceId}/tunnels`;
    const target = { host: "127.0.0.1", port: await echoPort() };
    const { id, port } = await api.post(path, { target });
    const stateOf = async (): Promise<string> => (await api.get(`${path}/${id}`)).state as string;
    // One says nothing, one never stops, as long as anybody takes it.
    const [silent, busy] = [await dial(port), await dial(port)];
    await Promise.all([silent, busy].map((socket) => exchange(socket, "hello")));
    keepSending(busy);
    await echo.waitFor("held 2\n");
    const printedBefore = echo.output().length;

    network.blackHole();
    const startedAt = Date.now();
    const within = { timeoutMs: noticedInMs, intervalMs: 200 };
    await Promise.all([
      ...[silent, busy].map((socket) => eventually(() => assert.ok(socket.destroyed), within)),
      eventually(() => assert.match(echo.output().slice(printedBefore), /held 0\n/), within),
      eventually(async () => assert.equal(await stateOf(), "waiting"), within),
    ]);
    console.log(`      both ends had let go after ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
    assert.equal(faults.get(silent), "ECONNRESET");
    await listenAndLeave(port);

    network.heal();
    await deviceOnline(api, "far-away");
    await eventually(
      async () => {
        const socket = await dial(port);
        assert.equal(await exchange(socket, "again"), "again");
        socket.destroy();
      },
      { timeoutMs: noticedInMs },
    );
    const tunnel = await api.get(`${path}/${id}`);
    assert.deepEqual([tunnel.state, tunnel.port], ["open", port]);
    const { items } = await api.get("/events?kind=connection.closed");
    assert.ok(items.length >= 2, "their end is on record");
  });
});
