import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { describe, it } from "mocha";
import { eventually } from "../../../../test/harness/eventually.ts";
import { runLimited, type RunOptions, type RunResult } from "./run-limited.ts";

const sh = (script: string, options: Partial<RunOptions> = {}): Promise<RunResult> =>
  runLimited({
    file: "/bin/sh",
    args: ["-c", script],
    cwd: tmpdir(),
    env: {},
    timeoutMs: 10_000,
    maxOutputBytes: 1000,
    ...options,
  });

/** False also for a dead process that nobody has asked about yet. */
const isAlive = (pid: number): boolean => {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  const state = stdout.trim();
  return state !== "" && !state.startsWith("Z");
};

describe("when a program is run under limits", () => {
  it("gives its output and exit code, and hands nothing of our environment on", async () => {
    const result = await sh('echo "[$HOME]"; echo bad >&2; exit 3', { env: { A: "1" } });
    assert.equal(result.end, "exit");
    assert.equal(result.exitCode, 3);
    assert.equal(result.stdout.toString(), "[]\n");
    assert.equal(result.stderr, "bad\n");
  });

  it("kills it and its children at the timeout", async () => {
    const startedMs = Date.now();
    const result = await sh("sleep 60 & echo $!; wait", { timeoutMs: 300 });
    assert.equal(result.end, "timeout");
    assert.ok(Date.now() - startedMs < 5000);
    const child = Number(result.stdout.toString());
    assert.ok(child > 1);
    await eventually(() => assert.equal(isAlive(child), false));
  });

  it("kills it when it prints too much", async () => {
    const result = await sh("while :; do echo 0123456789; done", { maxOutputBytes: 500 });
    assert.equal(result.end, "too_much_output");
    assert.ok(result.stdout.length <= 500);
  });

  it("kills it on abort, and does not start it when aborted before", async () => {
    const controller = new AbortController();
    const running = sh("sleep 60", { signal: controller.signal });
    controller.abort();
    assert.equal((await running).end, "aborted");
    assert.equal((await sh("true", { signal: AbortSignal.abort() })).end, "aborted");
  });

  it("says when it cannot be started", async () => {
    const result = await runLimited({
      file: "/nonexistent",
      args: [],
      cwd: tmpdir(),
      env: {},
      timeoutMs: 1000,
      maxOutputBytes: 1,
    });
    assert.equal(result.end, "not_started");
  });

  it("leaves no child behind that closed its output", async () => {
    const result = await sh("sleep 60 >/dev/null 2>&1 & echo $!");
    const child = Number(result.stdout.toString());
    await eventually(() => assert.equal(isAlive(child), false));
  });
});
