import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lockStateFolder } from "./state-lock.ts";

const lockModule = fileURLToPath(new URL("./state-lock.ts", import.meta.url));

describe("when two agents want one state folder", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "rciots-lock-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("refuses the second until the first is done", async () => {
    const first = await lockStateFolder(folder);
    await assert.rejects(lockStateFolder(folder), { code: "state_in_use" });
    await first.release();
    await (await lockStateFolder(folder)).release();
  });

  it("lets exactly one of many that start together have it", async () => {
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockStateFolder(folder)));
    const won = tries.flatMap((entry) => (entry.status === "fulfilled" ? [entry.value] : []));
    assert.equal(won.length, 1);
    await won[0]?.release();
  });

  it("is free again once its holder was killed", async function () {
    this.timeout(30_000);
    const script = `
      const { lockStateFolder } = await import(${JSON.stringify(lockModule)});
      await lockStateFolder(process.argv[1]);
      process.stdout.write("held");
      setTimeout(() => {}, 60_000);`;
    const holder = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script, folder], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(holder.stdout, "data");
    await assert.rejects(lockStateFolder(folder), { code: "state_in_use" });
    holder.kill("SIGKILL");
    await once(holder, "close");
    await (await lockStateFolder(folder)).release();
  });
});
