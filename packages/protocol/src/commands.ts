import { z } from "zod";
import { idField, messageField } from "./fields.ts";
import { limits } from "./limits.ts";

const bytesOf = (text: string): number => new TextEncoder().encode(text).byteLength;

/** Text that goes to a program as it is: lines and tabs, no other control characters, bounded in UTF-8. */
const programText = (maxBytes: number) =>
  z
    .string()
    .max(maxBytes)
    .regex(/^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$/, "must not hold control characters")
    .refine((text) => bytesOf(text) <= maxBytes, `must have at most ${maxBytes} bytes`);

const dnsName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "must be a name as Kubernetes has them");

/** Interpreters that a script may ask for by name; another one is given by its absolute path. */
export const interpreters = ["sh", "bash", "python3", "perl", "ruby", "node", "pwsh"] as const;

const totalBytes = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + bytesOf(text), 0);

const argumentsField = z
  .array(programText(limits.commandArgumentBytes))
  .max(limits.commandArguments)
  .refine(
    (texts) => totalBytes(texts) <= limits.commandScriptBytes,
    `must have at most ${limits.commandScriptBytes} bytes together`,
  );

export const commandProgram = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("script"),
    interpreter: z.union([
      z.enum(interpreters),
      z
        .string()
        .max(256)
        .regex(/^\/[^\s\u0000-\u001f\u007f]+$/, "must be a known name or an absolute path"),
    ]),
    text: programText(limits.commandScriptBytes).min(1),
    arguments: argumentsField,
  }),
  z.strictObject({
    kind: z.literal("argv"),
    argv: argumentsField.refine((argv) => (argv[0] ?? "") !== "", "must name a program"),
  }),
]);
export type CommandProgram = z.output<typeof commandProgram>;

/** On the device itself, or in a container of its cluster: of a Pod by its name, or of the first that labels select. */
export const commandPlace = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("host") }),
  z
    .strictObject({
      kind: z.literal("pod"),
      namespace: dnsName,
      pod: dnsName.optional(),
      labelSelector: z.string().min(1).max(1_024).optional(),
      container: dnsName.optional(),
    })
    .refine(
      ({ pod, labelSelector }) => (pod === undefined) !== (labelSelector === undefined),
      "give the name of a Pod or a label selector",
    ),
]);
export type CommandPlace = z.output<typeof commandPlace>;

export const commandEnvironment = z
  .record(
    z
      .string()
      .max(128)
      // Some names mean something of their own on an object.
      .regex(
        /^(?!(?:__proto__|constructor|prototype)$)[A-Za-z_][A-Za-z0-9_]*$/,
        "must be letters, digits and '_', not begin with a digit, and be no name of JavaScript's own",
      ),
    programText(limits.commandVariableBytes),
  )
  .refine(
    (variables) => Object.keys(variables).length <= limits.commandVariables,
    `must have at most ${limits.commandVariables} variables`,
  )
  .refine(
    (variables) => totalBytes(Object.values(variables)) <= limits.commandScriptBytes,
    `must have at most ${limits.commandScriptBytes} bytes together`,
  );

/** What runs, wherever it runs. */
export const commandSpec = {
  place: commandPlace,
  program: commandProgram,
  /** Absolute; absent: the home of the agent's user, or what the container has. */
  workingDirectory: z
    .string()
    .max(4_096)
    .regex(/^\/[^\u0000-\u001f\u007f]*$/, "must be an absolute path")
    .optional(),
  environment: commandEnvironment,
  /** Standard input; absent: none. */
  input: programText(limits.commandInputBytes).optional(),
  /** Then the processes are asked to end ... */
  timeoutMs: z.number().int().min(1_000).max(limits.commandTimeoutMs),
  /** ... and after so long again they are killed. */
  graceMs: z.number().int().min(0).max(60_000),
};

/** `failed`: it could not be run. `lost`: it ran, and how it ended is not known. */
export const commandOutcomes = ["exited", "signaled", "timed_out", "canceled", "failed", "lost"] as const;
export type CommandOutcome = (typeof commandOutcomes)[number];

const offsetField = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const commandId = idField("cex");
const nothing = z.strictObject({});

/** Calls of the device about commands; each is acknowledged once it is stored. */
export const commandReports = {
  /** What a command wrote, in the order in which it came. */
  "command:output": {
    request: z.strictObject({
      id: commandId,
      /** Bytes of UTF-8 that both streams wrote before; what a message skips was left out for good. */
      offset: offsetField,
      pieces: z
        .array(
          z.strictObject({
            stream: z.enum(["stdout", "stderr"]),
            text: z.string().min(1).max(limits.commandPieceBytes),
          }),
        )
        .min(1)
        .max(256)
        .refine(
          (pieces) => totalBytes(pieces.map(({ text }) => text)) <= limits.commandMessageBytes,
          `must have at most ${limits.commandMessageBytes} bytes`,
        ),
    }),
    response: nothing,
  },
  /** The last word on a command, after all its output. */
  "command:end": {
    request: z.strictObject({
      id: commandId,
      outcome: z.enum(commandOutcomes),
      exitCode: z.number().int().min(-2_147_483_648).max(4_294_967_295).optional(),
      signal: z.string().max(16).optional(),
      message: messageField.optional(),
      /** Of all output, what was left out included. */
      outputBytes: offsetField,
      startedAt: z.iso.datetime().optional(),
      finishedAt: z.iso.datetime(),
    }),
    response: nothing,
  },
} as const;

/** Calls of the platform about commands. */
export const commandCalls = {
  /** Runs a command once: an id that the device knows is not run again, whatever became of it. */
  "command:start": {
    capability: "commands",
    request: z.strictObject({ id: commandId, ...commandSpec }),
    response: z.object({ isNew: z.boolean() }),
  },
  /** Ends a command, and keeps one of this id that was not started from being started. */
  "command:cancel": {
    capability: "commands",
    request: z.strictObject({ id: commandId, reason: messageField }),
    response: z.object({ isRunning: z.boolean() }),
  },
} as const;
