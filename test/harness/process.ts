import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";

export interface TestProcess {
  readonly child: ChildProcess;
  /** Everything it printed so far, both streams. */
  output(): string;
  /** Resolves once the output has this; rejects with the output where the process ends before or time runs out. */
  waitFor(text: string | RegExp, timeoutMs?: number): Promise<void>;
  kill(signal?: NodeJS.Signals): Promise<number | null>;
  /** Resolves with the exit code. */
  exited: Promise<number | null>;
}

/** Starts a program of ours; the environment is what is given, and PATH. */
export function startProcess(
  command: string,
  args: string[],
  env: Record<string, string>,
  cwd?: string,
): TestProcess {
  const child = spawn(command, args, {
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "/", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
  });
  let output = "";
  const listeners = new Set<() => void>();
  const collect = (chunk: Buffer): void => {
    output += chunk.toString("utf8");
    for (const listener of listeners) listener();
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const exited = once(child, "close").then(([code]) => {
    for (const listener of listeners) listener();
    return code as number | null;
  });

  function waitFor(text: string | RegExp, timeoutMs = 60_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error): void => {
        clearTimeout(timer);
        listeners.delete(look);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = (): void => {
        if (typeof text === "string" ? output.includes(text) : text.test(output)) finish();
        else if (child.exitCode !== null || child.signalCode !== null)
          finish(new Error(`It ended before it printed ${String(text)}:\n${output}`));
      };
      const timer = setTimeout(
        () => finish(new Error(`No ${String(text)} in ${timeoutMs} ms:\n${output}`)),
        timeoutMs,
      );
      listeners.add(look);
      look();
    });
  }

  return {
    child,
    output: () => output,
    waitFor,
    exited,
    async kill(signal = "SIGKILL") {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return exited;
    },
  };
}
