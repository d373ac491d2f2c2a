import { open } from "node:fs/promises";
import { limits, type CommandPlace, type CommandProgram } from "@rciots/protocol";
import { CommandError, type CommandContext } from "../command.ts";

export interface RunFlags {
  selectors: readonly string[];
  interpreter?: string | undefined;
  isShell: boolean;
  /** Name or id of a saved script. */
  script?: string | undefined;
  cwd?: string | undefined;
  /** `NAME=value`, or `NAME` for the value of the own environment. */
  env: readonly string[];
  timeout?: string | undefined;
  /** A file, or `-`. */
  stdin?: string | undefined;
  stopOnFailure: boolean;
  /** `namespace/name`. */
  pod?: string | undefined;
  container?: string | undefined;
  isJson: boolean;
  caFile?: string | undefined;
  caFingerprint?: string | undefined;
}

/** What the platform is asked for, but for the devices and a saved script. */
export interface RunRequest {
  program?: CommandProgram;
  arguments?: string[];
  place: CommandPlace;
  environment: Record<string, string>;
  workingDirectory?: string;
  timeoutMs?: number;
  input?: string;
  stopOnFailure: boolean;
}

const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `90s`, `5m`, `1h30m`, in milliseconds. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d{1,9})(ms|s|m|h)/g)];
  if (text === "" || parts.map(([whole]) => whole).join("") !== text)
    throw new CommandError(`${JSON.stringify(text)} is no time such as 30s, 5m or 1h30m.`);
  return parts.reduce((sum, [, count = "", unit = ""]) => sum + Number(count) * (unitMs[unit] ?? 0), 0);
}

/** Values that are only named come from the own environment: what a command line holds, everybody can see. */
export function parseVariables(given: readonly string[], env: CommandContext["env"]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf("=");
      if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
      const value = env[text];
      if (at === 0 || text === "" || value === undefined)
        throw new CommandError(`--env ${text}: there is no such variable here; give it as NAME=value.`);
      return [text, value];
    }),
  );
}

export function parsePlace({ pod, container }: Pick<RunFlags, "pod" | "container">): CommandPlace {
  if (pod === undefined) {
    if (container !== undefined) throw new CommandError("--container needs --pod NAMESPACE/NAME.");
    return { kind: "host" };
  }
  const [namespace = "", name = "", ...more] = pod.split("/");
  if (namespace === "" || name === "" || more.length > 0)
    throw new CommandError(`--pod is NAMESPACE/NAME, not ${JSON.stringify(pod)}.`);
  return { kind: "pod", namespace, pod: name, ...(container === undefined ? {} : { container }) };
}

/** Absent where a saved script runs, whose arguments the words are. */
export function parseProgram(
  words: readonly string[],
  { isShell, interpreter, script }: Pick<RunFlags, "isShell" | "interpreter" | "script">,
): CommandProgram | undefined {
  if ([isShell, interpreter !== undefined, script !== undefined].filter(Boolean).length > 1)
    throw new CommandError("--shell, --interpreter and --script exclude each other; give one.");
  if (script !== undefined) return undefined;
  const [first = "", ...others] = words;
  if (first === "") throw new CommandError("Say what to run after --, such as: rciots run till-7 -- uptime");
  const reader = isShell ? "sh" : interpreter;
  if (reader === undefined) return { kind: "argv", argv: [...words] };
  return { kind: "script", interpreter: reader, text: first, arguments: others };
}

async function readBytes(chunks: AsyncIterable<Buffer | string>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    const piece = Buffer.from(chunk);
    bytes += piece.length;
    if (bytes > limits.commandInputBytes)
      throw new CommandError(`Standard input may have at most ${limits.commandInputBytes} bytes.`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function readInput(from: string, stdin: CommandContext["stdin"]): Promise<string> {
  let bytes: Buffer;
  if (from === "-") bytes = await readBytes(stdin);
  else {
    try {
      bytes = await readBytes((await open(from)).createReadStream());
    } catch (error) {
      if (error instanceof CommandError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new CommandError(`--stdin: ${reason}.`);
    }
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CommandError("Standard input of a command is text in UTF-8; this is not.");
  }
}

/** Throws CommandErrors. */
export async function readRequest(
  words: readonly string[],
  flags: RunFlags,
  { env, stdin }: Pick<CommandContext, "env" | "stdin">,
): Promise<RunRequest> {
  const program = parseProgram(words, flags);
  const { cwd, timeout, stdin: from } = flags;
  return {
    ...(program === undefined ? { arguments: [...words] } : { program }),
    place: parsePlace(flags),
    environment: parseVariables(flags.env, env),
    ...(cwd === undefined ? {} : { workingDirectory: cwd }),
    ...(timeout === undefined ? {} : { timeoutMs: parseDuration(timeout) }),
    ...(from === undefined ? {} : { input: await readInput(from, stdin) }),
    stopOnFailure: flags.stopOnFailure,
  };
}
