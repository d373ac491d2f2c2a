import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import { ApiProblem, type ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const soon = { timeoutMs: 60_000, intervalMs: 200 };

describe("commands on devices", function () {
  this.timeout(180_000);
  let platform: PlatformProcess;
  let agent: AgentProcess;
  let guarded: AgentProcess;
  let silent: AgentProcess;
  let api: ApiClient;
  let deviceId: string;
  let guardedId: string;
  let silentId: string;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "rciots-e2e-commands-"));
    platform = await startPlatformProcess();
    api = await platform.api();
    const token = await createToken(api, { labels: { site: "lab" } });
    const start = (name: string, env: Record<string, string>) =>
      startAgentProcess({ platform, token, name, env });
    agent = start("open", { RCIOTS_COMMANDS: "any" });
    guarded = start("guarded", {
      RCIOTS_COMMANDS: "host",
      RCIOTS_COMMAND_ALLOW: "echo .*\nuname",
      RCIOTS_COMMAND_DENY: "secret",
    });
    silent = start("silent", {});
    ({ id: deviceId } = await deviceOnline(api, "open"));
    ({ id: guardedId } = await deviceOnline(api, "guarded"));
    ({ id: silentId } = await deviceOnline(api, "silent"));
  });
  after(async () => {
    await Promise.all([agent?.stop(), guarded?.stop(), silent?.stop()]);
    await platform?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const script = (text: string) => ({ kind: "script", interpreter: "sh", text, arguments: [] });
  const start = (body: object, devices = [deviceId]): Promise<any> =>
    api.post("/commands", { devices, ...body });
  const executions = async (id: string): Promise<any[]> =>
    (await api.get(`/commands/${id}/executions`)).items;
  const finished = (id: string): Promise<any[]> =>
    eventually(async () => {
      assert.equal(
        (await api.get(`/commands/${id}`)).state,
        "finished",
        JSON.stringify(await executions(id)),
      );
      return executions(id);
    }, soon);
  /** Whoever took an orphan over may need a moment to bury it. A negative number: the whole group. */
  const gone = (pid: number): Promise<void> =>
    eventually(() => assert.throws(() => process.kill(pid, 0), /ESRCH/), { timeoutMs: 10_000 });
  async function outputOf(executionId: string, stream?: string): Promise<string> {
    let text = "";
    for (let from = 0; ;) {
      const page: any = await api.get(`/command-executions/${executionId}/output?from=${from}`);
      const pieces = page.parts.flatMap((part: any) => part.pieces as any[]);
      text += pieces
        .filter((piece: any) => stream === undefined || piece.stream === stream)
        .map((piece: any) => piece.text)
        .join("");
      from = page.nextOffset;
      if (!page.hasMore) return text;
    }
  }

  it("bring output, exit code and duration back, and leave a trace of who did what where", async () => {
    const { id } = await start({
      program: script('echo "$GREETING from $(pwd)"; cat; echo oops >&2; exit 4'),
      environment: { GREETING: "$(hello)" },
      input: "typed",
      workingDirectory: "/",
      title: "a greeting",
    });
    const [execution] = await finished(id);
    assert.deepEqual([execution.state, execution.exitCode], ["failed", 4]);
    assert.equal(await outputOf(execution.id, "stdout"), "$(hello) from /\ntyped");
    assert.equal(await outputOf(execution.id, "stderr"), "oops\n");
    const events: any[] = (await api.get("/events?kind=command.ended")).items;
    const [event] = events.filter(({ details }) => details.runId === id);
    assert.deepEqual(
      [event.deviceId, event.details.exitCode, event.details.startedBy.name],
      [deviceId, 4, "admin"],
    );
    assert.match(event.message, /"a greeting" failed on open \(exit code 4\)/);
  });

  it("are shown as they write, before they have ended", async () => {
    const gate = join(folder, "gate");
    const { id } = await start({
      program: script(`echo first; while [ ! -e ${gate} ]; do sleep 0.2; done; echo second`),
    });
    const [execution] = await executions(id);
    await eventually(async () => assert.equal(await outputOf(execution.id), "first\n"), soon);
    assert.equal((await executions(id))[0].state, "running");
    const touch = await start({ program: { kind: "argv", argv: ["touch", gate] } });
    await finished(touch.id);
    await finished(id);
    assert.equal(await outputOf(execution.id), "first\nsecond\n");
  });

  it("do on a device what its own rules allow, and nothing where it takes none", async () => {
    const run = async (argv: string[], devices: string[]) => {
      const { id } = await start({ program: { kind: "argv", argv } }, devices);
      return (await finished(id))[0];
    };
    assert.equal((await run(["echo", "hello"], [guardedId])).state, "succeeded");
    const other = await run(["id"], [guardedId]);
    assert.equal(other.state, "refused");
    assert.match(other.message, /RCIOTS_COMMAND_ALLOW/);
    assert.match((await run(["echo", "secret"], [guardedId])).message, /RCIOTS_COMMAND_DENY/);
    const none = await run(["echo", "hello"], [silentId]);
    assert.equal(none.state, "refused");
    assert.match(none.message, /RCIOTS_COMMANDS/);
  });

  it("are ended by their timeout, with all that they started", async () => {
    const pids = join(folder, "pids");
    const { id } = await start({
      program: script(
        `trap "" TERM; echo $$ > ${pids}; (trap "" TERM; while :; do sleep 1; done) & while :; do sleep 1; done`,
      ),
      timeoutMs: 1_000,
      graceMs: 500,
    });
    const [execution] = await finished(id);
    assert.equal(execution.state, "timed_out");
    await gone(-Number(readFileSync(pids, "utf8")));
  });

  it("go on over a platform that dies, and lose nothing of what they write", async () => {
    const { id } = await start({
      program: script("for i in $(seq 1 100); do echo line $i; sleep 0.1; done"),
    });
    const [execution] = await executions(id);
    await eventually(async () => assert.match(await outputOf(execution.id), /line 10\n/), soon);
    await platform.kill();
    await platform.restart();
    const [ended] = await finished(id);
    assert.deepEqual([ended.state, ended.exitCode], ["succeeded", 0]);
    const wanted = Array.from({ length: 100 }, (_value, index) => `line ${index + 1}\n`).join("");
    assert.equal(await outputOf(execution.id), wanted);
  });

  it("are lost, and said to be, where the agent is killed; what is left of them is killed too", async () => {
    const [pid, count] = [join(folder, "lost-pid"), join(folder, "lost-count")];
    const { id } = await start({
      program: script(`echo $$ > ${pid}; echo x >> ${count}; while :; do sleep 1; done`),
    });
    await eventually(() => assert.ok(existsSync(pid)), soon);
    await agent.kill();
    agent.restart();
    const [execution] = await finished(id);
    assert.equal(execution.state, "lost");
    assert.match(execution.message, /agent ended while it ran/);
    await gone(Number(readFileSync(pid, "utf8")));
    await deviceOnline(api, "open");
    assert.equal(readFileSync(count, "utf8"), "x\n", "it ran once");
  });

  it("wait for a device that is away, where they are asked to", async () => {
    await agent.kill();
    await eventually(async () => {
      assert.equal((await api.get(`/devices/${deviceId}`)).presence.online, false);
    }, soon);
    const leftOut = await start({ program: { kind: "argv", argv: ["true"] } });
    assert.equal((await finished(leftOut.id))[0].state, "offline");
    const waiting = await start({ program: { kind: "argv", argv: ["true"] }, waitForOfflineMs: 600_000 });
    await eventually(async () => assert.match((await executions(waiting.id))[0].message, /waits/), soon);
    agent.restart();
    assert.equal((await finished(waiting.id))[0].state, "succeeded");
  });

  it("are cancelled in a storm, one and all, and leave no process behind", async () => {
    const runs = await Promise.all(
      Array.from({ length: 6 }, (_value, index) =>
        start({ program: script(`echo $$ > ${folder}/storm-${index}; sleep 600`) }),
      ),
    );
    await eventually(async () => {
      for (const index of runs.keys()) assert.ok(existsSync(join(folder, `storm-${index}`)));
    }, soon);
    await Promise.all(
      runs.flatMap(({ id }) => [1, 2, 3].map(() => api.post(`/commands/${id}/cancel`, undefined))),
    );
    for (const { id } of runs) assert.equal((await finished(id))[0].state, "canceled");
    for (const index of runs.keys()) {
      await gone(Number(readFileSync(join(folder, `storm-${index}`), "utf8")));
    }
  });

  it("that write without end harm neither the channel nor other commands, and are kept in part", async () => {
    const noisy = await start({ program: script("yes"), timeoutMs: 10_000, graceMs: 200 });
    const times: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const begun = performance.now();
      const { id } = await start({ program: { kind: "argv", argv: ["echo", "quick"] } });
      const [execution] = await finished(id);
      assert.equal(execution.state, "succeeded");
      times.push(performance.now() - begun);
    }
    const [execution] = await finished(noisy.id);
    assert.equal(execution.state, "timed_out");
    assert.ok(execution.outputBytes > 100_000);
    assert.ok((await outputOf(execution.id)).length < 1_300_000);
    assert.ok((await api.get(`/devices/${deviceId}`)).presence.online);
    assert.ok(Math.max(...times) < 30_000, `${times.join(", ")} ms`);
  });

  it("can be switched off in the organisation, at once and for everybody", async () => {
    await api.put("/command-settings", { enabled: false });
    await assert.rejects(start({ program: { kind: "argv", argv: ["true"] } }), (error) => {
      assert.ok(error instanceof ApiProblem);
      return error.body["code"] === "commands_off";
    });
    await api.put("/command-settings", { enabled: true });
    const { id } = await start({ program: { kind: "argv", argv: ["true"] } });
    assert.equal((await finished(id))[0].state, "succeeded");
  });
});
