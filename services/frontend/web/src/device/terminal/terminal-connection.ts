import { toProblem, type Problem } from "../../api/problem.ts";
import { frame, frames, offsetBody, readJson, readOffset, sizeBody } from "./terminal-frames.ts";
import { createUnsentInput } from "./unsent-input.ts";

export type TerminalState =
  | { kind: "connecting" }
  | { kind: "open" }
  /** A gap: what runs goes on, and is taken up again. */
  | { kind: "lost" }
  | { kind: "exited"; text: string }
  | { kind: "failed"; problem: Problem };

export interface TerminalConnection {
  input(bytes: Uint8Array): void;
  resize(columns: number, rows: number): void;
  /** So many bytes more of the output are on the screen. */
  shown(bytes: number): void;
  /** Ends what runs there. */
  close(): void;
}

interface Options {
  /** The WebSocket's address with these parameters. */
  url: (parameters: Record<string, string>) => string;
  size: () => { columns: number; rows: number };
  onOutput: (bytes: Uint8Array) => void;
  onState: (state: TerminalState) => void;
}

/** The device keeps it for a minute; beyond that there is nothing to come back to. */
const giveUpMs = 70_000;
const maxPauseMs = 4_000;
const tellBytes = 32_768;
/** A paste goes in pieces, and no faster than the device takes them. */
const pieceBytes = 16_384;
const maxUnsentBytes = 4 * 1_048_576;
const awayCodes = ["device_offline", "session_replaced", "relay_unavailable", "too_many_connections"];

const lost: Problem = toProblem(0, {
  code: "terminal_lost",
  detail: "The connection could not be taken up again in time.",
});

/** A terminal over WebSockets, one after the other where the network has gaps. */
export function createTerminalConnection({ url, size, onOutput, onState }: Options): TerminalConnection {
  const unsent = createUnsentInput();
  let socket: WebSocket | undefined;
  let session: string | undefined;
  let received = 0;
  let shownOffset = 0;
  let toldOffset = 0;
  let lostAt: number | undefined;
  let attempts = 0;
  let isOver = false;
  let refusal: Problem | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const isOpen = (): boolean => socket?.readyState === WebSocket.OPEN;
  function send(kind: number, body?: Uint8Array): void {
    if (isOpen()) socket?.send(frame(kind, body));
  }

  function finish(state: TerminalState): void {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    onState(state);
  }

  function opened(body: Uint8Array): void {
    const told = readJson(body);
    const isFirst = session === undefined;
    session = String(told["session"]);
    // What is repeated is on the screen already.
    received = isFirst ? Number(told["offset"]) : Math.max(received, Number(told["offset"]));
    skip = received - Number(told["offset"]);
    lostAt = undefined;
    attempts = 0;
    onState({ kind: "open" });
    for (const piece of unsent.taken(Number(told["taken"]))) send(frames.input, piece);
    const { columns, rows } = size();
    send(frames.resize, sizeBody(columns, rows));
  }
  let skip = 0;

  function output(body: Uint8Array): void {
    const fresh = body.subarray(Math.min(skip, body.length));
    skip -= body.length - fresh.length;
    received += fresh.length;
    if (fresh.length > 0) onOutput(fresh);
  }

  function exited(body: Uint8Array): void {
    const { code, reason } = readJson(body);
    finish({
      kind: "exited",
      text: typeof code === "number" ? `It ended with code ${code}.` : String(reason),
    });
  }

  function take(bytes: Uint8Array): void {
    const [kind] = bytes;
    const body = bytes.subarray(1);
    if (kind === frames.opened) opened(body);
    else if (kind === frames.output) output(body);
    else if (kind === frames.taken) unsent.taken(readOffset(body));
    else if (kind === frames.exit) exited(body);
  }

  function onClose(): void {
    if (isOver) return;
    const isAway = refusal === undefined || refusal.status >= 500 || awayCodes.includes(refusal.code);
    const mayComeBack = session !== undefined && isAway;
    if (!mayComeBack) return finish({ kind: "failed", problem: refusal ?? lost });
    lostAt ??= performance.now();
    if (performance.now() - lostAt > giveUpMs) return finish({ kind: "failed", problem: lost });
    onState({ kind: "lost" });
    const pauseMs = Math.min(maxPauseMs, 250 * 2 ** attempts) * (0.75 + Math.random() / 2);
    attempts += 1;
    timer = setTimeout(connect, pauseMs);
  }

  function connect(): void {
    refusal = undefined;
    const { columns, rows } = size();
    const again = session === undefined ? {} : { session, shown: String(received) };
    const opening = new WebSocket(url({ columns: String(columns), rows: String(rows), ...again }));
    opening.binaryType = "arraybuffer";
    socket = opening;
    opening.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data !== "string") return take(new Uint8Array(data));
      const body = JSON.parse(data) as { status?: number };
      refusal = toProblem(body.status ?? 0, body);
    });
    opening.addEventListener("close", () => {
      if (socket === opening) onClose();
    });
  }

  onState({ kind: "connecting" });
  connect();
  return {
    input(bytes) {
      if (isOver || unsent.bytes + bytes.length > maxUnsentBytes) return;
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        const piece = bytes.slice(at, at + pieceBytes);
        unsent.add(piece);
        if (session !== undefined && lostAt === undefined) send(frames.input, piece);
      }
    },
    resize: (columns, rows) => send(frames.resize, sizeBody(columns, rows)),
    shown(bytes) {
      shownOffset += bytes;
      if (shownOffset - toldOffset < tellBytes && shownOffset < received) return;
      toldOffset = shownOffset;
      send(frames.shown, offsetBody(shownOffset));
    },
    close() {
      isOver = true;
      clearTimeout(timer);
      send(frames.close);
      socket?.close(1_000);
    },
  };
}
