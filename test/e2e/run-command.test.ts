import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const rciots = fileURLToPath(new URL("../../cli/dist/main.js", import.meta.url));
const soon = { timeoutMs: 60_000, intervalMs: 200 };

interface Running {
  out: () => string;
  errors: () => string;
  code: Promise<number | null>;
  kill: (signal: NodeJS.Signals) => void;
}

describe("rciots run", function () {
  this.timeout(180_000);
  let platform: PlatformProcess;
  let api: ApiClient;
  const agents: AgentProcess[] = [];
  let token: string;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "rciots-run-"));
    platform = await startPlatformProcess();
    api = await platform.api();
    const enrolment = await createToken(api, { labels: { site: "lab" } });
    for (const [name, commands] of [
      ["till-7", "any"],
      ["till-8", "any"],
      ["closed", "off"],
    ] as const)
      agents.push(
        startAgentProcess({ platform, token: enrolment, name, env: { RCIOTS_COMMANDS: commands } }),
      );
    for (const name of ["till-7", "till-8", "closed"]) await deviceOnline(api, name);
    ({ token } = await api.post("/api-tokens", { name: "cli", scopes: ["write"] }));
  });
  after(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await platform?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  function start(args: string[], options: { input?: string; env?: Record<string, string> } = {}): Running {
    const child = spawn(process.execPath, [rciots, "run", ...args], {
      env: {
        PATH: process.env["PATH"] ?? "",
        XDG_CONFIG_HOME: folder,
        RCIOTS_URL: platform.consoleUrl,
        RCIOTS_API_TOKEN: token,
        ...options.env,
      },
    });
    const written = { out: "", errors: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (written.out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (written.errors += text));
    child.stdin.end(options.input ?? "");
    return {
      out: () => written.out,
      errors: () => written.errors,
      code: once(child, "close").then(([code]) => code as number | null),
      kill: (signal) => void child.kill(signal),
    };
  }

  async function run(args: string[], options?: Parameters<typeof start>[1]) {
    const running = start(args, options);
    const code = await running.code;
    return { code, out: running.out(), errors: running.errors() };
  }

  it("keeps the streams apart, and ends with the command's exit code", async () => {
    const text = 'echo "$GREETING, $1"; cat; echo oops >&2; pwd; exit 7';
    const how = ["--shell", "--env", "GREETING", "--cwd", "/", "--stdin", "-"];
    const { code, out, errors } = await run(["till-7", ...how, "--", text, "you --json"], {
      input: "typed\n",
      env: { GREETING: "hello" },
    });
    assert.deepEqual([code, out, errors], [7, "hello, you --json\ntyped\n/\n", "oops\n"]);
    assert.deepEqual(await run(["till-7", "--", "printf", "%s|", "a b", "--help", "--"]), {
      code: 0,
      out: "a b|--help|--|",
      errors: "",
    });
    const file = join(folder, "input");
    writeFileSync(file, "from a file");
    assert.equal((await run(["till-7", "--stdin", file, "--", "cat"])).out, "from a file");
  });

  it("shows what is written before the command has ended", async () => {
    const gate = join(folder, "gate");
    const text = `echo first; while [ ! -e ${gate} ]; do sleep 0.1; done; echo second`;
    const running = start(["till-7", "--shell", "--", text]);
    await eventually(() => assert.equal(running.out(), "first\n"), soon);
    writeFileSync(gate, "");
    assert.equal(await running.code, 0);
    assert.equal(running.out(), "first\nsecond\n");
  });

  it("puts devices' names before their lines where there are several, and says where it failed", async () => {
    const all = await run(["till-7", "till-8", "--", "echo", "hello"]);
    assert.equal(all.code, 0, all.errors);
    assert.deepEqual(all.out.trim().split("\n").sort(), ["till-7: hello", "till-8: hello"]);
    const some = await run(["--selector", "site=lab", "--", "echo", "hello"]);
    assert.deepEqual([some.code, some.out.trim().split("\n").length], [6, 2]);
    assert.match(some.errors, /closed: refused: .*RCIOTS_COMMANDS/);
    assert.match(some.errors, /succeeded on 2 of 3 devices/);
  });

  it("writes lines of JSON for programs", async () => {
    const { code, out } = await run(["till-7", "--json", "--shell", "--", "echo hello; exit 3"]);
    const lines: any[] = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(code, 3);
    const text = lines.filter(({ event }) => event === "output").map((line) => line.text);
    assert.equal(text.join(""), "hello\n");
    const ended = lines.find(({ event }) => event === "ended");
    assert.deepEqual([ended.device, ended.state, ended.exitCode], ["till-7", "failed", 3]);
  });

  it("cancels it on the devices when it is interrupted", async () => {
    const pid = join(folder, "pid");
    const running = start(["till-7", "--shell", "--", `echo $$ > ${pid}; echo begun; sleep 600`]);
    await eventually(() => assert.equal(running.out(), "begun\n"), soon);
    running.kill("SIGINT");
    assert.equal(await running.code, 130);
    assert.match(running.errors(), /till-7: canceled/);
    const process_ = Number(readFileSync(pid, "utf8"));
    await eventually(() => assert.throws(() => process.kill(process_, 0), /ESRCH/), soon);
  });

  it("leaves at once when it is interrupted twice", async () => {
    const text = "trap '' TERM; echo begun; sleep 5; sleep 5";
    const running = start(["till-7", "--shell", "--", text]);
    await eventually(() => assert.equal(running.out(), "begun\n"), soon);
    running.kill("SIGINT");
    await eventually(() => assert.match(running.errors(), /once more/), soon);
    running.kill("SIGINT");
    assert.equal(await running.code, null);
  });

  it("loses nothing while the platform is away", async () => {
    const text = "for i in $(seq 1 100); do echo line $i; sleep 0.1; done; exit 5";
    const running = start(["till-7", "--shell", "--", text]);
    await eventually(() => assert.match(running.out(), /line 10\n/), soon);
    await platform.kill();
    await eventually(() => assert.match(running.errors(), /waiting for the platform/), soon);
    await platform.restart();
    api = await platform.api();
    assert.equal(await running.code, 5, running.errors());
    const wanted = Array.from({ length: 100 }, (_value, index) => `line ${index + 1}\n`).join("");
    assert.equal(running.out(), wanted);
  });

  it("brings large output whole, as long as it is read as it comes", async () => {
    // More than the megabyte that is kept of it, and slowly enough for a busy machine.
    const lines = 24_000;
    const text = `for part in $(seq 0 23); do seq -f '%0100g' $((part * 1000 + 1)) $((part * 1000 + 1000)); sleep 0.3; done`;
    const { code, out, errors } = await run(["till-7", "--shell", "--", text]);
    assert.deepEqual([code, errors], [0, ""]);
    assert.equal(out.length, lines * 101);
    assert.equal(out.slice(-101), `${String(lines).padStart(100, "0")}\n`);
    assert.equal(new Set(out.trimEnd().split("\n")).size, lines);
  });

  it("runs a saved script with its parameters, and begins on no more devices after a failure", async () => {
    const script = {
      name: "Greet",
      interpreter: "sh",
      text: 'echo "$WORD $1"; exit 1',
      parameters: [{ name: "WORD" }],
    };
    await api.post("/scripts", script);
    const how = ["--script", "Greet", "--env", "WORD=Hello"];
    const { code, out } = await run(["till-7", ...how, "--", "there"]);
    assert.deepEqual([code, out], [1, "Hello there\n"]);
    const missing = await run(["till-7", "--script", "Greet"]);
    assert.deepEqual([missing.code, /needs a value for WORD/.test(missing.errors)], [2, true]);
    assert.equal((await run(["till-7", "--script", "No such"])).code, 4);
  });

  it("ends it where it runs too long, and says so", async () => {
    const { code, errors } = await run(["till-7", "--timeout", "1s", "--", "sleep", "600"]);
    assert.equal(code, 124);
    assert.match(errors, /till-7: timed out/);
  });

  it("begins nothing where the call is wrong or not allowed, with the codes of rciots connect", async () => {
    const mark = join(folder, "mark");
    const touch = ["--", "touch", mark];
    const codes = [
      (await run(touch)).code,
      (await run(["till-7"])).code,
      (await run(["till-7", "--selector", "site=lab", ...touch])).code,
      (await run(["--selector", "", ...touch])).code,
      (await run(["till-7", "--timeout", "1", ...touch])).code,
      (await run(["till-7", "--cwd", "relative", ...touch])).code,
      (await run(["nobody", ...touch])).code,
      (await run(["till-7", ...touch], { env: { RCIOTS_API_TOKEN: "rca_no" } })).code,
      (await run(["till-7", ...touch], { env: { RCIOTS_URL: "http://127.0.0.1:9" } })).code,
      (await run(["closed", ...touch])).code,
    ];
    assert.deepEqual(codes, [2, 2, 2, 2, 2, 2, 4, 3, 5, 3]);
    assert.equal(existsSync(mark), false);
  });
});
