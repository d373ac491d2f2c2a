import { useEffect, useState } from "react";
import { toProblem, type Problem } from "../../api/problem.ts";
import { createLogLines, type LogLines } from "./log-lines.ts";

export interface LogState {
  lines: readonly string[];
  dropped: number;
  phase: "connecting" | "open" | "ended";
  problem: Problem | null;
}

/** As many as a page holds without becoming slow: only those in view are drawn. */
const maxLines = 100_000;
const drawMs = 100;
const nothing: LogState = { lines: [], dropped: 0, phase: "connecting", problem: null };

/** What a container prints, for as long as it is shown; another address or attempt begins anew. */
export function useLog(url: string | null, attempt: number): LogState {
  const key = `${attempt} ${url ?? ""}`;
  const [state, setState] = useState({ key, log: nothing });
  useEffect(() => {
    if (url === null) return undefined;
    const log = createLogLines(maxLines);
    return follow(url, log, (next) => setState({ key, log: next }));
  }, [url, key]);
  // What was read before is not this log's.
  return state.key === key ? state.log : nothing;
}

function follow(url: string, log: LogLines, onState: (state: LogState) => void): () => void {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  let phase: LogState["phase"] = "connecting";
  let problem: Problem | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isGone = false;
  const draw = (): void => {
    timer = undefined;
    if (!isGone) onState({ lines: log.lines, dropped: log.dropped, phase, problem });
  };
  const drawSoon = (): void => {
    timer ??= setTimeout(draw, drawMs);
  };
  socket.addEventListener("open", () => {
    phase = "open";
    drawSoon();
  });
  socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data === "string") {
      const body = JSON.parse(data) as { status?: number };
      problem = toProblem(body.status ?? 0, body);
    } else log.push(new Uint8Array(data));
    drawSoon();
  });
  socket.addEventListener("close", ({ code }) => {
    log.flush();
    phase = "ended";
    const detail = "The connection to the platform broke. Read the log again to go on.";
    if (code !== 1_000) problem ??= toProblem(0, { code: "unreachable", detail });
    drawSoon();
  });
  return () => {
    isGone = true;
    clearTimeout(timer);
    socket.close(1_000);
  };
}
