import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startEmbeddedMongo, type EmbeddedMongo } from "@rciots/embedded-mongo";
import { createToken } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { startProcess } from "../harness/process.ts";

const rciots = fileURLToPath(new URL("../../cli/dist/main.js", import.meta.url));

describe("when the data of a platform moves", function () {
  this.timeout(90_000);
  let platform: PlatformProcess;
  let target: EmbeddedMongo;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "rciots-move-"));
    platform = await startPlatformProcess();
    const api = await platform.api();
    await createToken(api, { labels: { site: "berlin" } });
    await api.put("/secrets/PASSWORD", { value: "s3cret" });
  });

  after(async () => {
    await platform?.stop();
    await target?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function run(
    args: string[],
    env: Record<string, string> = {},
  ): Promise<{ code: number | null; output: string }> {
    const running = startProcess(process.execPath, [rciots, ...args, "--data-dir", platform.dataDir], env);
    const code = await running.exited;
    return { code, output: running.output() };
  }

  it("refuses while the platform runs, with the sentence that helps", async () => {
    const { code, output } = await run(["export-data", "--out", join(folder, "early")]);
    assert.equal(code, 2);
    assert.match(output, /stop it first/);
    assert.equal(existsSync(join(folder, "early")), false);
  });

  it("copies everything to the MongoDB of MONGODB_URI in one command, and the platform goes on there", async () => {
    await platform.kill();
    target = await startEmbeddedMongo({ dataDir: join(folder, "target"), dbName: "elsewhere" });
    const moved = await run(["move-data"], { MONGODB_URI: target.uri });
    assert.equal(moved.code, 0, moved.output);
    assert.match(moved.output, /provisioningTokens +1 documents/);
    assert.match(moved.output, /compared/);

    const again = await run(["move-data"], { MONGODB_URI: target.uri });
    assert.equal(again.code, 2);
    assert.match(again.output, /not empty/);

    await platform.restart({ MONGODB_URI: target.uri });
    const api = await platform.api();
    assert.equal((await api.get("/provisioning-tokens")).items.length, 1);
    assert.deepEqual(
      (await api.get("/secrets")).items.map((secret: { name: string }) => secret.name),
      ["PASSWORD"],
    );
    await platform.kill();
  });

  it("backs up to a file and restores from it", async () => {
    const backup = join(folder, "backup.sqlite");
    assert.equal((await run(["backup-data", "--out", backup])).code, 0);
    await platform.restart();
    const api = await platform.api();
    await createToken(api);
    assert.equal((await api.get("/provisioning-tokens")).items.length, 2);
    await platform.kill();
    assert.equal((await run(["restore-data", "--from", backup])).code, 0);
    await platform.restart();
    assert.equal((await (await platform.api()).get("/provisioning-tokens")).items.length, 1);
  });

  it("names what is missing in a wrong call", async () => {
    await platform.kill();
    assert.match((await run(["move-data"])).output, /MONGODB_URI/);
    assert.match((await run(["export-data"])).output, /--out is missing/);
    assert.match((await run(["no-such-thing"])).output, /no command/);
    assert.match((await run(["restore-data", "--from", join(folder, "nothing")])).output, /no backup file/);
  });
});
