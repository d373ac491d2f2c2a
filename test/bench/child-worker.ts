import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/*
 * Calls to a child process over IPC. A worker ends with its parent, whatever becomes of that, so a run that is
 * interrupted leaves nothing behind.
 */

type Handler = (payload: never) => unknown;
/** What a worker can be asked: names and functions of one payload. */
export type Calls = Record<string, Handler>;

type Payload<C extends Calls, Name extends keyof C> = Parameters<C[Name]>[0];
type Answer<C extends Calls, Name extends keyof C> = Awaited<ReturnType<C[Name]>>;

export interface WorkerHandle<C extends Calls> {
  readonly pid: number;
  /** Rejects with the worker's error, or when the worker ends first. */
  call<Name extends keyof C & string>(name: Name, payload: Payload<C, Name>): Promise<Answer<C, Name>>;
  /** Ends it at once, as a power cut does. */
  kill(): Promise<void>;
  /** Lets it exit, which is when a profile is written; killed where it doesn't. */
  end(): Promise<void>;
  readonly exited: Promise<void>;
}

interface Asked {
  id: number;
  name: string;
  payload: unknown;
}
type Answered = { id: number } & ({ value: unknown } | { error: string });

/** Bundled where scripts/bench.mjs says so, because what is measured should run as it is shipped; else by tsx. */
function locate(name: string): { path: string; execArgv: string[] } {
  const folder = process.env["RCIOTS_BENCH_WORKERS"];
  if (folder !== undefined) return { path: join(folder, `${name}.js`), execArgv: [] };
  return { path: fileURLToPath(new URL(`./${name}.ts`, import.meta.url)), execArgv: ["--import", "tsx"] };
}

/** RCIOTS_BENCH_PROFILE names a folder for CPU profiles of the workers that end in order. */
function profilerArgs(): string[] {
  const folder = process.env["RCIOTS_BENCH_PROFILE"];
  return folder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${folder}`];
}

/** Starts `name` of this folder in a process of its own; `C` is the type of what it serves. */
export function startWorker<C extends Calls>(
  name: string,
  options: {
    nodeArgs?: string[];
    /** A command that runs the worker, such as one that enters a network namespace. */
    within?: readonly string[];
  } = {},
): WorkerHandle<C> {
  const { path, execArgv } = locate(name);
  const [command = process.execPath, ...commandArgs] = [...(options.within ?? []), process.execPath];
  const child: ChildProcess = fork(path, [], {
    execPath: command,
    execArgv: [...commandArgs, ...execArgv, ...profilerArgs(), ...(options.nodeArgs ?? [])],
    serialization: "advanced",
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let lastId = 0;
  let hasExited = false;
  child.on("message", (answer: Answered) => {
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ("error" in answer) asked?.reject(new Error(`${name}: ${answer.error}`));
    else asked?.resolve(answer.value);
  });
  const exited = new Promise<void>((resolve) => {
    child.once("exit", (code, signal) => {
      hasExited = true;
      for (const { reject } of waiting.values())
        reject(new Error(`${name} ended (${signal ?? `code ${code ?? 0}`}).`));
      waiting.clear();
      resolve();
    });
  });
  return {
    pid: child.pid ?? 0,
    call: (callName, payload) =>
      new Promise((resolve, reject) => {
        if (hasExited) return reject(new Error(`${name} has ended.`));
        lastId += 1;
        waiting.set(lastId, { resolve: resolve as (value: unknown) => void, reject });
        child.send({ id: lastId, name: callName, payload } satisfies Asked);
      }),
    async kill() {
      if (!hasExited) child.kill("SIGKILL");
      await exited;
    },
    async end() {
      if (!hasExited && child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await exited;
      clearTimeout(timer);
    },
    exited,
  };
}

/** In the child: answers the parent's calls until the parent is gone. */
export function serveCalls(calls: Calls): void {
  // Ctrl+C reaches the whole process group; the parent decides in which order things end.
  process.on("SIGINT", () => undefined);
  process.on("disconnect", () => process.exit(0));
  process.on("message", ({ id, name, payload }: Asked) => {
    void answer(calls, name, payload).then((answered) => process.send?.({ id, ...answered }));
  });
}

async function answer(calls: Calls, name: string, payload: unknown): Promise<object> {
  try {
    const handler = calls[name] as ((payload: unknown) => unknown) | undefined;
    if (handler === undefined) throw new Error(`there is no call ${name}`);
    return { value: await handler(payload) };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
