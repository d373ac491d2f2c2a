import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Watchdog } from "./watchdog.ts";

export interface ComponentOptions {
  readonly name: string;
  readonly binary: string;
  readonly args: readonly string[];
  /** Its output goes here; the end of it is quoted when it does not come up. */
  readonly logFile: string;
  /** True once it serves; called again and again until the deadline. */
  readonly isReady: () => Promise<boolean>;
  readonly readyTimeoutMs: number;
  readonly watchdog: Watchdog;
}

/** One process of the control plane. Calls must not overlap. */
export interface Component {
  /** Starts it and waits until it is ready. Throws with the end of its log when it is not. */
  start(): Promise<void>;
  /** Signals it and waits for its end. Does nothing when it is not running. */
  end(signal: NodeJS.Signals): Promise<void>;
  readonly pid: number | undefined;
}

export function createComponent(options: ComponentOptions): Component {
  const { name, binary, args, logFile, watchdog } = options;
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();

  const launch = (): ChildProcess => {
    const log = openSync(logFile, "a", 0o600);
    const started = spawn(binary, args, { stdio: ["ignore", log, log], detached: true });
    closeSync(log);
    const { pid } = started;
    if (pid !== undefined) watchdog.add(pid);
    ended = new Promise((resolve) => {
      const settle = () => {
        if (pid !== undefined) watchdog.remove(pid);
        if (child === started) child = undefined;
        resolve();
      };
      started.once("exit", settle);
      started.once("error", settle);
    });
    return started;
  };

  const isRunning = () => child !== undefined;

  const start = async () => {
    if (isRunning()) throw new Error(`${name} is already running`);
    child = launch();
    const deadlineMs = Date.now() + options.readyTimeoutMs;
    while (isRunning() && Date.now() < deadlineMs) {
      if (await options.isReady().catch(() => false)) return;
      await sleep(50);
    }
    const reason = isRunning()
      ? `is not ready after ${options.readyTimeoutMs} ms`
      : "ended while it was starting";
    await end("SIGKILL");
    throw new Error(`${name} ${reason}; the end of its log:\n${await tail(logFile)}`);
  };

  const end = async (signal: NodeJS.Signals) => {
    const running = child;
    if (!running) return;
    running.kill(signal);
    const overdue = new AbortController();
    const finished = ended.then(() => overdue.abort());
    await sleep(10_000, undefined, { signal: overdue.signal }).catch(() => undefined);
    if (!overdue.signal.aborted) running.kill("SIGKILL");
    await finished;
  };

  return {
    start,
    end,
    get pid() {
      return child?.pid;
    },
  };
}

async function tail(path: string, bytes = 4_096): Promise<string> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(bytes),
      position: Math.max(0, size - bytes),
    });
    return buffer.subarray(0, bytesRead).toString("utf8");
  } finally {
    await file.close();
  }
}
