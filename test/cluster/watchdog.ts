import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Watchdog {
  add(pid: number): void;
  remove(pid: number): void;
  /** Lets it go; what is still listed is killed. */
  stop(): Promise<void>;
}

/**
 * A small shell process that kills the control plane, and removes `folder` when one is given, once this
 * process is gone in whatever way. It is in a process group of its own: Ctrl-C does not reach it first.
 */
export function startWatchdog(folder?: string): Watchdog {
  const script = fileURLToPath(new URL("./watchdog.sh", import.meta.url));
  const child = spawn("/bin/sh", [script, folder ?? ""], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  child.unref();
  (child.stdin as unknown as { unref?: () => void }).unref?.();
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    add: (pid) => void child.stdin.write(`+${pid}\n`),
    remove: (pid) => void child.stdin.write(`-${pid}\n`),
    stop: async () => {
      child.ref();
      child.stdin.end();
      await ended;
    },
  };
}
