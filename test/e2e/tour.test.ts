import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { clusterAvailability, startCluster, type TestCluster } from "../cluster/cluster.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The README's blocks marked as part of the tour, in order, with the line each begins at. */
function tourBlocks(): string[] {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  return [...readme.matchAll(/^```sh tour\n(.*?)^```$/gms)].map((match) => match[1] ?? "");
}

/** Runs the blocks in one bash, as a person pastes them one after the other; resolves with what each printed. */
async function paste(blocks: string[], env: Record<string, string>, cwd: string): Promise<string[]> {
  const marker = "----- next block -----";
  const script = `set -e -o pipefail\n${blocks.join(`\necho '${marker}'\n`)}`;
  // A process group of its own, so that what the tour leaves in the background ends with it.
  const bash = spawn("bash", ["-c", script], { cwd, env, detached: true, timeout: 150_000 });
  const printed: Buffer[] = [];
  const complained: Buffer[] = [];
  bash.stdout.on("data", (chunk: Buffer) => printed.push(chunk));
  bash.stderr.on("data", (chunk: Buffer) => complained.push(chunk));
  const closed = once(bash, "close");
  const [code] = (await once(bash, "exit")) as [number | null];
  process.kill(-(bash.pid ?? 0), "SIGTERM");
  await closed;
  const output = Buffer.concat(printed).toString();
  assert.equal(code, 0, `${output}\n${Buffer.concat(complained).toString()}`);
  return output.split(`${marker}\n`);
}

describe("when somebody follows the README's tour", function () {
  this.timeout(240_000);
  let cluster: TestCluster;
  let platform: PlatformProcess;
  let folder: string;

  before(async function () {
    const available = await clusterAvailability();
    if (!available.available) {
      console.log(`    skipped: ${available.reason}; ${available.remedy}`);
      return this.skip();
    }
    [cluster, platform] = await Promise.all([
      startCluster(),
      startPlatformProcess({ env: { RCIOTS_GIT_ALLOW_FILE: "true" } }),
    ]);
    // A folder like the checkout, so that the tour's files stay out of the real one.
    folder = mkdtempSync(join(tmpdir(), "rciots-tour-"));
    for (const name of ["examples", "node_modules", "agent", "package.json"])
      symlinkSync(join(root, name), join(folder, name));
  });

  after(async () => {
    await Promise.all([cluster?.stop(), platform?.stop()]);
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  it("goes from a token to a roll-back by copy and paste", async () => {
    const blocks = tourBlocks().map((block) =>
      block
        .replace("http://localhost:8080", platform.consoleUrl)
        .replace("the password that npm start printed", "correct horse battery staple")
        .replace("$PWD/data/cluster/admin.kubeconfig", cluster.kubeconfigPath),
    );
    assert.ok(blocks.length >= 10, "the README has its tour");
    const path = `${join(root, "node_modules/.bin")}:${dirname(cluster.binaries.kubectl)}:${process.env["PATH"] ?? ""}`;
    const printed = await paste(blocks, { PATH: path, HOME: folder }, folder);
    const all = printed.join("\n=====\n");
    const block = (text: string): string =>
      printed[blocks.findIndex((candidate) => candidate.includes(text))] ?? "";
    assert.match(block("install.host < token.json\n"), /npx --yes http\S+\/install\/npm\/rciots-agent-/);
    assert.match(block("eval"), /device001: online/, all);
    assert.match(block("examples/files.mjs"), /Hello from device001/, all);
    assert.match(block("Guten Tag"), /Guten Tag from device001/, all);
    assert.match(block("edited by hand"), /Guten Tag from device001/, all);
    assert.match(block("git init"), /"espresso":"2.20"/, all);
    assert.match(block("Espresso is dearer"), /"espresso":"2.80"/, all);
    assert.match(block("/rollback"), /"espresso":"2.20"/, all);
    assert.match(block("/disable"), /false/, all);
    assert.match(block("/disable"), /disabled/i, all);
  });
});
