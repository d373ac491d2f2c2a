import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import {
  createTerminalReader,
  offsetBody,
  terminalFrame,
  terminalFrames,
  terminalWindowBytes,
  type ByteStream,
  type StreamEvents,
  type TerminalTarget,
} from "@rciots/protocol";
import { silentLogger } from "@rciots/runtime";
import { openHostTerminal } from "./terminal-process.ts";
import { createTerminals, type Terminals } from "./terminals.ts";

/** The platform's end of a stream, in this process. */
function createPeer() {
  let events: StreamEvents | undefined;
  let isEnded = false;
  let fault: string | undefined;
  let output = "";
  const json: Record<number, Record<string, unknown>> = {};
  let received = 0;
  const reader = createTerminalReader((kind, body) => {
    if (kind === terminalFrames.output) {
      output += body.toString("latin1");
      received += body.length;
    } else if (kind !== terminalFrames.taken)
      json[kind] = JSON.parse(body.toString()) as Record<string, unknown>;
  });
  const stream: ByteStream = {
    id: 1,
    isOver: false,
    sentBytes: 0,
    receivedBytes: 0,
    listen: (given) => void (events = given),
    write: (bytes) => reader.push(Buffer.from(bytes)),
    end: () => void (isEnded = true),
    reset: ({ message }) => void (fault = message),
    consumed: () => undefined,
  };
  return {
    stream,
    say: (kind: number, body: Uint8Array) => events?.onData(terminalFrame(kind, body)),
    type: (text: string) => events?.onData(terminalFrame(terminalFrames.input, Buffer.from(text))),
    breakOff: () => events?.onReset({ code: "session_ended", message: "Gone." }),
    output: () => output,
    received: () => received,
    opened: () => json[terminalFrames.opened],
    exit: () => json[terminalFrames.exit],
    isEnded: () => isEnded,
    fault: () => fault,
  };
}

async function eventually(check: () => void): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      return check();
    } catch (error) {
      if (tries > 400) throw error;
      await delay(25);
    }
  }
}

const target = (fields: Partial<TerminalTarget> = {}): TerminalTarget => ({
  kind: "terminal",
  session: "trm_00000000000000000000000001",
  owner: "usr_1",
  columns: 80,
  rows: 24,
  ...fields,
});

describe("terminals of a device", function () {
  this.timeout(30_000);
  let terminals: Terminals;
  const host = openHostTerminal({
    shell: ["/bin/sh"],
    env: { PATH: process.env["PATH"] ?? "", PS1: "ready> ", HOME: "/" },
    homeDir: "/",
  });
  const create = (limits = {}): Terminals =>
    createTerminals({ host, pods: false, exec: () => undefined, logger: silentLogger, limits });
  const signal = new AbortController().signal;
  const codeOf = async (given: TerminalTarget): Promise<unknown> =>
    terminals.accept(given, signal).then(
      () => "taken",
      (error: unknown) => (error as { code?: unknown }).code,
    );
  async function attach(given: TerminalTarget) {
    const peer = createPeer();
    (await terminals.accept(given, signal))(peer.stream);
    return peer;
  }

  beforeEach(() => {
    terminals = create();
  });
  afterEach(() => terminals.stop());

  it("runs a shell of the size asked for, and says how it ended", async () => {
    const peer = await attach(target({ columns: 101, rows: 33 }));
    peer.type("stty size; exit 4\n");
    await eventually(() => assert.deepEqual(peer.exit(), { code: 4 }));
    assert.match(peer.output(), /33 101/);
    assert.equal(peer.isEnded(), true);
  });

  it("goes on through a gap, repeats nothing that was shown, and loses nothing", async () => {
    const first = await attach(target());
    first.type("for n in 1 2 3; do echo tick-$n; sleep 0.2; done; echo do''ne\n");
    await eventually(() => assert.match(first.output(), /tick-1\r/));
    first.breakOff();
    await delay(800);
    const second = await attach(target({ shown: first.received() }));
    await eventually(() => assert.match(second.output(), /done/));
    const whole = first.output() + second.output();
    for (const word of ["tick-1\r", "tick-2\r", "tick-3\r"]) assert.equal(whole.split(word).length, 2, word);
    assert.equal(Number(second.opened()?.["taken"]) > 0, true);
  });

  it("gives it to nobody but who opened it, and to one at a time", async () => {
    const first = await attach(target());
    assert.equal(await codeOf(target({ shown: 0, owner: "usr_2" })), "terminal_gone");
    assert.equal(
      await codeOf(target({ shown: 0, session: "trm_00000000000000000000000009" })),
      "terminal_gone",
    );
    assert.equal(await codeOf(target()), "target_invalid");
    const second = await attach(target({ shown: 0 }));
    assert.equal(first.fault(), "The terminal was opened elsewhere.");
    first.type("echo from-the-first\n");
    second.type("echo from-the-se''cond\n");
    await eventually(() => assert.match(second.output(), /from-the-second/));
    assert.equal(second.output().includes("from-the-first"), false);
  });

  it("lets a flood wait until it is shown, and goes on then", async () => {
    const peer = await attach(target());
    peer.type("yes 0123456789\n");
    await eventually(() => assert.ok(peer.received() >= terminalWindowBytes));
    await delay(300);
    const held = peer.received();
    assert.ok(held < terminalWindowBytes + 131_072, `${held} bytes`);
    peer.say(terminalFrames.shown, offsetBody(held));
    await eventually(() => assert.ok(peer.received() > held));
    peer.type("\u0003");
    await eventually(() => {
      peer.say(terminalFrames.shown, offsetBody(peer.received()));
      assert.match(peer.output().slice(-200), /ready> $/);
    });
  });

  it("ends what nobody comes back to, and what nobody types in", async () => {
    terminals = create({ graceMs: 50 });
    const left = await attach(target());
    left.breakOff();
    await delay(150);
    assert.equal(await codeOf(target({ shown: 0 })), "terminal_gone");
    terminals.stop();
    terminals = create({ idleMs: 100 });
    const idle = await attach(target());
    await eventually(() => assert.match(String(idle.exit()?.["reason"]), /Nothing was typed/));
  });

  it("has so many and no more, and none where they are not allowed", async () => {
    for (let count = 1; count <= 8; count += 1)
      await attach(target({ session: `trm_0000000000000000000000000${count}` }));
    assert.equal(await codeOf(target({ session: "trm_00000000000000000000000010" })), "too_many_streams");
    const pod = { namespace: "shop", name: "web" };
    assert.equal(
      await codeOf(target({ session: "trm_00000000000000000000000011", pod })),
      "target_not_allowed",
    );
    terminals.stop();
    terminals = createTerminals({ host: undefined, pods: true, exec: () => undefined, logger: silentLogger });
    assert.equal(await codeOf(target()), "target_not_allowed");
    assert.equal(await codeOf(target({ pod })), "target_unreachable");
  });
});
