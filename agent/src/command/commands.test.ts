import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { limits } from "@rciots/protocol";
import { eventually } from "../../../test/harness/eventually.ts";
import type { CommandRequest } from "./command-rules.ts";
import { commandRequest, createDevice, createPlatform, sessionEnded, shell } from "./commands.fixture.ts";
import type { Commands } from "./commands.ts";

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe("when a device runs commands", function () {
  this.timeout(60_000);
  let device: Awaited<ReturnType<typeof createDevice>>;
  let platform: ReturnType<typeof createPlatform>;
  let commands: Commands;

  beforeEach(async () => {
    device = await createDevice();
    platform = createPlatform();
    commands = device.live();
    await commands.begin();
    commands.attach(platform.caller);
  });
  afterEach(async () => {
    await commands.stop();
    await device.remove();
  });

  const endOf = (id: string) =>
    eventually(() => {
      const [end] = platform.of(id).ends;
      assert.ok(end);
      return end;
    });
  async function run(request: CommandRequest) {
    assert.deepEqual(await commands.start(request), { isNew: true });
    return endOf(request.id);
  }

  it("tells output, errors and exit code, with variables, arguments, input and folder as they were given", async () => {
    const odd = `"'$(reboot)\`; & ü\n`;
    const request = commandRequest(
      {
        kind: "script",
        interpreter: "bash",
        text: 'printf "%s|%s|%s" "$1" "$VALUE" "$(pwd)"; cat; echo problem >&2; exit 3\n',
        arguments: [odd],
      },
      { environment: { VALUE: odd }, input: "in\nput", workingDirectory: "/" },
    );
    const end = await run(request);
    assert.deepEqual([end.outcome, end.exitCode], ["exited", 3]);
    assert.equal(platform.textOf(request.id, "stdout"), `${odd}|${odd}|/in\nput`);
    assert.equal(platform.textOf(request.id, "stderr"), "problem\n");
    assert.equal(end.outputBytes, Buffer.byteLength(platform.textOf(request.id)));
    assert.deepEqual(await readdir(join(device.folder, "scripts")), []);
  });

  it("runs a program without any shell, and gives it nothing of the agent's own environment", async () => {
    const request = commandRequest({ kind: "argv", argv: ["env"] }, { environment: { MINE: "1" } });
    await run(request);
    const names = platform
      .textOf(request.id)
      .split("\n")
      .map((line) => line.split("=")[0])
      .filter((name) => name !== "");
    assert.deepEqual(names.sort(), ["HOME", "MINE", "PATH", "RCIOTS_COMMAND_ID"]);
  });

  it("says what it can't run", async () => {
    const none = await run(commandRequest({ kind: "argv", argv: ["no-such-program"] }));
    assert.deepEqual([none.outcome, none.message], ["failed", "There is no no-such-program on this device."]);
    const nowhere = await run(shell("true", { workingDirectory: "/no/such/folder" }));
    assert.match(nowhere.message ?? "", /no folder \/no\/such\/folder/);
    const killed = await run(shell("kill -9 $$"));
    assert.deepEqual([killed.outcome, killed.signal], ["signaled", "SIGKILL"]);
    const inPod = await run(shell("true", { place: { kind: "pod", namespace: "a", pod: "b" } }));
    assert.deepEqual([inPod.outcome, inPod.message], ["failed", "The device has no cluster."]);
  });

  it("ends all processes after the timeout, also those that ignore it and left the group", async () => {
    const file = join(device.folder, "pids");
    const stubborn = `trap "" TERM; echo $$ >> ${file}; while :; do sleep 1; done`;
    const request = shell(
      `(${stubborn}) &\nsetsid sh -c '${stubborn}' &\ntrap "" TERM\necho $$ >> ${file}\nwhile :; do sleep 1; done\n`,
      { timeoutMs: 1_500 },
    );
    const end = await run(request);
    assert.equal(end.outcome, "timed_out");
    assert.match(end.message ?? "", /longer than 1.5 seconds/);
    const pids = (await readFile(file, "utf8")).trim().split("\n").map(Number);
    assert.ok(pids.length >= 2);
    await eventually(() => assert.deepEqual(pids.filter(isAlive), []));
  });

  it("asks first: a command that ends by itself on the request is not killed", async () => {
    const request = shell(`trap 'echo bye; exit 0' TERM\nwhile :; do sleep 0.1; done\n`, {
      timeoutMs: 1_000,
      graceMs: 20_000,
    });
    const end = await run(request);
    assert.deepEqual([end.outcome, end.exitCode, end.signal], ["timed_out", 0, undefined]);
    assert.equal(platform.textOf(request.id, "stdout"), "bye\n");
  });

  it("ends where a process that it left behind keeps its output open", async () => {
    const request = shell("setsid sleep 600 &\necho done\n");
    const end = await run(request);
    assert.deepEqual([end.outcome, end.exitCode], ["exited", 0]);
    assert.equal(platform.textOf(request.id), "done\n");
  });

  it("is cancelled, before it came too", async () => {
    const request = shell("sleep 600");
    await commands.start(request);
    assert.deepEqual(await commands.cancel({ id: request.id, reason: "Cancelled by me." }), {
      isRunning: true,
    });
    const end = await endOf(request.id);
    assert.equal(end.outcome, "canceled");
    assert.match(end.message ?? "", /^Cancelled by me\./);
    const late = shell("touch ran", { workingDirectory: device.folder });
    assert.deepEqual(await commands.cancel({ id: late.id, reason: "Cancelled." }), { isRunning: false });
    assert.deepEqual(await commands.start(late), { isNew: false });
    assert.equal((await endOf(late.id)).outcome, "canceled");
    assert.equal(existsSync(join(device.folder, "ran")), false);
  });

  it("runs an id once, however often it is started", async () => {
    const request = shell("echo x >> ran", { workingDirectory: device.folder });
    const answers = await Promise.all([1, 2, 3].map(() => commands.start(request)));
    assert.deepEqual(answers.map(({ isNew }) => isNew).sort(), [false, false, true]);
    await endOf(request.id);
    assert.deepEqual(await commands.start(request), { isNew: false });
    await commands.stop();
    commands = device.live();
    await commands.begin();
    assert.deepEqual(await commands.start(request), { isNew: false });
    assert.equal(await readFile(join(device.folder, "ran"), "utf8"), "x\n");
  });

  it("refuses more than it runs at once, and what its rules deny", async () => {
    const many = Array.from({ length: limits.commandsPerDevice }, () => shell("sleep 600"));
    for (const request of many) await commands.start(request);
    await assert.rejects(commands.start(shell("true")), { code: "busy" });
    for (const { id } of many) await commands.cancel({ id, reason: "over" });
    await Promise.all(many.map(({ id }) => endOf(id)));
    const strict = await createDevice({ rules: { deny: "reboot" } });
    await assert.rejects(strict.live().start(shell("reboot")), { code: "command_denied" });
    await strict.remove();
  });

  it("loses nothing where a session is lost in the middle, and stores nothing twice", async () => {
    let calls = 0;
    platform.fault = (_event, store) => {
      calls += 1;
      // Stored, and the answer lost.
      if (calls === 2) store();
      if (calls >= 2) throw sessionEnded();
    };
    const request = shell(
      "for i in $(seq 1 2000); do echo line $i; [ $((i % 500)) -eq 0 ] && sleep 0.3; done; true",
    );
    await commands.start(request);
    await eventually(() => assert.ok(calls >= 3));
    commands.detach();
    const next = createPlatform();
    for (const [offset, message] of platform.of(request.id).output)
      next.of(request.id).output.set(offset, message);
    platform = next;
    commands.attach(next.caller);
    const end = await endOf(request.id);
    const wanted = Array.from({ length: 2_000 }, (_value, index) => `line ${index + 1}\n`).join("");
    assert.equal(platform.textOf(request.id), wanted);
    assert.equal(end.outputBytes, wanted.length);
  });

  it("goes on without a platform, and tells a beginning and an end of what it wrote", async () => {
    commands.detach();
    const request = shell("yes | head -c 5000000; echo the end");
    await commands.start(request);
    await eventually(async () => {
      const [record] = await readdir(join(device.folder, "commands"));
      const entry = JSON.parse(
        await readFile(join(device.folder, "commands", record ?? ""), "utf8"),
      ) as object;
      assert.ok("end" in entry);
    });
    commands.attach(platform.caller);
    const end = await endOf(request.id);
    assert.equal(end.outputBytes, 5_000_008);
    const text = platform.textOf(request.id);
    assert.ok(
      text.length <= limits.commandOutputBytes + 65_536 && text.length > limits.commandOutputBytes / 2,
    );
    assert.match(text, /the end\n$/);
  });

  it("makes an endless writer wait rather than fill its memory or the channel", async () => {
    let bytes = 0;
    platform.fault = (event) => {
      if (event === "command:output") bytes += 1;
    };
    const request = shell("yes");
    await commands.start(request);
    const other = shell("echo quick");
    await commands.start(other);
    await endOf(other.id);
    await eventually(() => assert.ok(bytes > 20));
    const sent = [...platform.of(request.id).output.keys()];
    // Sixteen messages at once, and eight a second from then on.
    assert.ok(Math.max(...sent) < 60 * 65_536);
    await commands.cancel({ id: request.id, reason: "over" });
    assert.equal((await endOf(request.id)).outcome, "canceled");
  });

  it("tells of what an earlier life had begun, and kills what is left of it", async () => {
    const file = join(device.folder, "pid");
    const script = `echo $$ > ${file}; exec sleep 600`;
    const request = shell(script);
    await commands.stop();
    // As an agent that was killed: nobody waits for this one any more.
    const first = device.live();
    await first.begin();
    await first.start(request);
    await eventually(() => assert.ok(existsSync(file)));
    commands = device.live();
    await commands.begin();
    commands.attach(platform.caller);
    const end = await endOf(request.id);
    assert.equal(end.outcome, "lost");
    assert.match(end.message ?? "", /The agent ended while it ran/);
    const pid = Number(await readFile(file, "utf8"));
    await eventually(() => assert.equal(isAlive(pid), false));
    await first.stop();
  });

  it("ends what runs when the agent stops, and says so", async () => {
    const request = shell("sleep 600");
    await commands.start(request);
    await commands.stop();
    const end = await endOf(request.id);
    assert.deepEqual([end.outcome, end.signal], ["signaled", "SIGTERM"]);
    assert.match(end.message ?? "", /agent was stopped/);
  });

  it("drops what the platform knows nothing of", async () => {
    const { AppError } = await import("@rciots/runtime");
    platform.fault = () => {
      throw new AppError({ code: "command_unknown", status: 409, message: "unknown" });
    };
    await commands.start(shell("echo lost; exit 1"));
    platform.fault = undefined;
    const after = shell("echo kept");
    await run(after);
    assert.equal(platform.textOf(after.id), "kept\n");
  });
});
