import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import { startEmbeddedDatabase, type TestDatabase } from "../harness/database.ts";
import { createToken, deviceOnline, findDevice } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { startProcess } from "../harness/process.ts";

const rciots = fileURLToPath(new URL("../../cli/dist/main.js", import.meta.url));
const passphrase = "seven words that nobody else knows";
const secretValue = "a secret of this test";

async function run(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  const given = { RCIOTS_BACKUP_PASSPHRASE: passphrase, ...env };
  const running = startProcess(process.execPath, [rciots, ...args], given);
  const code = await running.exited;
  return { code, output: running.output() };
}

describe("when an installation is backed up and lost", function () {
  this.timeout(240_000);
  let folder: string;
  let platform: PlatformProcess;
  let agent: AgentProcess;
  let file: string;
  let deviceId: string;

  /** The platform with a device, a secret, and a person who is signed in. */
  async function begin(env: Record<string, string> = {}): Promise<void> {
    // Nothing is rendered here: none is looked for.
    platform = await startPlatformProcess({ env: { RCIOTS_KUSTOMIZE: "/nowhere/kustomize", ...env } });
    const api = await platform.api();
    await api.put("/secrets/PASSWORD", { value: secretValue });
    agent = startAgentProcess({ platform, token: await createToken(api), name: "far-away" });
    deviceId = (await deviceOnline(api, "far-away")).id;
  }
  /** The same device, with the identity it had: nobody has touched it. */
  async function isBack(): Promise<void> {
    const { pid } = agent.process().child;
    const api = await platform.api();
    const device = await deviceOnline(api, "far-away");
    assert.equal(device.id, deviceId);
    assert.equal(agent.process().child.pid, pid);
    const names = (await api.get("/secrets")).items.map(({ name }: { name: string }) => name);
    assert.deepEqual(names, ["PASSWORD"]);
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "rciots-backup-"));
    file = join(folder, "backup");
  });
  afterEach(async () => {
    await agent?.stop();
    await platform?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("comes back from the file alone, and so do its devices: on the embedded store", async () => {
    await begin();
    const settings = { RCIOTS_EDGE_URL: "https://edge.example.com" };
    const running = await run(["backup", "--out", file, "--data-dir", platform.dataDir]);
    assert.deepEqual([running.code, existsSync(file)], [2, false], running.output);
    assert.match(running.output, /stop it first/);
    const fingerprint = platform.caFingerprint;
    await platform.kill();
    const keys = join(platform.dataDir, "keys");
    const [masterKey, caKey] = ["master.key", "ca.key"].map((name) =>
      readFileSync(join(keys, name), "utf8").trim(),
    );
    const made = await run(["backup", "--out", file, "--data-dir", platform.dataDir], settings);
    assert.equal(made.code, 0, made.output);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const bytes = readFileSync(file);
    for (const part of [masterKey, caKey, "far-away", secretValue])
      assert.equal(bytes.includes(part ?? ""), false, "nothing of it can be read");
    assert.equal((await run(["backup", "--out", file, "--data-dir", platform.dataDir])).code, 2);

    const restore = ["restore", "--from", file, "--data-dir", platform.dataDir];
    assert.match((await run(restore)).output, /has data already/);
    rmSync(platform.dataDir, { recursive: true });
    const restored = await run(restore);
    assert.equal(restored.code, 0, restored.output);
    assert.match(restored.output, /RCIOTS_EDGE_URL=https:\/\/edge\.example\.com/);
    assert.equal(statSync(join(keys, "ca.key")).mode & 0o777, 0o600);
    await platform.restart();
    assert.equal(platform.caFingerprint, fingerprint);
    await isBack();
  });

  it("comes back in an empty database, while backups are made of one in use", async () => {
    let first: TestDatabase | undefined;
    let second: TestDatabase | undefined;
    try {
      first = await startEmbeddedDatabase();
      second = await startEmbeddedDatabase();
      await begin({ MONGODB_URI: first.uri });
      const made = await run(["backup", "--out", file, "--data-dir", platform.dataDir], {
        MONGODB_URI: first.uri,
      });
      assert.equal(made.code, 0, made.output);
      assert.equal((await findDevice(await platform.api(), "far-away")).presence.online, true);
      await platform.kill();
      rmSync(platform.dataDir, { recursive: true });
      const restore = ["restore", "--from", file, "--data-dir", platform.dataDir];
      assert.match((await run(restore, { MONGODB_URI: first.uri })).output, /is not empty/);
      const restored = await run(restore, { MONGODB_URI: second.uri });
      assert.equal(restored.code, 0, restored.output);
      assert.equal(await second.db.collection("sessions").countDocuments(), 0, "nobody is signed in");
      assert.equal(await second.db.collection("leases").countDocuments(), 0);
      assert.equal(await second.db.collection("devices").countDocuments({ "presence.online": true }), 0);
      for (const { name } of await first.db.listCollections().toArray()) {
        const indexes: number = (await first.db.collection(name).indexes()).length;
        const isLeftOut = ["sessions", "leases", "signingRequests"].includes(name);
        if (!isLeftOut) assert.equal((await second.db.collection(name).indexes()).length, indexes, name);
      }
      await platform.restart({ MONGODB_URI: second.uri });
      await isBack();
    } finally {
      await platform?.kill();
      await first?.stop();
      await second?.stop();
    }
  });

  it("is refused whole where the file or the passphrase is not what it was, and leaves nothing behind", async () => {
    await begin();
    await platform.kill();
    const dataDir = join(folder, "new");
    assert.equal((await run(["backup", "--out", file, "--data-dir", platform.dataDir])).code, 0);
    const bytes = readFileSync(file);
    const spoilt = join(folder, "spoilt");
    const restore = (from: string, env = {}) => run(["restore", "--from", from, "--data-dir", dataDir], env);

    const flipped = Buffer.from(bytes);
    flipped[flipped.length - 100]! ^= 1;
    for (const content of [flipped, bytes.subarray(0, -50), bytes.subarray(0, 400), Buffer.from("hello")]) {
      writeFileSync(spoilt, content);
      const { code, output } = await restore(spoilt);
      assert.equal(code, 2, output);
      assert.match(output, /damaged|no backup/);
    }
    const wrong = await restore(file, { RCIOTS_BACKUP_PASSPHRASE: "another one of words" });
    assert.match(wrong.output, /passphrase is another one/);
    assert.match((await restore(file, { RCIOTS_BACKUP_PASSPHRASE: "short" })).output, /at least 12/);
    assert.match((await restore(join(folder, "none"))).output, /no file/);
    const foreign = { RCIOTS_MASTER_KEY: "b3RoZXIga2V5IG90aGVyIGtleSBvdGhlciBrZXkgMTI=" };
    assert.match((await restore(file, foreign)).output, /Another key than the backup's/);
    assert.equal(existsSync(dataDir), false);
    cpSync(file, spoilt);
    assert.equal((await restore(spoilt)).code, 0);
  });
});
