import { sleep } from "@rciots/runtime";
import type { CommandEnd } from "./command-journal.ts";
import type { CommandRequest } from "./command-rules.ts";
import type { OutputFeed } from "./output-feed.ts";
import type { CommandExit, LaunchCommand, RunningCommand } from "./running-command.ts";

/** Why a command is ended before it ends by itself. */
export interface EndReason {
  outcome: "timed_out" | "canceled" | "signaled";
  message: string;
}

export interface Execution {
  readonly finished: Promise<CommandEnd>;
  end(reason: EndReason): void;
  pause(): void;
  resume(): void;
}

/** After the kill; what still is there then can't be killed, such as a process that waits for a broken disk. */
const abandonMs = 5_000;

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;

const timedOut = (timeoutMs: number): EndReason => ({
  outcome: "timed_out",
  message: `It ran longer than ${plural(timeoutMs / 1_000, "second")} and was ended.`,
});

/** Runs one command from its beginning to its end: by itself, by its timeout, or by somebody's word. */
export function runExecution(
  request: CommandRequest,
  options: { launch: LaunchCommand; feed: OutputFeed; onOutput: () => void; startedAt: string },
): Execution {
  const { launch, feed, onOutput, startedAt } = options;
  const ending = new AbortController();
  let reason: EndReason | undefined;
  let running: RunningCommand | undefined;
  let isPaused = false;

  function end(why: EndReason): void {
    reason ??= why;
    ending.abort();
  }

  /** Asks, then kills, then lets go; each step only where the one before did not do. */
  async function endAll(command: RunningCommand, over: AbortSignal): Promise<void> {
    await command.signal("SIGTERM");
    await sleep(request.graceMs, over);
    // Also where the first process ended: those that it started may have ignored the request.
    await command.signal("SIGKILL");
    if (over.aborted) return;
    await sleep(abandonMs, over);
    if (!over.aborted) command.abandon();
  }

  async function watch(command: RunningCommand): Promise<CommandExit> {
    const over = new AbortController();
    const timer = setTimeout(() => end(timedOut(request.timeoutMs)), request.timeoutMs);
    let kill: Promise<void> | undefined;
    const begin = (): void => void (kill ??= endAll(command, over.signal));
    if (ending.signal.aborted) begin();
    else ending.signal.addEventListener("abort", begin, { once: true });
    const exit = await command.ended;
    clearTimeout(timer);
    over.abort();
    await kill;
    return exit;
  }

  async function run(): Promise<CommandEnd> {
    running = await launch(request, (stream, data) => {
      feed.push(stream, data);
      onOutput();
    });
    if (isPaused) running.pause();
    const exit = await watch(running);
    feed.flush();
    const message = [reason?.message, exit.message].filter((text) => text !== undefined).join(" ");
    return {
      id: request.id,
      outcome: reason === undefined || exit.outcome === "failed" ? exit.outcome : reason.outcome,
      ...(exit.exitCode === undefined ? {} : { exitCode: exit.exitCode }),
      ...(exit.signal === undefined ? {} : { signal: exit.signal }),
      ...(message === "" ? {} : { message }),
      outputBytes: feed.totalBytes,
      startedAt,
      finishedAt: new Date().toISOString(),
    };
  }

  return {
    finished: run(),
    end,
    pause() {
      isPaused = true;
      running?.pause();
    },
    resume() {
      isPaused = false;
      running?.resume();
    },
  };
}
