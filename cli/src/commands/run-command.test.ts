import assert from "node:assert/strict";
import { PassThrough, Readable, Writable } from "node:stream";
import { CommandError } from "../command.ts";
import { describeEnd, exitCodeOf, exitCodeOfAll, type Execution } from "./execution.ts";
import { createRunPrinter } from "./run-printer.ts";
import { parseDuration, parsePlace, parseProgram, parseVariables, readRequest } from "./run-request.ts";

const execution = (fields: Partial<Execution>): Execution => ({
  id: "cex_1",
  deviceId: "dev_1",
  deviceName: "till-7",
  state: "succeeded",
  message: null,
  exitCode: null,
  signal: null,
  outputBytes: 0,
  ...fields,
});

describe("when somebody says what to run", () => {
  const none = { isShell: false, interpreter: undefined, script: undefined };

  it("takes a program and its arguments, or a script's text and its arguments", () => {
    assert.deepEqual(parseProgram(["df", "-h"], none), { kind: "argv", argv: ["df", "-h"] });
    assert.deepEqual(parseProgram(["echo $1", "a b"], { ...none, isShell: true }), {
      kind: "script",
      interpreter: "sh",
      text: "echo $1",
      arguments: ["a b"],
    });
    const python = parseProgram(["print(1)"], { ...none, interpreter: "python3" });
    assert.equal(python?.kind === "script" && python.interpreter, "python3");
    assert.equal(parseProgram(["x"], { ...none, script: "saved" }), undefined);
    assert.throws(() => parseProgram([], none), /after --/);
    assert.throws(() => parseProgram(["x"], { ...none, isShell: true, script: "saved" }), /exclude/);
  });

  it("takes times with a unit, and nothing else", () => {
    assert.deepEqual(
      ["30s", "5m", "1h30m", "1500ms"].map(parseDuration),
      [30_000, 300_000, 5_400_000, 1_500],
    );
    for (const text of ["", "30", "s", "5 m", "-5s", "1d", "5mm"])
      assert.throws(() => parseDuration(text), CommandError, text);
  });

  it("takes variables with their values, and secret ones from the environment", () => {
    const env = { PASSWORD: "a=b" };
    assert.deepEqual(parseVariables(["A=1", "B=x=y", "C=", "PASSWORD"], env), {
      A: "1",
      B: "x=y",
      C: "",
      PASSWORD: "a=b",
    });
    for (const text of ["MISSING", "=1", ""]) assert.throws(() => parseVariables([text], env), CommandError);
  });

  it("takes a Pod by namespace and name", () => {
    assert.deepEqual(parsePlace({ pod: undefined, container: undefined }), { kind: "host" });
    assert.deepEqual(parsePlace({ pod: "shop/web-0", container: "main" }), {
      kind: "pod",
      namespace: "shop",
      pod: "web-0",
      container: "main",
    });
    for (const pod of ["web-0", "/web-0", "shop/", "a/b/c"])
      assert.throws(() => parsePlace({ pod, container: undefined }), /NAMESPACE\/NAME/);
    assert.throws(() => parsePlace({ pod: undefined, container: "main" }), /--pod/);
  });

  it("reads standard input where it is told to: text, and not too much", async () => {
    const flags = { ...none, selectors: [], env: [], stopOnFailure: false, isJson: false };
    const read = async (input: Buffer, stdin?: string) =>
      (await readRequest(["cat"], { ...flags, stdin }, { env: {}, stdin: Readable.from([input]) })).input;
    assert.equal(await read(Buffer.from("grüß\n"), "-"), "grüß\n");
    assert.equal(await read(Buffer.from("ignored")), undefined);
    await assert.rejects(read(Buffer.from([0xff, 0xfe]), "-"), /UTF-8/);
    await assert.rejects(read(Buffer.alloc(65_537, "a"), "-"), /at most 65536 bytes/);
    await assert.rejects(read(Buffer.alloc(0), "/does/not/exist"), CommandError);
  });
});

describe("when a run is over", () => {
  it("ends as the command did on the only device", () => {
    const codes = [
      exitCodeOf(execution({ exitCode: 0 })),
      exitCodeOf(execution({ state: "failed", exitCode: 4 })),
      exitCodeOf(execution({ state: "failed", exitCode: 256 })),
      exitCodeOf(execution({ state: "failed", exitCode: -1 })),
      exitCodeOf(execution({ state: "failed", signal: "SIGKILL" })),
      exitCodeOf(execution({ state: "failed" })),
      exitCodeOf(execution({ state: "timed_out", signal: "SIGTERM" })),
      exitCodeOf(execution({ state: "canceled" })),
      exitCodeOf(execution({ state: "refused" })),
      exitCodeOf(execution({ state: "lost" })),
      exitCodeOf(execution({ state: "offline" })),
    ];
    assert.deepEqual(codes, [0, 4, 1, 255, 137, 1, 124, 130, 3, 1, 1]);
  });

  it("says of several whether it went well on all", () => {
    const [well, ill] = [execution({}), execution({ state: "failed", exitCode: 4 })];
    assert.equal(exitCodeOfAll([well, well], false), 0);
    assert.equal(exitCodeOfAll([well, ill], false), 6);
    assert.equal(exitCodeOfAll([well, ill], true), 130);
    assert.equal(exitCodeOfAll([ill], false), 4);
  });

  it("says why in words that do nothing to a terminal", () => {
    const refused = execution({ state: "refused", message: "no \u001b[31mred\u0007" });
    assert.equal(describeEnd(refused), "refused: no  [31mred ");
    assert.equal(describeEnd(execution({ state: "timed_out", signal: "SIGTERM" })), "timed out (SIGTERM)");
  });
});

describe("when a run is shown", () => {
  function printed(deviceCount: number, isJson = false) {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const options = { isJson, deviceCount, onClosed: () => undefined };
    const printer = createRunPrinter({ stdout, stderr }, options);
    return { printer, out: () => String(stdout.read() ?? ""), errors: () => String(stderr.read() ?? "") };
  }

  it("passes on what one device writes as it is", async () => {
    const { printer, out, errors } = printed(1);
    await printer.output(execution({}), { stream: "stdout", text: "a\nb" });
    await printer.output(execution({}), { stream: "stderr", text: "oops" });
    await printer.ended(execution({ state: "failed", exitCode: 3 }));
    assert.deepEqual([out(), errors()], ["a\nb", "oops"]);
    await printer.ended(execution({ state: "refused", message: "Not here." }));
    assert.equal(errors(), "till-7: refused: Not here.\n");
  });

  it("puts the device before each line of several, however the lines come", async () => {
    const { printer, out, errors } = printed(2);
    const [one, two] = [execution({}), execution({ id: "cex_2", deviceName: "till-8" })];
    await printer.output(one, { stream: "stdout", text: "first\nsec" });
    await printer.output(two, { stream: "stdout", text: "other\n" });
    await printer.output(one, { stream: "stderr", text: "oops\n" });
    await printer.output(one, { stream: "stdout", text: "ond\nlast" });
    assert.equal(out(), "till-7: first\ntill-8: other\ntill-7: second\n");
    await printer.ended(one);
    assert.equal(out(), "till-7: last\n");
    assert.equal(errors(), "till-7: oops\n");
    await printer.ended(execution({ id: "cex_2", deviceName: "till-8", state: "failed", exitCode: 1 }));
    assert.equal(errors(), "till-8: failed (exit code 1)\n");
  });

  it("says how much of the output was not kept", async () => {
    const { printer, errors } = printed(1);
    await printer.skipped(execution({}), 1_000);
    assert.match(errors(), /1000 bytes of output were not kept/);
  });

  it("writes a line of JSON for each thing that happens", async () => {
    const { printer, out } = printed(1, true);
    await printer.started({ id: "run_1", deviceCount: 1 });
    await printer.output(execution({}), { stream: "stderr", text: "a\nb" });
    await printer.ended(execution({ exitCode: 0 }));
    await printer.finished([execution({})]);
    const lines = out()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ event }) => event),
      ["started", "output", "ended", "finished"],
    );
    assert.deepEqual([lines[1].device, lines[1].stream, lines[1].text], ["till-7", "stderr", "a\nb"]);
    assert.deepEqual([lines[2].exitCode, lines[3].counts], [0, { succeeded: 1 }]);
  });

  it("waits for whoever reads slowly, and hears that nobody does", async () => {
    const slow = new PassThrough({ highWaterMark: 4 });
    let isClosed = false;
    const options = { isJson: false, deviceCount: 1, onClosed: () => (isClosed = true) };
    const printer = createRunPrinter({ stdout: slow, stderr: new PassThrough() }, options);
    let isWritten = false;
    const writing = printer
      .output(execution({}), { stream: "stdout", text: "0123456789" })
      .then(() => (isWritten = true));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isWritten, false);
    slow.resume();
    await writing;
    const gone = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
    const broken = createRunPrinter({ stdout: gone, stderr: new PassThrough() }, options);
    await broken.output(execution({}), { stream: "stdout", text: "x" });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isClosed, true);
    await broken.output(execution({}), { stream: "stdout", text: "x" });
  });
});
