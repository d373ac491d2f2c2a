import { text } from "node:stream/consumers";
import { errorMessage, withTimeout, type Logger } from "@rciots/runtime";
import type { Cluster, KubeObject } from "../kube/cluster.ts";
import { isUnknownEnd, type PodProcess } from "../kube/pod-exec.ts";
import type { CommandRequest } from "./command-rules.ts";
import type { CommandExit, LaunchCommand, OutputStream, RunningCommand } from "./running-command.ts";

export interface PodCommandOptions {
  /** Undefined where the device has no cluster. */
  cluster: () => Cluster | undefined;
  logger: Logger;
}

interface PodTarget {
  namespace: string;
  pod: string;
  container: string | undefined;
}

/** How an interpreter takes a script as an argument; nothing has to be written in the container. */
const scriptFlags: Record<string, string> = {
  sh: "-c",
  bash: "-c",
  python3: "-c",
  perl: "-e",
  ruby: "-e",
  node: "-e",
  pwsh: "-Command",
};
/** Shells take what follows the script for the name of the script, not for its first argument. */
const namesScript = ["sh", "bash"];
const pidMark = "rciots-pid ";
const signalTimeoutMs = 10_000;
const missingProgram = [126, 127];

/**
 * What runs first in the container: says which process it is, reads variables and the script from standard input by
 * their sizes, and becomes the command. It is always this text; what a caller gave is never part of it. So it
 * is neither in the cluster's audit log nor read by a shell that was not asked for.
 * Arguments: folder, bytes of the script, number of variables, name and bytes of each, the command.
 */
const prologue = `
printf '${pidMark}%s\\n' "$$" >&2
d=$1 s=$2 n=$3
shift 3
take() { dd bs=1 count="$1" 2>/dev/null; printf x; }
while [ "$n" -gt 0 ]; do
  v=$(take "$2")
  export "$1=\${v%x}"
  shift 2
  n=$((n - 1))
done
if [ -n "$d" ]; then cd "$d" || exit 126; fi
if [ "$s" -gt 0 ]; then
  t=$(take "$s")
  p=$1 f=$2
  shift 2
  exec "$p" "$f" "\${t%x}" "$@"
fi
exec "$@"
`;
const signalScript = `kill -s "$1" -- "-$2" 2>/dev/null || kill -s "$1" "$2"`;

const sizeOf = (value: string): string => String(Buffer.byteLength(value));

function commandOf({ program, environment, workingDirectory = "" }: CommandRequest): string[] {
  const variables = Object.entries(environment);
  const head = ["sh", "-c", prologue, "rciots", workingDirectory];
  const sizes = variables.flatMap(([name, value]) => [name, sizeOf(value)]);
  if (program.kind === "argv") return [...head, "0", String(variables.length), ...sizes, ...program.argv];
  const { interpreter } = program;
  const name = namesScript.includes(interpreter) ? [interpreter] : [];
  const words = [interpreter, scriptFlags[interpreter] ?? "-c", ...name, ...program.arguments];
  return [...head, sizeOf(program.text), String(variables.length), ...sizes, ...words];
}

/** In the order in which the prologue reads it. */
function inputOf({ program, environment, input = "" }: CommandRequest): string {
  return [...Object.values(environment), program.kind === "script" ? program.text : "", input].join("");
}

const isReady = (pod: KubeObject): boolean => {
  const { phase } = (pod["status"] ?? {}) as { phase?: string };
  return phase === "Running" && pod.metadata["deletionTimestamp"] === undefined;
};

async function targetOf(cluster: Cluster, place: CommandRequest["place"]): Promise<PodTarget | undefined> {
  if (place.kind !== "pod") return undefined;
  const { namespace, pod, labelSelector, container } = place;
  if (pod !== undefined) return { namespace, pod, container };
  const query = { apiVersion: "v1", kind: "Pod", namespace, limit: 500 };
  const { items } = await cluster.list({
    ...query,
    ...(labelSelector === undefined ? {} : { labelSelector }),
  });
  const [first] = items.filter(isReady).sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
  return first && { namespace, pod: first.metadata.name, container };
}

/** Runs commands in containers of the device's cluster. */
export function createPodCommands({ cluster: find, logger }: PodCommandOptions): LaunchCommand {
  return async (request, onOutput) => {
    const { place, program } = request;
    const cluster = find();
    if (cluster === undefined) return ended({ outcome: "failed", message: "The device has no cluster." });
    if (program.kind === "script" && scriptFlags[program.interpreter] === undefined) {
      const message = `In a container the interpreter is one of ${Object.keys(scriptFlags).join(", ")}.`;
      return ended({ outcome: "failed", message });
    }
    try {
      const target = await targetOf(cluster, place);
      if (target === undefined)
        return ended({ outcome: "failed", message: "No running Pod has these labels." });
      const child = await cluster.exec({ ...target, command: commandOf(request), stdin: true });
      child.stdin.end(inputOf(request));
      return runningOf({ cluster, target, child, onOutput, logger });
    } catch (error) {
      return ended({ outcome: "failed", message: errorMessage(error) });
    }
  };
}

function ended(exit: CommandExit): RunningCommand {
  const nothing = (): void => undefined;
  return {
    ended: Promise.resolve(exit),
    signal: async () => undefined,
    abandon: nothing,
    pause: nothing,
    resume: nothing,
  };
}

/** Takes the line out of the output in which the prologue says which process it is. */
function createPidReader(onOutput: (data: Buffer) => void) {
  let head: Buffer | undefined = Buffer.alloc(0);
  let pid: string | undefined;
  return {
    take(data: Buffer): void {
      if (head === undefined) return onOutput(data);
      const all = Buffer.concat([head, data]);
      const end = all.indexOf(10);
      if (end === -1 && all.byteLength < 64) return void (head = all);
      head = undefined;
      pid = new RegExp(`^${pidMark}(\\d+)$`).exec(all.subarray(0, Math.max(0, end)).toString())?.[1];
      const rest = pid === undefined ? all : all.subarray(end + 1);
      if (rest.byteLength > 0) onOutput(rest);
    },
    /** Undefined until it was read, and where there is no shell. */
    pid: () => pid,
    flush(): void {
      if (head !== undefined && head.byteLength > 0) onOutput(head);
      head = undefined;
    },
  };
}

function runningOf({
  cluster,
  target,
  child,
  onOutput,
  logger,
}: {
  cluster: Cluster;
  target: PodTarget;
  child: PodProcess;
  onOutput: (stream: OutputStream, data: Buffer) => void;
  logger: Logger;
}): RunningCommand {
  const reader = createPidReader((data) => onOutput("stderr", data));
  child.stdout.on("data", (data: Buffer) => onOutput("stdout", data));
  child.stderr.on("data", (data: Buffer) => reader.take(data));
  const over = (stream: PodProcess["stdout"]): Promise<void> =>
    new Promise((resolve) => void stream.once("close", resolve));

  async function watch(): Promise<CommandExit> {
    const outputs = Promise.all([over(child.stdout), over(child.stderr)]);
    const exit = await child.exit.then(exitOf, failureOf);
    child.close();
    await outputs;
    reader.flush();
    return exit;
  }

  return {
    ended: watch(),
    async signal(name) {
      const pid = reader.pid();
      if (pid === undefined) return child.close();
      const command = ["sh", "-c", signalScript, "rciots", name.replace(/^SIG/, ""), pid];
      try {
        const killer = await cluster.exec({ ...target, command, stdin: false });
        killer.stdout.resume();
        const said = text(killer.stderr);
        await withTimeout(killer.exit, signalTimeoutMs, () => new Error("no answer"));
        await said;
      } catch (error) {
        logger.warn(
          { pod: target.pod, error: errorMessage(error) },
          "a command in a Pod could not be signalled",
        );
      }
    },
    abandon: () => child.close(),
    pause() {
      child.stdout.pause();
      child.stderr.pause();
    },
    resume() {
      child.stdout.resume();
      child.stderr.resume();
    },
  };
}

function exitOf(exitCode: number): CommandExit {
  const hint = missingProgram.includes(exitCode)
    ? { message: "The container has no such program or folder." }
    : {};
  return { outcome: "exited", exitCode, ...hint };
}

function failureOf(error: unknown): CommandExit {
  if (!isUnknownEnd(error)) return { outcome: "failed", message: errorMessage(error) };
  const message = "The connection to the container ended before the command did; it may still run there.";
  return { outcome: "lost", message };
}
