import { faultError } from "@rciots/protocol";
import { errorMessage } from "@rciots/runtime";
import type { PodExec } from "../kube/pod-exec.ts";

/** Something that runs with a terminal. */
export interface TerminalProcess {
  write(bytes: Buffer): void;
  resize(size: TerminalSize): void;
  /** Its output waits, and so does it. */
  pause(): void;
  resume(): void;
  kill(): void;
  onOutput(listener: (bytes: Buffer) => void): void;
  /** Once, after all output; undefined where the code is not known. */
  onExit(listener: (code: number | undefined) => void): void;
}

export interface TerminalSize {
  columns: number;
  rows: number;
}

export type OpenTerminal = (size: TerminalSize) => Promise<TerminalProcess>;

interface Pty {
  write(data: Buffer | string): void;
  resize(columns: number, rows: number): void;
  pause(): void;
  resume(): void;
  kill(signal?: string): void;
  onData(listener: (data: Buffer | string) => void): unknown;
  onExit(listener: (exit: { exitCode: number }) => void): unknown;
}

interface PtyModule {
  spawn(file: string, args: string[], options: object): Pty;
}

export interface HostShell {
  /** Program and arguments. */
  shell: readonly [string, ...string[]];
  /** Nothing of the agent's own: there are secrets in it. */
  env: Readonly<Record<string, string>>;
  homeDir: string;
}

/** Loads what opens terminals on this machine. Rejects where its binary is not there for this platform. */
async function loadPty(): Promise<PtyModule> {
  // Optional, and so not part of the bundle.
  const loaded = (await import("@lydell/node-pty")) as unknown as PtyModule & { default?: PtyModule };
  return loaded.default ?? loaded;
}

const noPty =
  "The device can't open terminals: @lydell/node-pty is not installed there, or has no binary for its platform.";

/** A shell of this machine, as the user that the agent runs as. */
export function openHostTerminal({ shell, env, homeDir }: HostShell): OpenTerminal {
  return async ({ columns, rows }) => {
    const [program, ...args] = shell;
    const pty = await loadPty().catch(() => {
      throw faultError({ code: "target_unreachable", message: noPty });
    });
    try {
      const options = { name: "xterm-256color", cols: columns, rows, cwd: homeDir, encoding: null };
      return hostProcess(
        pty.spawn(program, args, { ...options, env: { LANG: "C.UTF-8", ...env, COLORTERM: "truecolor" } }),
      );
    } catch (error) {
      const message = `The device can't start ${program}: ${errorMessage(error)}`;
      throw faultError({ code: "target_unreachable", message });
    }
  };
}

function hostProcess(pty: Pty): TerminalProcess {
  let isOver = false;
  pty.onExit(() => (isOver = true));
  const whileAlive = (run: () => void): void => {
    if (isOver) return;
    try {
      run();
    } catch {
      // It ended in this very moment.
      isOver = true;
    }
  };
  return {
    write: (bytes) => whileAlive(() => pty.write(bytes)),
    resize: ({ columns, rows }) => whileAlive(() => pty.resize(columns, rows)),
    pause: () => whileAlive(() => pty.pause()),
    resume: () => whileAlive(() => pty.resume()),
    kill: () => whileAlive(() => pty.kill("SIGHUP")),
    onOutput: (listener) => void pty.onData((data) => listener(Buffer.from(data as Buffer))),
    onExit: (listener) => void pty.onExit(({ exitCode }) => listener(exitCode)),
  };
}

/** The best shell that a container has. */
const containerShell = [
  "/bin/sh",
  "-c",
  "TERM=xterm-256color; export TERM; [ -x /bin/bash ] && exec /bin/bash; exec /bin/sh",
];
/** Ctrl-C and Ctrl-D: a container's runtime leaves a process alone whose terminal is gone. */
const leave = Buffer.from([0x03, 0x04]);
const leaveMs = 1_000;

export function openPodTerminal(
  exec: PodExec,
  where: { namespace: string; pod: string; container?: string | undefined },
): OpenTerminal {
  return async (size) => {
    try {
      const running = await exec({ ...where, command: containerShell, stdin: true, tty: true });
      running.resize(size);
      return {
        write: (bytes) => void running.stdin.write(bytes),
        resize: (given) => running.resize(given),
        pause: () => void running.stdout.pause(),
        resume: () => void running.stdout.resume(),
        kill() {
          running.stdin.write(leave);
          setTimeout(() => running.close(), leaveMs).unref();
        },
        onOutput: (listener) => void running.stdout.on("data", listener),
        onExit: (listener) =>
          void running.stdout.once("end", () => {
            running.exit.then(listener, () => listener(undefined));
          }),
      };
    } catch (error) {
      throw faultError({ code: "target_unreachable", message: errorMessage(error) });
    }
  };
}
