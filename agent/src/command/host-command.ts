import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { errorMessage } from "@rciots/runtime";
import type { CommandRequest } from "./command-rules.ts";
import { familyVariable, signalFamily } from "./process-family.ts";
import type { CommandExit, LaunchCommand, RunningCommand } from "./running-command.ts";

export interface HostCommandOptions {
  /** For scripts while they run; private to the agent's user. */
  folder: string;
  /** All that a command inherits, such as PATH and HOME: the agent's own environment holds secrets. */
  environment: Readonly<Record<string, string>>;
}

/** What a process leaves behind may hold its output open; after so long without a word it is let go. */
const lingerMs = 2_000;

const failed = (message: string): CommandExit => ({ outcome: "failed", message });

/** A command that never began. */
function neverBegan(exit: CommandExit): RunningCommand {
  const nothing = (): void => undefined;
  return {
    ended: Promise.resolve(exit),
    signal: async () => undefined,
    abandon: nothing,
    pause: nothing,
    resume: nothing,
  };
}

/** Runs commands as processes of this device, each in a session of its own. No shell but the asked one comes between. */
export function createHostCommands({ folder, environment }: HostCommandOptions): LaunchCommand {
  async function wordsOf({ id, program }: CommandRequest): Promise<string[]> {
    if (program.kind === "argv") return program.argv;
    const own = join(folder, id);
    await mkdir(own, { recursive: true, mode: 0o700 });
    const isPowerShell = program.interpreter.endsWith("pwsh");
    const file = join(own, isPowerShell ? "script.ps1" : "script");
    await writeFile(file, program.text, { mode: 0o700 });
    const flags = isPowerShell ? ["-NoLogo", "-NonInteractive", "-File"] : [];
    return [program.interpreter, ...flags, file, ...program.arguments];
  }

  return async (request, onOutput) => {
    const { id, workingDirectory = environment["HOME"] ?? "/" } = request;
    const clean = (): Promise<void> => rm(join(folder, id), { recursive: true, force: true });
    try {
      const found = await stat(workingDirectory).catch(() => undefined);
      if (found?.isDirectory() !== true) return neverBegan(failed(`There is no folder ${workingDirectory}.`));
      const [program = "", ...args] = await wordsOf(request);
      const child = spawn(program, args, {
        cwd: workingDirectory,
        env: { ...environment, ...request.environment, [familyVariable]: id },
        // A session, and so a process group, of its own: all of it can be ended together.
        detached: true,
        shell: false,
        stdio: [request.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      });
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(request.input);
      return runningOf(child, id, program, onOutput, clean);
    } catch (error) {
      await clean();
      return neverBegan(failed(`It could not be started: ${errorMessage(error)}`));
    }
  };
}

function runningOf(
  child: ChildProcess,
  id: string,
  program: string,
  onOutput: Parameters<LaunchCommand>[1],
  clean: () => Promise<void>,
): RunningCommand {
  const { stdout, stderr } = child as ChildProcess & { stdout: Readable; stderr: Readable };
  let isPaused = false;
  let saidAt = performance.now();
  for (const [name, stream] of [
    ["stdout", stdout],
    ["stderr", stderr],
  ] as const) {
    stream.on("data", (data: Buffer) => {
      saidAt = performance.now();
      onOutput(name, data);
    });
    stream.on("error", () => undefined);
  }
  const letGo = (): void => {
    stdout.destroy();
    stderr.destroy();
  };

  let abandon: (exit: CommandExit) => void = () => undefined;
  const ended = new Promise<CommandExit>((resolve) => {
    let exit: CommandExit | undefined;
    abandon = resolve;
    child.once("error", (error: NodeJS.ErrnoException) => {
      const message =
        error.code === "ENOENT" ? `There is no ${program} on this device.` : errorMessage(error);
      if (child.pid === undefined) resolve(failed(message));
    });
    child.once("exit", (code, signal) => {
      exit = signal === null ? { outcome: "exited", exitCode: code ?? 0 } : { outcome: "signaled", signal };
      // Time counts while the output is read: a process that ended may have left much of it in the pipe.
      const linger = (): void => {
        if (!isPaused && performance.now() - saidAt > lingerMs) letGo();
        else setTimeout(linger, lingerMs / 4).unref();
      };
      saidAt = performance.now();
      linger();
    });
    child.once("close", () => resolve(exit ?? { outcome: "lost" }));
  }).finally(clean);

  return {
    ended,
    signal: (name) => signalFamily(id, child.pid, name),
    abandon() {
      letGo();
      abandon({ outcome: "lost", message: "It could not be killed." });
    },
    pause() {
      isPaused = true;
      stdout.pause();
      stderr.pause();
    },
    resume() {
      isPaused = false;
      saidAt = performance.now();
      stdout.resume();
      stderr.resume();
    },
  };
}
