import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { silentLogger } from "@rciots/runtime";
import { createFileIdentityStore } from "./file.identity-store.ts";
import type { IdentityDocument } from "./identity.store.ts";

const storeModule = fileURLToPath(new URL("./file.identity-store.ts", import.meta.url));
const pendingWith = (privateKey: string): IdentityDocument => ({ version: 1, pending: { privateKey } });

describe("when the identity is kept in a file", () => {
  let parent: string;
  let folder: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "rciots-identity-"));
    folder = join(parent, "state");
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));
  const open = () => createFileIdentityStore({ folder, logger: silentLogger });

  it("is nothing at first, and what was saved afterwards", async () => {
    assert.equal(await open().load(), undefined);
    await open().save(pendingWith("one"));
    await open().save(pendingWith("two"));
    assert.deepEqual(await open().load(), pendingWith("two"));
  });

  it("lets nobody else read it", async () => {
    await open().save(pendingWith("one"));
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    for (const name of await readdir(folder))
      assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600);
  });

  it("goes on with the one before where the newest was damaged", async () => {
    await open().save(pendingWith("one"));
    await open().save(pendingWith("two"));
    await writeFile(join(folder, "identity.json"), '{"version":1,');
    assert.deepEqual(await open().load(), pendingWith("one"));
  });

  it("refuses to become another device where nothing whole is left", async () => {
    await open().save(pendingWith("secret-key"));
    await writeFile(join(folder, "identity.json"), '{"version":2,"pending":{"privateKey":"secret-key"}}');
    await rm(join(folder, "identity.previous.json"), { force: true });
    await assert.rejects(open().load(), (error: Error & { code?: string }) => {
      assert.equal(error.code, "identity_corrupt");
      assert.doesNotMatch(error.message, /secret-key/);
      return true;
    });
  });

  it("is whole after each of many kills in the middle of writing", async function () {
    this.timeout(60_000);
    const script = `
      const { createFileIdentityStore } = await import(${JSON.stringify(storeModule)});
      const logger = { debug() {}, info() {}, warn() {}, error() {}, child() { return logger; } };
      const store = createFileIdentityStore({ folder: process.argv[1], logger });
      for (let count = Number(process.argv[2]); ; count += 1) {
        await store.save({ version: 1, pending: { privateKey: String(count).padEnd(200_000, "x") } });
        process.stdout.write(count + "\\n");
      }`;
    let acknowledged = 0;
    for (let round = 0; round < 6; round += 1) {
      const writer = spawn(
        process.execPath,
        ["--import", "tsx", "--input-type=module", "-e", script, folder, String(acknowledged + 1)],
        { stdio: ["ignore", "pipe", "inherit"], env: { PATH: process.env["PATH"] } },
      );
      let output = "";
      writer.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        // Not between two writes but in one: right after the next began.
        if (output.split("\n").length > 3 + round) setImmediate(() => writer.kill("SIGKILL"));
      });
      await once(writer, "close");
      acknowledged = Number(output.trimEnd().split("\n").at(-1));
      const found = Number.parseInt((await open().load())?.pending?.privateKey ?? "", 10);
      assert.ok(found >= acknowledged && found <= acknowledged + 1, `${found} after ${acknowledged}`);
    }
    assert.match(await readFile(join(folder, "identity.json"), "utf8"), /x"\n/);
  });
});
