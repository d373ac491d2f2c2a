import {
  createTerminalReader,
  offsetBody,
  readOffset,
  terminalFrame,
  terminalFrameBytes,
  terminalFrames,
  terminalWindowBytes,
  type ByteStream,
} from "@rciots/protocol";
import type { TerminalProcess } from "./terminal-process.ts";

export interface TerminalLimits {
  /** How long it waits for whoever lost it. */
  graceMs: number;
  /** Without input for so long, it ends. */
  idleMs: number;
}

export interface TerminalSession {
  readonly owner: string;
  /** Gives it to this stream, from so many bytes of output on; whoever had it loses it. */
  attach(stream: ByteStream, shown: number): void;
  /** At once. */
  end(reason: string): void;
}

type Exit = { code: number } | { reason: string };

/**
 * A terminal that outlives the connections it is seen through. Output is kept until it is known to be on a screen,
 * and its programs are made to wait where too much is not: what was printed in a gap is neither lost nor endless.
 */
export function createTerminalSession(options: {
  id: string;
  owner: string;
  process: TerminalProcess;
  limits: TerminalLimits;
  onOver: () => void;
}): TerminalSession {
  const { id, owner, process, limits, onOver } = options;
  const unshown: Buffer[] = [];
  let shownOffset = 0;
  let endOffset = 0;
  let takenOffset = 0;
  let stream: ByteStream | undefined;
  let isPaused = false;
  let exit: Exit | undefined;
  let isOver = false;
  let grace: NodeJS.Timeout | undefined;
  let idle: NodeJS.Timeout | undefined;

  const send = (kind: number, body: Uint8Array): void => void stream?.write(terminalFrame(kind, body));
  const sendJson = (kind: number, body: object): void => send(kind, Buffer.from(JSON.stringify(body)));

  function sendOutput(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += terminalFrameBytes)
      send(terminalFrames.output, bytes.subarray(at, at + terminalFrameBytes));
  }

  function over(): void {
    if (isOver) return;
    isOver = true;
    clearTimeout(grace);
    clearTimeout(idle);
    onOver();
  }

  /** Whoever comes back within the time may still learn how it ended. */
  function finish(how: Exit): void {
    if (exit !== undefined) return;
    exit = how;
    clearTimeout(idle);
    if (stream === undefined) return;
    sendJson(terminalFrames.exit, how);
    stream.end();
    over();
  }

  function end(reason: string): void {
    finish({ reason });
    process.kill();
    over();
  }

  function waitForInput(): void {
    clearTimeout(idle);
    const minutes = Math.round(limits.idleMs / 60_000);
    idle = setTimeout(() => end(`Nothing was typed for ${minutes} minutes.`), limits.idleMs);
    idle.unref();
  }

  function output(bytes: Buffer): void {
    unshown.push(bytes);
    endOffset += bytes.length;
    sendOutput(bytes);
    if (endOffset - shownOffset >= terminalWindowBytes && !isPaused) {
      isPaused = true;
      process.pause();
    }
  }

  function shown(offset: number): void {
    if (offset < shownOffset || offset > endOffset) return;
    let skip = offset - shownOffset;
    while (skip > 0) {
      const [first] = unshown;
      if (first === undefined) break;
      if (first.length > skip) unshown[0] = first.subarray(skip);
      else unshown.shift();
      skip -= Math.min(skip, first.length);
    }
    shownOffset = offset;
    if (isPaused && endOffset - shownOffset < terminalWindowBytes / 2) {
      isPaused = false;
      process.resume();
    }
  }

  function take(kind: number, body: Buffer): void {
    if (kind === terminalFrames.input) {
      waitForInput();
      process.write(body);
      takenOffset += body.length;
      send(terminalFrames.taken, offsetBody(takenOffset));
    } else if (kind === terminalFrames.resize && body.length === 4) {
      const size = { columns: body.readUInt16BE(0), rows: body.readUInt16BE(2) };
      if (size.columns > 0 && size.rows > 0) process.resize(size);
    } else if (kind === terminalFrames.shown) shown(readOffset(body) ?? shownOffset);
    else if (kind === terminalFrames.close) end("It was closed.");
  }

  function detach(from: ByteStream): void {
    if (stream !== from) return;
    stream = undefined;
    grace = setTimeout(() => end("Nobody came back to it."), limits.graceMs);
    grace.unref();
  }

  process.onOutput(output);
  process.onExit((code) => finish(code === undefined ? { reason: "The connection to it broke." } : { code }));
  waitForInput();

  return {
    owner,
    attach(given, from) {
      clearTimeout(grace);
      stream?.reset({ code: "closed", message: "The terminal was opened elsewhere." });
      stream = given;
      shown(from);
      const reader = createTerminalReader((kind, body) => {
        if (stream === given) take(kind, body);
      });
      sendJson(terminalFrames.opened, { session: id, offset: shownOffset, taken: takenOffset });
      for (const bytes of unshown) sendOutput(bytes);
      if (exit !== undefined) {
        sendJson(terminalFrames.exit, exit);
        given.end();
        over();
      }
      given.listen({
        onData(bytes) {
          const isWhole = reader.push(bytes);
          given.consumed(bytes.length);
          if (isWhole) return;
          given.reset({ code: "target_invalid", message: "These are no terminal's frames." });
          detach(given);
        },
        onEnd() {
          given.end();
          detach(given);
        },
        onWritable: () => undefined,
        onReset: () => detach(given),
      });
    },
    end,
  };
}
