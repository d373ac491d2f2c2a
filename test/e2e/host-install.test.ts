import assert from "node:assert/strict";
import { execFile, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { ApiClient } from "../harness/api-client.ts";
import { logIn } from "../harness/api-client.ts";
import { deviceOnline } from "../harness/fleet.ts";
import { freePorts, startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { startProcess, type TestProcess } from "../harness/process.ts";
import { readUnit, type SystemdUnit } from "../harness/systemd-unit.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const unitPath = (name: string): string => join(root, "packaging/systemd", `${name}.service`);
const password = "correct horse battery staple";

/** Where everybody's programs are, as systemd looks for them, with those of `prefix` first. */
const pathWith = (prefix: string): string => `${join(prefix, "bin")}:${process.env["PATH"] ?? ""}`;

describe("when it is installed on a host", function () {
  this.timeout(240_000);
  let platform: PlatformProcess;
  let api: ApiClient;
  let folder: string;
  const running: TestProcess[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "rciots-host-"));
    platform = await startPlatformProcess();
    api = await platform.api();
  });
  afterEach(async function () {
    const ended = running.splice(0);
    if (this.currentTest?.state === "failed")
      for (const one of ended) console.log(one.output().slice(-3_000));
    await Promise.all(ended.map((one) => one.kill("SIGTERM")));
  });
  after(async () => {
    await platform?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  function start(command: string[], env: Record<string, string>): TestProcess {
    const [program = "", ...args] = command;
    const started = startProcess(program, args, env, folder);
    running.push(started);
    return started;
  }

  async function createToken(name: string): Promise<{ token: string; install: { host: string } }> {
    return api.post("/provisioning-tokens", { name, approval: "automatic" });
  }

  const packageUrl = (install: { host: string }): string => /http\S+\.tgz/.exec(install.host)?.[0] ?? "";

  /** Into a folder of its own in place of /usr/local, with nothing of this repository in reach. */
  async function installGlobally(name: string, archive: string): Promise<string> {
    const prefix = join(folder, name);
    const args = ["install", "--global", "--prefix", prefix, "--prefer-offline", "--no-audit", "--no-fund"];
    await run("npm", [...args, archive], { cwd: folder });
    return prefix;
  }

  it("the console's command runs on a machine that has nothing but Node and npm", async () => {
    const { install } = await createToken("by command");
    const command = `exec env ${install.host} --device-name by-command --state-dir ${join(folder, "by-command")}`;
    const home = join(folder, "home");
    mkdirSync(home);
    const env = { HOME: home, RCIOTS_CLUSTER: "none", npm_config_update_notifier: "false" };
    // A group of its own, as a shell makes one for a job: npx doesn't pass signals on.
    const job = spawn("/bin/sh", ["-c", command], {
      env: { PATH: process.env["PATH"] ?? "", ...env },
      detached: true,
      stdio: "ignore",
    });
    try {
      const { facts } = await api.get(`/devices/${(await deviceOnline(api, "by-command")).id}`);
      assert.equal(facts.agentVersion, "0.1.0");
    } finally {
      process.kill(-(job.pid ?? 0), "SIGTERM");
    }
  });

  it("the package holds the agent and its native code, and nothing to fetch", async () => {
    const { install } = await createToken("package");
    const response = await fetch(packageUrl(install));
    assert.equal(response.headers.get("content-type"), "application/gzip");
    const { stdout } = await run("sh", ["-c", `curl -fsS '${packageUrl(install)}' | tar -tzf -`]);
    const files = stdout.trim().split("\n");
    assert.ok(files.includes("package/prebuilds/linux-x64/bufferutil.node"));
    assert.deepEqual(
      files.filter((file) => !/^package\/(package\.json|rciots-agent\.js|prebuilds\/.*\.node)$/.test(file)),
      [],
    );
    const other = await fetch(packageUrl(install).replace(/-[\d.]+\.tgz/, "-9.9.9.tgz"));
    assert.equal(other.status, 404);
    assert.match(((await other.json()) as { detail: string }).detail, /has the agent of version 0\.1\.0/);
  });

  for (const name of ["rciots-agent", "rciots"]) {
    it(`the unit ${name} is one that systemd takes, and confines`, function () {
      if (spawnSync("systemd-analyze", ["--version"]).status !== 0) {
        console.log("      SKIPPED: systemd-analyze is not installed");
        return this.skip();
      }
      const analyze = (...args: string[]) =>
        spawnSync("systemd-analyze", args, {
          encoding: "utf8",
          env: { ...process.env, SYSTEMD_COLORS: "0" },
        });
      const { stderr } = analyze("verify", "--man=no", "--recursive-errors=no", unitPath(name));
      // The program is not installed where the test runs.
      const faults = stderr
        .split("\n")
        .filter((line) => line !== "" && !/is not executable|Command .* is not|not found/.test(line));
      assert.deepEqual(faults, []);
      const offline = analyze("security", "--offline=true", "--threshold=25", "--no-pager", unitPath(name));
      assert.equal(offline.status, 0, offline.stdout.split("\n").slice(-3).join("\n"));
    });
  }

  /** What systemd would start: the unit's own command and variables, those of its file, a state folder. */
  function startUnit(unit: SystemdUnit, prefix: string, file: Record<string, string>): TestProcess {
    const state = join(folder, `state-of-${unit.name}`);
    mkdirSync(join(state, unit.values("StateDirectory")[0] ?? ""), { recursive: true, mode: 0o700 });
    return start(unit.command, { PATH: pathWith(prefix), HOME: "/", ...unit.environment(state), ...file });
  }

  it("the agent's unit enrols the device, and needs no token for its next start", async () => {
    const { token, install } = await createToken("unit");
    const prefix = await installGlobally("agent", packageUrl(install));
    const unit = readUnit(unitPath("rciots-agent"));
    const settings = {
      RCIOTS_PLATFORM_URL: platform.enrollUrl,
      RCIOTS_CA_FINGERPRINT: platform.caFingerprint,
      RCIOTS_DEVICE_NAME: "by-unit",
      RCIOTS_CLUSTER: "none",
    };
    const first = startUnit(unit, prefix, { ...settings, RCIOTS_TOKEN: token });
    const { id } = await deviceOnline(api, "by-unit");
    assert.equal(await first.kill("SIGTERM"), 0);
    const second = startUnit(unit, prefix, settings);
    await second.waitFor("connected to the platform");
    assert.equal((await deviceOnline(api, "by-unit")).id, id);
    await second.kill("SIGTERM");

    // Refused for good: not to be started again and again.
    const refused = startUnit(unit, prefix, {
      ...settings,
      RCIOTS_STATE_DIR: join(folder, "refused"),
      RCIOTS_TOKEN: "rcp_none-such-token-as-this",
    });
    assert.ok(
      unit
        .values("RestartPreventExitStatus")[0]
        ?.split(" ")
        .includes(String(await refused.exited)),
    );
  });

  it("the platform's unit runs from its package, with console, store and the agent's package", async () => {
    const packed = await run(process.execPath, [join(root, "scripts/packages.mjs")], { cwd: root });
    const archive = /dist\/packages\/\S+\.tgz/.exec(packed.stderr)?.[0] ?? "";
    const prefix = await installGlobally("platform", join(root, archive));
    const [console_ = 0, enroll = 0, edge = 0] = await freePorts(3);
    const unit = readUnit(unitPath("rciots"));
    const server = startUnit(unit, prefix, {
      RCIOTS_ADMIN_PASSWORD: password,
      RCIOTS_PUBLIC_HOST: "127.0.0.1",
      RCIOTS_CONSOLE_PORT: String(console_),
      RCIOTS_ENROLL_PORT: String(enroll),
      RCIOTS_EDGE_PORT: String(edge),
    });
    await server.waitFor("RCIoTS is ready");
    const url = `http://127.0.0.1:${console_}`;
    assert.match(await (await fetch(url)).text(), /<div id="root">/);
    const client = await logIn(url, "admin", password);
    const { install } = await client.post("/provisioning-tokens", { name: "here" });
    assert.equal((await fetch(packageUrl(install))).status, 200);
    assert.equal(await server.kill("SIGTERM"), 0);
    const files = await run("tar", ["-tzf", join(root, archive)]);
    assert.equal(/\.map$|\.ts$|\.test\.|\/src\//m.test(files.stdout), false);
    const manifest = JSON.parse(readFileSync(join(root, "dist/packages/rciots/package.json"), "utf8"));
    assert.deepEqual(Object.keys(manifest.dependencies).sort(), [
      "@node-rs/argon2",
      "@photostructure/sqlite",
      "bufferutil",
    ]);
  });
});
