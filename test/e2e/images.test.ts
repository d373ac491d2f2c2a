import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pinnedKustomizeVersion } from "@rciots/manifests";
import { isExecutable, locateBinaries } from "../cluster/binaries.ts";
import { logIn, type ApiClient } from "../harness/api-client.ts";
import { startEmbeddedDatabase, type TestDatabase } from "../harness/database.ts";
import { eventually } from "../harness/eventually.ts";
import { createTemplate, createToken, deviceOnline } from "../harness/fleet.ts";
import { isolationFault, startIsolated, type IsolatedProcess } from "../harness/isolated-process.ts";
import { installNode24 } from "../harness/node-24.ts";
import { findObject, renderPlatform, type ChartObject } from "../harness/platform-chart.ts";
import { freePorts } from "../harness/platform-process.ts";
import { redisFault, startRedis, type RedisServer } from "../harness/redis-server.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const containerfile = readFileSync(join(root, "images/Containerfile"), "utf8");
const names = ["enroll", "connector", "frontend", "agent"] as const;
type ImageName = (typeof names)[number];

/** Of what is ours; Node and the system are the base's. */
const budgetBytes: Record<ImageName, number> = {
  enroll: 8_000_000,
  connector: 7_000_000,
  frontend: 20_000_000,
  agent: 3_000_000,
};

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));

const stageOf = (name: ImageName): string =>
  new RegExp(`^FROM \\S+ AS ${name}\\n([^]*?)(?=^FROM|(?![^]))`, "m").exec(containerfile)?.[1] ?? "";

/** What the Containerfile has an image run, and with which variables of its own. */
function entrypointOf(name: ImageName): string[] {
  const [, list = "[]"] = /^ENTRYPOINT (\[.*\])$/m.exec(stageOf(name)) ?? [];
  return JSON.parse(list) as string[];
}
function environmentIn(name: ImageName): Record<string, string> {
  const [, pairs = ""] = /^ENV (.*)$/m.exec(stageOf(name)) ?? [];
  return Object.fromEntries(pairs.split(" ").map((pair) => pair.split("=") as [string, string]));
}

describe("when the images are staged", function () {
  this.timeout(300_000);
  /** Not below /tmp, which the images have as a volume. */
  let folder: string;
  let staged: string;

  before(async () => {
    folder = mkdtempSync("/var/tmp/rciots-images-");
    chmodSync(folder, 0o755);
    staged = join(folder, "staged");
    const args = [join(root, "scripts/images.mjs"), "--stage-only", "--out", staged];
    await run(process.execPath, args, { cwd: root });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("each is within its budget, and holds nothing that only makes it", () => {
    for (const name of names) {
      const files = filesIn(join(staged, name));
      const bytes = files.reduce((sum, file) => sum + statSync(join(staged, name, file)).size, 0);
      assert.ok(bytes > 1_000_000 && bytes < budgetBytes[name], `${name}: ${bytes} bytes`);
      const unwanted = files.filter((file) =>
        /\.(map|ts|tsx|pem|key|env)$|\.test\.|(^|\/)(src|test|node_modules|\.git|\.npmrc)(\/|$)/.test(file),
      );
      assert.deepEqual(unwanted, [], name);
      for (const file of files.filter((one) => one.endsWith(".js"))) {
        const text = readFileSync(join(staged, name, file), "utf8");
        assert.equal(/-----BEGIN [A-Z ]*PRIVATE KEY-----\s*\n?[A-Za-z0-9+/]{40}/.test(text), false, file);
      }
    }
  });

  it("no code of the CA is in what must not hold its keys", () => {
    for (const name of ["connector", "frontend", "agent"] as const)
      for (const file of filesIn(join(staged, name)).filter((one) => one.endsWith("main.js")))
        assert.equal(readFileSync(join(staged, name, file), "utf8").includes("createIntermediateCa"), false);
    const enroll = readFileSync(join(staged, "enroll/enroll/main.js"), "utf8");
    assert.ok(enroll.includes("createIntermediateCa"), "the name is one that would be found");
  });

  it("native code and kustomize are those that the repository is tested with", () => {
    const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
    const natives = JSON.parse(readFileSync(join(root, "images/natives/package-lock.json"), "utf8"));
    for (const name of ["@node-rs/argon2", "bufferutil", "node-gyp-build"]) {
      const key = `node_modules/${name}`;
      assert.equal(natives.packages[key].version, lock.packages[key].version, name);
      assert.equal(natives.packages[key].integrity, lock.packages[key].integrity, name);
    }
    const argon2 = Object.keys(natives.packages).filter((key) => key.includes("argon2-linux"));
    for (const architecture of ["x64", "arm64"])
      assert.ok(argon2.includes(`node_modules/@node-rs/argon2-linux-${architecture}-gnu`), architecture);
    const goMod = readFileSync(join(root, "images/kustomize/go.mod"), "utf8");
    assert.ok(goMod.includes(`sigs.k8s.io/kustomize/kustomize/v5 ${pinnedKustomizeVersion}`));
  });

  it("the Containerfile leaves no root, no compiler and no package manager in any of them", () => {
    for (const name of names) {
      const [, base = ""] = new RegExp(`^FROM (\\S+) AS ${name}$`, "m").exec(containerfile) ?? [];
      assert.ok(base === "node" || base.endsWith("/ubi-micro:latest"), `${name} is on ${base}`);
    }
    assert.equal(containerfile.match(/^USER 1001$/gm)?.length, 2, "of both bases");
    assert.equal(/npm (start|install)/.test(containerfile), false);
  });

  describe("and run as an image runs, with Node 24, any user and a read-only root", () => {
    let database: TestDatabase;
    let redis: RedisServer;
    let api: ApiClient;
    let objects: ChartObject[];
    let ports: { public: number; console: number; relay: number };
    const running = new Map<string, IsolatedProcess>();
    const password = "correct horse battery staple";
    const tools = (): string => join(folder, "tools");

    before(async function () {
      const { helm, kustomize } = locateBinaries();
      const missing = isExecutable(helm) ? undefined : "Helm is not built: run test/cluster/ensure.ts";
      const fault = missing ?? isolationFault() ?? redisFault() ?? installNode24(tools());
      if (fault !== undefined) {
        console.log(`      SKIPPED: ${fault}`);
        return this.skip();
      }
      cpSync(kustomize, join(tools(), "bin/kustomize"));
      for (const name of ["connector", "frontend"]) addNatives(join(staged, name));
      await run("chmod", ["-R", "a+rX", staged, tools()]);
      database = await startDatabase();
      redis = await startRedis();
      const [first = 0, second = 0, third = 0] = await freePorts(3);
      ports = { public: first, console: second, relay: third };
      const hosts = { console: "127.0.0.1", enroll: "127.0.0.2", edge: "127.0.0.3" };
      const existing = (name: string) => ({ existingSecret: { name } });
      const values = { hosts, publicPort: first, mongodb: existing("mongodb"), redis: existing("redis") };
      objects = await renderPlatform(helm, { values });
    });
    after(async () => {
      for (const one of running.values()) await one.remove();
      await redis?.stop();
      await database?.stop();
    });
    afterEach(function () {
      if (this.currentTest?.state !== "failed") return;
      for (const [name, one] of running) console.log(name, one.process.output().slice(-2_000));
    });

    function addNatives(to: string): void {
      const modules = ["@node-rs/argon2", "@node-rs/argon2-linux-x64-gnu", "bufferutil", "node-gyp-build"];
      for (const name of modules.filter((one) => existsSync(join(root, "node_modules", one))))
        cpSync(join(root, "node_modules", name), join(to, "node_modules", name), { recursive: true });
    }

    /** Its socket is in a folder of this user's own; the images have another. */
    async function startDatabase(): Promise<TestDatabase> {
      const before = process.env["TMPDIR"];
      process.env["TMPDIR"] = folder;
      const started = await startEmbeddedDatabase();
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
      const socket = decodeURIComponent(/mongodb:\/\/([^/?]+)/.exec(started.uri)?.[1] ?? "");
      chmodSync(socket, 0o777);
      for (let at = dirname(socket); at.startsWith(folder); at = dirname(at)) chmodSync(at, 0o755);
      return started;
    }

    const keys = { ca: randomBytes(32).toString("base64"), master: randomBytes(32).toString("base64") };

    /** What the chart gives the service, with values for its Secrets and for what this one machine has for all. */
    function environmentOf(component: string, healthPort: number): Record<string, string> {
      const [container] = findObject(objects, "Deployment", `rciots-${component}`)["spec"].template.spec
        .containers;
      const secrets: Record<string, string> = {
        MONGODB_URI: database.uri,
        REDIS_URL: redis.url,
        RCIOTS_CA_KEY: keys.ca,
        RCIOTS_MASTER_KEY: keys.master,
        RCIOTS_ADMIN_PASSWORD: password,
        POD_IP: "127.0.0.3",
      };
      const given = container.env.map(({ name, value }: any) => [name, value ?? secrets[name]]);
      return {
        ...Object.fromEntries(given),
        RCIOTS_HEALTH_HOST: "127.0.0.1",
        RCIOTS_HEALTH_PORT: String(healthPort),
        RCIOTS_DEVICE_HOST: component === "enroll" ? "127.0.0.2" : "127.0.0.3",
        RCIOTS_ENROLL_PORT: String(ports.public),
        RCIOTS_EDGE_PORT: String(ports.public),
        RCIOTS_RELAY_PORT: String(ports.relay),
        RCIOTS_CONSOLE_PORT: String(ports.console),
      };
    }

    function start(image: ImageName, command: string[], env: Record<string, string>): IsolatedProcess {
      const volumes = [...(image === "frontend" ? ["/var/lib/rciots"] : []), "/var/lib/rciots-agent", "/tmp"];
      const started = startIsolated({
        image: { "/opt/rciots": join(staged, image), "/opt/tools": tools() },
        volumes,
        command,
        env: { ...env, PATH: "/opt/tools/bin:/usr/bin:/bin" },
      });
      running.set(command.at(-1) ?? image, started);
      return started;
    }

    it("the three services come up with what the chart gives them", async () => {
      for (const name of ["enroll", "connector", "frontend"] as const) {
        const [healthPort = 0] = await freePorts(1);
        start(name, entrypointOf(name), environmentOf(name, healthPort));
        const url = `http://127.0.0.1:${healthPort}`;
        await eventually(async () => assert.equal((await fetch(`${url}/readyz`)).status, 200), {
          timeoutMs: 60_000,
        });
        const text = await (await fetch(`${url}/metrics`)).text();
        assert.match(text, /^rciots_build_info\{[^}]*node="24\./m, name);
        assert.match(text, /^rciots_bus_up 1$/m, name);
      }
      api = await logIn(`http://127.0.0.1:${ports.console}`, "admin", password);
    });

    it("a template is built with the kustomize of the image", async () => {
      const template = await createTemplate(api, "staged", [
        { path: "kustomization.yaml", content: "resources: [one.yaml]\n" },
        { path: "one.yaml", content: "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: one }\n" },
      ]);
      assert.ok(template);
    });

    it("the agent enrols and connects", async () => {
      const token = await createToken(api);
      const { install } = (await api.get("/provisioning-tokens?limit=1")).items[0];
      start("agent", entrypointOf("agent"), {
        RCIOTS_PLATFORM_URL: `https://127.0.0.2:${ports.public}`,
        RCIOTS_CA_FINGERPRINT: install.caFingerprint,
        RCIOTS_TOKEN: token,
        RCIOTS_DEVICE_NAME: "staged",
        RCIOTS_CLUSTER: "none",
        ...environmentIn("agent"),
      });
      await deviceOnline(api, "staged");
    });

    it("`helm test` passes", async () => {
      const [container] = findObject(objects, "Pod", "rciots-test")["spec"].containers;
      const check = start("frontend", container.command, {
        RCIOTS_CHECK_API: `http://127.0.0.1:${ports.console}`,
        RCIOTS_CHECK_ENROLL: `https://127.0.0.2:${ports.public}`,
        RCIOTS_ADMIN_PASSWORD: password,
      });
      assert.equal(await check.process.exited, 0, check.process.output());
    });

    it("each ends in order within the time that Kubernetes gives it", async () => {
      for (const name of ["connector", "frontend", "enroll"] as const) {
        const one = running.get(entrypointOf(name).at(-1) ?? "");
        assert.ok(one);
        assert.equal(await one.process.kill("SIGTERM"), 0, `${name}\n${one.process.output().slice(-1_000)}`);
      }
    });
  });
});
