import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { RunOptions, RunResult } from "../process/run-limited.ts";
import { fetchKustomize } from "./fetch-kustomize.ts";
import { findKustomize } from "./find-kustomize.ts";

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "rciots-find-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

async function program(path: string, script: string): Promise<string> {
  const file = join(folder, path);
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o700);
  return file;
}

const kubectl = (version: string): string => `echo '{"clientVersion": {}, "kustomizeVersion": "${version}"}'`;

describe("when a kustomize is looked for", () => {
  it("takes kustomize before kubectl before oc, over all folders", async () => {
    await program("a/oc", kubectl("v5.0.1"));
    const search = { pathEnv: `${folder}/a:${folder}/b`, extraDirs: [`${folder}/c`] };
    assert.equal((await findKustomize(search))?.kind, "oc");
    await program("b/kubectl", kubectl("v5.4.2"));
    const found = await findKustomize(search);
    assert.deepEqual(
      [found?.kind, found?.path, found?.version],
      ["kubectl", `${folder}/b/kubectl`, "v5.4.2"],
    );
    await program("c/kustomize", "echo v5.8.1");
    assert.equal((await findKustomize(search))?.version, "v5.8.1");
  });

  it("passes over what does not run, is too old or has no kustomize inside", async () => {
    await program("kustomize", "exit 1");
    await program("kubectl", "echo '{\"clientVersion\": {}}'");
    assert.equal(await findKustomize({ pathEnv: folder }), null);
    await program("kustomize", "echo '{Version:kustomize/v3.8.0 GitCommit:x}'");
    assert.equal(await findKustomize({ pathEnv: folder }), null);
    await program("kustomize", "echo '{Version:kustomize/v4.5.7 GitCommit:x}'");
    assert.equal((await findKustomize({ pathEnv: folder }))?.version, "v4.5.7");
  });

  it("passes over relative folders of the PATH", async () => {
    await program("kustomize", "echo v5.8.1");
    assert.equal(await findKustomize({ pathEnv: "::.:relative" }), null);
    assert.equal(await findKustomize({ pathEnv: undefined }), null);
  });

  it("takes an explicit path and nothing else", async () => {
    await program("kustomize", "echo v5.8.1");
    const explicitPath = await program("kubectl-1.36", kubectl("v5.8.0"));
    assert.deepEqual((await findKustomize({ pathEnv: folder, explicitPath }))?.kind, "kubectl");
    assert.equal(await findKustomize({ pathEnv: folder, explicitPath: join(folder, "gone") }), null);
  });
});

describe("when a kustomize is fetched", () => {
  const go = async (): Promise<void> => void (await program("bin/go", "exit 1"));
  const result = (stdout: string, exitCode = 0): RunResult => ({
    end: "exit",
    exitCode,
    killedBy: null,
    stdout: Buffer.from(stdout),
    stderr: "some reason",
  });
  const options = (): { cacheDir: string; env: Record<string, string> } => ({
    cacheDir: join(folder, "cache"),
    env: { PATH: join(folder, "bin"), HOME: folder, AWS_SECRET_ACCESS_KEY: "x" },
  });

  beforeEach(() => mkdir(join(folder, "cache")));

  it("takes the one that is on the PATH", async () => {
    await program("bin/kustomize", "echo v5.1.0");
    assert.equal((await fetchKustomize(options())).version, "v5.1.0");
  });

  it("builds the pinned one with Go into the cache, once", async () => {
    await go();
    const seen: RunOptions[] = [];
    const messages: string[] = [];
    const run = async (command: RunOptions): Promise<RunResult> => {
      seen.push(command);
      if (command.args[0] === "env") return result("go1.24.3\n");
      await writeFile(join(command.env["GOBIN"] ?? "", "kustomize"), "#!/bin/sh\necho v5.8.1\n", {
        mode: 0o700,
      });
      return result("");
    };
    const built = await fetchKustomize({
      ...options(),
      run,
      onProgress: (message) => messages.push(message),
    });
    assert.equal(built.path, join(folder, "cache", "kustomize-v5.8.1", "kustomize"));
    assert.ok(seen[1]?.args.includes("sigs.k8s.io/kustomize/kustomize/v5@v5.8.1"));
    assert.equal(seen[1]?.env["GOTOOLCHAIN"], "local");
    assert.equal(seen[1]?.env["AWS_SECRET_ACCESS_KEY"], undefined);
    assert.equal(messages.length, 2);
    const again = await fetchKustomize({ ...options(), run: () => assert.fail("ran again") });
    assert.equal(again.path, built.path);
  });

  it("says what to install when Go is missing, too old or fails", async function () {
    const noGo = { ...options(), find: async () => null, run: async () => result("go1.23.8\n") };
    await go();
    await assert.rejects(fetchKustomize(noGo), {
      code: "kustomize_missing",
      message: /no Go 1\.24 or newer.*Install kustomize, kubectl/,
    });
    const fails = async (command: RunOptions): Promise<RunResult> =>
      command.args[0] === "env" ? result("go1.26.0\n") : result("", 1);
    await assert.rejects(fetchKustomize({ ...options(), run: fails }), {
      code: "kustomize_missing",
      message: /building it with Go failed/,
    });
  });
});
