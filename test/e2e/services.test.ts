import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline, findDevice } from "../harness/fleet.ts";
import { prepareInstallation, type Installation, type ServiceProcess } from "../harness/installation.ts";
import { startProcess } from "../harness/process.ts";
import { redisFault } from "../harness/redis-server.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

describe("when enrolment, connector and frontend run as processes of their own", function () {
  this.timeout(180_000);
  let installation: Installation;
  let agent: AgentProcess | undefined;
  let api: ApiClient;
  let deviceId: string;

  before(async function () {
    if (redisFault() !== undefined) return this.skip();
    installation = await prepareInstallation({
      counts: { enroll: 2, connector: 1, frontend: 1 },
      // So that a device renews its certificate while the test looks on.
      env: { RCIOTS_CERTIFICATE_LIFETIME: "60s", RCIOTS_KUSTOMIZE: "/nowhere/kustomize" },
    });
  });
  after(async () => {
    await agent?.stop();
    await installation?.stop();
  });
  const [first, second] = [0, 1].map((index) => () => installation.of("enroll")[index] as ServiceProcess);
  const connector = (): ServiceProcess => installation.of("connector")[0] as ServiceProcess;
  const frontend = (): ServiceProcess => installation.of("frontend")[0] as ServiceProcess;

  it("each says what it lacks, whichever is started first", async () => {
    connector().begin();
    frontend().begin();
    await eventually(
      async () => {
        for (const service of [connector(), frontend()]) {
          assert.equal((await service.ask("/healthz"))?.status, 200);
          const ready = await service.ask("/readyz");
          assert.deepEqual([ready?.status, ready?.checks["process"]], [503, "starting"]);
        }
      },
      { timeoutMs: 30_000 },
    );
    first?.().begin();
    second?.().begin();
    await Promise.all(installation.services.map((service) => service.ready()));
    api = await installation.api();
  });

  it("a device enrols, connects, and is asked things through them", async () => {
    agent = startAgentProcess({
      platform: { enrollUrl: installation.enrollUrl, caFingerprint: await installation.caFingerprint() },
      token: await createToken(api),
      name: "apart",
      env: { RCIOTS_TUNNEL_ALLOW: "loopback" },
    });
    deviceId = (await deviceOnline(api, "apart")).id;
    const target = createServer((socket) => void socket.on("error", () => undefined).end());
    target.listen(0, "127.0.0.1");
    await once(target, "listening");
    const { port } = target.address() as AddressInfo;
    try {
      await eventually(async () => {
        const checked = await api.post(`/devices/${deviceId}/tunnels/check`, { host: "127.0.0.1", port });
        assert.equal(typeof checked.durationMs, "number");
      });
    } finally {
      target.close();
    }
  });

  it("a local port leads to the device through a frontend, which holds no session", async () => {
    const echo = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => undefined);
      socket.pipe(socket);
    });
    echo.listen(0, "127.0.0.1");
    await once(echo, "listening");
    const { port } = echo.address() as AddressInfo;
    const { token } = await api.post("/api-tokens", { name: "cli", scopes: ["write"] });
    const args = [join(root, "cli/dist/main.js"), "connect", "apart", String(port)];
    const command = startProcess(process.execPath, args, {
      RCIOTS_URL: `http://127.0.0.1:${frontend().port}`,
      RCIOTS_API_TOKEN: token,
    });
    try {
      await command.waitFor("leads to");
      const local = Number(/127\.0\.0\.1:(\d+) leads/.exec(command.output())?.[1]);
      const bytes = randomBytes(4 * 1_048_576);
      const socket = connect({ host: "127.0.0.1", port: local, allowHalfOpen: true });
      const chunks: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      // The end goes there before the last of it comes back.
      socket.end(bytes);
      await once(socket, "end");
      assert.ok(Buffer.concat(chunks).equals(bytes), "every byte came back, in order");
    } finally {
      await command.kill("SIGTERM");
      echo.close();
    }
  });

  it("its certificate is renewed by whichever enrolment is alive, and the connector holds no CA key", async () => {
    await first?.().end("SIGKILL");
    await eventually(
      async () => {
        const { items } = await api.get(`/events?deviceId=${deviceId}&kind=certificate.renewed`);
        assert.ok(items.length > 0);
      },
      { timeoutMs: 90_000, intervalMs: 1_000 },
    );
    assert.equal((await findDevice(api, "apart")).presence.online, true);
    assert.equal(await installation.db.collection("signingRequests").countDocuments(), 0);
    first?.().begin();
    await first?.().ready();
  });

  it("the connector comes back while nobody enrols, and the device to it", async () => {
    await Promise.all([first?.().end("SIGKILL"), second?.().end("SIGKILL")]);
    await connector().end("SIGKILL");
    connector().begin();
    await connector().ready();
    await deviceOnline(api, "apart");
    first?.().begin();
    second?.().begin();
    await Promise.all([first?.().ready(), second?.().ready()]);
  });

  it("a frontend that is started again has forgotten no failed sign-in", async () => {
    const guess = async (): Promise<number> => {
      const answer = await fetch(`http://127.0.0.1:${frontend().port}/api/v1/login`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ username: "somebody", password: "wrong" }),
      });
      return answer.status;
    };
    for (let tries = 0; tries < 10; tries += 1) assert.equal(await guess(), 401);
    await frontend().end("SIGKILL");
    frontend().begin();
    await frontend().ready();
    assert.equal(await guess(), 429);
  });

  it("all say that they are not ready while Redis is away, and live on", async () => {
    await installation.redis.kill();
    for (const service of installation.services)
      await eventually(
        async () => {
          const ready = await service.ask("/readyz");
          assert.deepEqual([ready?.status, ready?.checks["bus"]], [503, "Redis can't be reached"]);
          assert.equal((await service.ask("/healthz"))?.status, 200);
        },
        { timeoutMs: 30_000 },
      );
    await installation.redis.restart();
    await Promise.all(installation.services.map((service) => service.ready()));
  });

  it("none starts without what joins them, and says what is missing", async () => {
    for (const kind of ["enroll", "connector", "frontend"]) {
      const running = startProcess(process.execPath, [join(root, `dist/${kind}/main.js`)], {});
      assert.equal(await running.exited, 2);
      for (const name of [
        "MONGODB_URI",
        "REDIS_URL",
        kind === "enroll" ? "RCIOTS_CA_KEY" : "RCIOTS_MASTER_KEY",
      ])
        assert.match(running.output(), new RegExp(`${name} is missing`));
    }
  });
});
