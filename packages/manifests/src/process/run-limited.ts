import { spawn, type ChildProcess } from "node:child_process";

export interface RunOptions {
  /** Absolute path; never looked up. */
  file: string;
  args: readonly string[];
  cwd: string;
  /** The whole environment of the child; nothing is inherited. */
  env: Readonly<Record<string, string>>;
  timeoutMs: number;
  /** More than this on stdout ends the child. */
  maxOutputBytes: number;
  signal?: AbortSignal | undefined;
}

export interface RunResult {
  /** Why it ended; `exit` is by itself. */
  end: "exit" | "timeout" | "too_much_output" | "aborted" | "not_started";
  exitCode: number | null;
  /** The signal that ended it, when it was not this function's. */
  killedBy: string | null;
  stdout: Buffer;
  /** The first 64 KiB. */
  stderr: string;
}

const maxErrorBytes = 64 * 1024;

/**
 * Runs a program in a process group of its own, without a shell, and resolves when it is gone. At
 * the timeout, on abort and on too much output the whole group gets SIGKILL. Never rejects.
 */
export function runLimited(options: RunOptions): Promise<RunResult> {
  return new Promise((resolve) => {
    const { file, args, cwd, env, signal } = options;
    if (signal?.aborted === true) return resolve(ended("aborted", ""));
    const child = spawn(file, args, {
      cwd,
      env: { ...env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const state = {
      end: "exit" as RunResult["end"],
      stdout: [] as Buffer[],
      stdoutBytes: 0,
      stderr: [] as Buffer[],
      stderrBytes: 0,
    };
    const stop = (reason: RunResult["end"]): void => {
      if (state.end !== "exit") return;
      state.end = reason;
      killGroup(child);
    };
    const timer = setTimeout(() => stop("timeout"), options.timeoutMs);
    const onAbort = (): void => stop("aborted");
    signal?.addEventListener("abort", onAbort, { once: true });
    const finish = (result: RunResult): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      // A program that ended by itself may have left children behind that hold no pipe.
      killGroup(child);
      resolve(result);
    };
    child.stdout.on("data", (chunk: Buffer) => {
      state.stdoutBytes += chunk.length;
      if (state.stdoutBytes > options.maxOutputBytes) stop("too_much_output");
      else state.stdout.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      state.stderrBytes += chunk.length;
      if (state.stderrBytes <= maxErrorBytes) state.stderr.push(chunk);
    });
    child.on("error", (error) => finish(ended("not_started", error.message)));
    child.on("close", (exitCode, killedBy) => {
      const stderr = Buffer.concat(state.stderr).toString();
      finish({ end: state.end, exitCode, killedBy, stdout: Buffer.concat(state.stdout), stderr });
    });
  });
}

function ended(end: RunResult["end"], stderr: string): RunResult {
  return { end, exitCode: null, killedBy: null, stdout: Buffer.alloc(0), stderr };
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group is gone already.
  }
}
