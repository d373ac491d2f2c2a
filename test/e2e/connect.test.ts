import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { chmod, mkdtemp, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { startProcess, type TestProcess } from "../harness/process.ts";
import { findSshd, startSshServer, type SshServer } from "../harness/ssh-server.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const rciots = join(root, "cli/dist/main.js");
const wholeFileBytes = Number(process.env["RCIOTS_TEST_COPY_MIB"] ?? 256) * 1_048_576;

async function hashOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1_048_576 }))
    hash.update(chunk as Buffer);
  return hash.digest("hex");
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

describe("rciots connect", function () {
  this.timeout(180_000);
  let platform: PlatformProcess;
  let agent: AgentProcess;
  let api: ApiClient;
  let echo: Server;
  let echoPort: number;
  let deviceId: string;
  let token: { id: string; token: string };
  let folder: string;
  const running: TestProcess[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "rciots-connect-"));
    platform = await startPlatformProcess();
    api = await platform.api();
    agent = startAgentProcess({ platform, token: await createToken(api), name: "far-away" });
    deviceId = (await deviceOnline(api, "far-away")).id;
    token = await api.post("/api-tokens", { name: "cli", scopes: ["write"] });
    echo = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => undefined);
      socket.pipe(socket);
    });
    echo.listen(0, "127.0.0.1");
    await once(echo, "listening");
    echoPort = (echo.address() as AddressInfo).port;
  });
  afterEach(async () => {
    for (const one of running.splice(0)) await one.kill("SIGTERM");
  });
  after(async () => {
    await Promise.all([agent?.stop(), platform?.stop()]);
    echo?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const envOf = (more: Record<string, string> = {}): Record<string, string> => ({
    XDG_CONFIG_HOME: folder,
    RCIOTS_URL: platform.consoleUrl,
    RCIOTS_API_TOKEN: token.token,
    ...more,
  });

  function start(args: string[], env = envOf()): TestProcess {
    const started = startProcess(process.execPath, [rciots, ...args], env);
    running.push(started);
    return started;
  }

  /** Forwards to the echo server; the port on this machine. */
  async function forward(env = envOf()): Promise<{ port: number; command: TestProcess }> {
    const command = start(["connect", "far-away", String(echoPort)], env);
    await command.waitFor("leads to");
    return { port: Number(/127\.0\.0\.1:(\d+) leads/.exec(command.output())?.[1]), command };
  }

  async function failure(args: string[], env = envOf()): Promise<{ code: number | null; output: string }> {
    const command = start(args, env);
    const code = await command.exited;
    return { code, output: command.output() };
  }

  const eventsOf = async (kind: string): Promise<any[]> =>
    (await api.get(`/events?kind=${kind}`)).items as any[];

  it("carries connections both ways, each end by itself, on one WebSocket, and records them", async () => {
    const { port, command } = await forward();
    const bytes = randomBytes(2 * 1_048_576);
    const results = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const socket = await dial(port);
        const hash = createHash("sha256");
        socket.on("data", (chunk: Buffer) => hash.update(chunk));
        // The end goes there before the answer comes back.
        socket.end(bytes);
        await once(socket, "end");
        return hash.digest("hex");
      }),
    );
    assert.deepEqual(new Set(results), new Set([createHash("sha256").update(bytes).digest("hex")]));
    assert.equal((await eventsOf("connect.opened")).length, 1);
    const [reached] = await eventsOf("connect.reached");
    assert.deepEqual(reached.details.target, { host: "127.0.0.1", port: echoPort });
    assert.match(reached.actor.name, /^cli /);
    await eventually(async () => {
      const opened = await eventsOf("connection.opened");
      assert.equal(opened.length, 20);
      assert.ok(opened.every(({ details }) => details.target.port === echoPort));
      assert.ok(
        opened.every(({ actor, address }) => actor.id === reached.actor.id && address === "127.0.0.1"),
      );
    });
    await command.kill("SIGTERM");
    await eventually(async () => {
      const [closed] = await eventsOf("connect.closed");
      assert.ok(closed);
      const { connections, sentBytes, receivedBytes, targets } = closed.details;
      assert.deepEqual([connections, sentBytes, receivedBytes], [20, 20 * bytes.length, 20 * bytes.length]);
      assert.equal(targets[0].target.port, echoPort);
    });
  });

  it("says what the device says, and goes on", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port: nobody } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const command = start(["connect", deviceId, `127.0.0.1:${nobody}`, "--local", "0"]);
    await command.waitFor("leads to");
    const port = Number(/127\.0\.0\.1:(\d+) leads/.exec(command.output())?.[1]);
    const socket = await dial(port);
    await new Promise((resolve) => socket.once("close", resolve));
    await command.waitFor(/refused|nothing listens/i);
    assert.equal(command.child.exitCode, null);
    const { code, output } = await failure(["connect", "far-away", "192.0.2.1:80", "--stdio"]);
    assert.equal(code, 1, output);
    assert.match(output, /allow/);
    await eventually(async () => {
      const refused = await eventsOf("connection.refused");
      assert.deepEqual(refused.map(({ details }) => details.reason).sort(), [
        "connection_refused",
        "target_not_allowed",
      ]);
    });
  });

  it("comes back by itself after the platform restarts", async () => {
    const { port, command } = await forward();
    const before = await dial(port);
    before.write("x");
    await once(before, "data");
    const cut = new Promise((resolve) => before.once("close", resolve));
    await platform.kill();
    await cut;
    await platform.restart();
    api = await platform.api();
    await eventually(
      async () => {
        const socket = await dial(port);
        socket.end("hello");
        const [answer] = (await once(socket, "data")) as [Buffer];
        assert.equal(answer.toString(), "hello");
      },
      { timeoutMs: 60_000 },
    );
    assert.equal(command.child.exitCode, null);
  });

  it("is cut within a second when its token is revoked, and ends", async () => {
    const own = await api.post("/api-tokens", { name: "short", scopes: ["write"] });
    const { port, command } = await forward(envOf({ RCIOTS_API_TOKEN: own.token }));
    const socket = await dial(port);
    socket.write("x");
    await once(socket, "data");
    const cut = new Promise((resolve) => socket.once("close", resolve));
    const startedAt = performance.now();
    await api.delete(`/api-tokens/${own.id}`);
    await cut;
    assert.ok(performance.now() - startedAt < 2_000);
    // Cut before it is connected, or after.
    const again = await dial(port).catch(() => undefined);
    if (again?.destroyed === false) await new Promise((resolve) => again.once("close", resolve));
    assert.equal(await command.exited, 3);
    assert.match(command.output(), /revoked/);
  });

  it("refuses what isn't allowed, with a code for programs", async () => {
    const reader = await api.post("/api-tokens", { name: "reader", scopes: ["read"] });
    const refused = await failure(["connect", "far-away", "22"], envOf({ RCIOTS_API_TOKEN: reader.token }));
    assert.deepEqual([refused.code, /operator/.test(refused.output)], [3, true], refused.output);
    assert.equal(
      (await failure(["connect", "far-away", "22"], envOf({ RCIOTS_API_TOKEN: "rca_no" }))).code,
      3,
    );
    const missing = await failure(["connect", "nobody", "22"]);
    assert.deepEqual([missing.code, /no device called/.test(missing.output)], [4, true]);
    assert.equal((await failure(["connect", "far-away", "x"])).code, 2);
    const away = await failure(["connect", "far-away", "22"], envOf({ RCIOTS_URL: "http://127.0.0.1:9" }));
    assert.equal(away.code, 5);
    assert.equal((await failure(["connect", "far-away"])).code, 2);
  });

  it("lets nobody of another organisation in", async () => {
    const other = await api.post("/platform/organizations", { name: "Others" });
    const foreign = await api.request(
      "POST",
      "/api-tokens",
      { name: "foreign", scopes: ["admin"] },
      {
        "x-rciots-organization": other.id,
      },
    );
    const theirs = envOf({ RCIOTS_API_TOKEN: (foreign.body as { token: string }).token });
    assert.equal((await failure(["connect", "far-away", "22"], theirs)).code, 4);
    assert.equal((await failure(["connect", deviceId, "22"], theirs)).code, 4);
  });

  it("is logged in once, with a token that is read from stdin", async () => {
    const home = { XDG_CONFIG_HOME: join(folder, "home") };
    const login = spawn(process.execPath, [rciots, "login", platform.consoleUrl], {
      env: { PATH: process.env["PATH"] ?? "", ...home },
    });
    login.stdin.end(`${token.token}\n`);
    assert.deepEqual(await once(login, "close"), [0, null]);
    assert.equal((await stat(join(home.XDG_CONFIG_HOME, "rciots/config.json"))).mode & 0o777, 0o600);
    const { port } = await forward(home);
    const socket = await dial(port);
    socket.end("hello");
    assert.equal(String((await once(socket, "data"))[0]), "hello");
    assert.equal((await failure(["logout"], home)).code, 0);
    assert.equal((await failure(["connect", "far-away", "22"], home)).code, 3);
  });

  describe("through a console with a private certificate, and a proxy", () => {
    let front: TlsServer;
    let proxy: Server;
    let fingerprint: string;
    let caFile: string;
    const asked: string[] = [];

    before(async () => {
      const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
      const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
      await run("openssl", [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
        ...["-keyout", key, "-out", certificate, ...subject],
      ]);
      const pem = await readFile(certificate, "utf8");
      caFile = certificate;
      fingerprint = new X509Certificate(pem).fingerprint256;
      front = createTlsServer({ key: await readFile(key), cert: pem }, (socket) => {
        const inner = connect({ host: "127.0.0.1", port: Number(new URL(platform.consoleUrl).port) });
        for (const end of [socket, inner])
          end.on("error", () => [socket, inner].forEach((one) => one.destroy()));
        socket.pipe(inner).pipe(socket);
      });
      front.listen(0, "127.0.0.1");
      await once(front, "listening");
      proxy = createServer((socket) => {
        socket.once("data", (head: Buffer) => {
          const [, host = "", port = ""] = /^CONNECT ([^:]+):(\d+)/.exec(head.toString()) ?? [];
          asked.push(`${host}:${port}`);
          const inner = connect({ host, port: Number(port) }, () => {
            socket.write("HTTP/1.1 200 OK\r\n\r\n");
            socket.pipe(inner).pipe(socket);
          });
          for (const end of [socket, inner])
            end.on("error", () => [socket, inner].forEach((one) => one.destroy()));
        });
      });
      proxy.listen(0, "127.0.0.1");
      await once(proxy, "listening");
    });
    after(() => {
      front?.close();
      proxy?.close();
    });

    const url = (): string => `https://127.0.0.1:${(front.address() as AddressInfo).port}`;

    it("knows it by file or fingerprint, and believes nobody else", async () => {
      const stranger = await failure(["connect", "far-away", "22"], envOf({ RCIOTS_URL: url() }));
      assert.deepEqual([stranger.code, /--ca-file/.test(stranger.output)], [5, true], stranger.output);
      const wrong = envOf({ RCIOTS_URL: url(), RCIOTS_CA_FINGERPRINT: "ab".repeat(32) });
      assert.equal((await failure(["connect", "far-away", "22"], wrong)).code, 5);
      for (const known of [{ RCIOTS_CA_FILE: caFile }, { RCIOTS_CA_FINGERPRINT: fingerprint }]) {
        const { port } = await forward(envOf({ RCIOTS_URL: url(), ...known }));
        const socket = await dial(port);
        socket.end("hello");
        assert.equal(String((await once(socket, "data"))[0]), "hello");
      }
    });

    it("goes through the proxy of the environment", async () => {
      const { port } = proxy.address() as AddressInfo;
      const env = { RCIOTS_CA_FILE: caFile, HTTPS_PROXY: `http://127.0.0.1:${port}` };
      const { port: local } = await forward(envOf({ RCIOTS_URL: url(), ...env }));
      const socket = await dial(local);
      socket.end("hello");
      assert.equal(String((await once(socket, "data"))[0]), "hello");
      assert.ok(asked.length >= 2 && asked.every((place) => place === new URL(url()).host));
    });
  });

  describe("as OpenSSH's ProxyCommand", () => {
    let ssh: SshServer;
    let options: string[];
    before(async function () {
      if ((await findSshd()) === null) return this.skip();
      ssh = await startSshServer();
      const [key, hosts, wrapper] = [
        join(folder, "id"),
        join(folder, "hosts"),
        join(folder, "proxy-command"),
      ];
      await writeFile(key, ssh.privateKey, { mode: 0o600 });
      await writeFile(hosts, ssh.knownHosts.replace(/^\S+/, "far-away"));
      const env = Object.entries(envOf()).map(([name, value]) => `${name}='${value}'`);
      await writeFile(wrapper, `#!/bin/sh\n${env.join(" ")} exec '${process.execPath}' '${rciots}' "$@"\n`);
      await chmod(wrapper, 0o755);
      options = [
        ...["-F", "none", "-i", key, "-o", `UserKnownHostsFile=${hosts}`, "-o", "BatchMode=yes"],
        ...["-o", `ProxyCommand=${wrapper} connect --stdio %h ${ssh.port}`],
      ];
    });
    after(() => ssh?.stop());

    it("runs a command, with its output, its input and its exit code", async () => {
      const { stdout } = await run("ssh", [...options, `${ssh.user}@far-away`, "echo hello; exit 0"]);
      assert.equal(stdout, "hello\n");
      await assert.rejects(run("ssh", [...options, `${ssh.user}@far-away`, "exit 7"]), { code: 7 });
      const child = spawn("ssh", [...options, `${ssh.user}@far-away`, "wc -c"]);
      child.stdin.end(Buffer.alloc(1_000_000));
      assert.equal(String((await once(child.stdout, "data"))[0]).trim(), "1000000");
    });

    it("copies a large file there and back, whole", async () => {
      const [from, there, back] = ["from", "there", "back"].map((name) => join(folder, name));
      const file = await open(from ?? "", "w");
      for (let at = 0; at < wholeFileBytes; at += 1_048_576) await file.write(randomBytes(1_048_576));
      await file.close();
      const startedAt = performance.now();
      await run("scp", [...options, "-q", from ?? "", `${ssh.user}@far-away:${there}`]);
      await run("scp", [...options, "-q", `${ssh.user}@far-away:${there}`, back ?? ""]);
      const seconds = (performance.now() - startedAt) / 1_000;
      if (process.env["RCIOTS_TEST_COPY_MIB"] !== undefined)
        process.stderr.write(
          `      ${wholeFileBytes / 1_048_576} MiB there and back in ${seconds.toFixed(1)} s\n`,
        );
      assert.equal(await hashOf(back ?? ""), await hashOf(from ?? ""));
    });
  });
});
