import { commandProgram, commandSpec, idField, interpreters, limits } from "@rciots/protocol";
import { z } from "zod";
import { deviceSelectorField } from "../devices/device-query.ts";
import { descriptionField, titleField } from "../http/fields.ts";

export const executionStates = [
  "pending",
  "starting",
  "running",
  "succeeded",
  "failed",
  "timed_out",
  "canceled",
  "refused",
  "offline",
  "expired",
  "skipped",
  "lost",
] as const;

const maxDevices = 500;
const weekMs = 604_800_000;

const argumentsField = z
  .array(z.string().max(limits.commandArgumentBytes))
  .max(limits.commandArguments)
  .optional()
  .describe("For a saved script.");

export const runBody = z
  .strictObject({
    title: titleField
      .optional()
      .describe("For people; absent: the script's name, or how the command begins."),
    devices: z.array(idField("dev")).min(1).max(maxDevices).optional(),
    selector: deviceSelectorField
      .optional()
      .describe("Every active device that matches now, at most 10,000. An empty object: all of them."),
    scriptId: idField("scr").optional().describe("A saved script, in place of `program`."),
    arguments: argumentsField,
    program: commandProgram.optional(),
    place: commandSpec.place.default({ kind: "host" }).describe("On the device itself, or in a container."),
    workingDirectory: commandSpec.workingDirectory,
    environment: commandSpec.environment
      .default({})
      .describe("Variables for the command; their values are kept sealed and never shown."),
    input: commandSpec.input.describe("Standard input; kept sealed and never shown."),
    timeoutMs: commandSpec.timeoutMs
      .default(300_000)
      .describe("Then all processes of the command are asked to end."),
    graceMs: commandSpec.graceMs.default(5_000).describe("After so long again they are killed."),
    concurrency: z.number().int().min(1).max(500).default(50).describe("Devices it runs on at once."),
    stopOnFailure: z
      .boolean()
      .default(false)
      .describe("Begins on no more devices once it failed on one. Default: each device on its own."),
    waitForOfflineMs: z
      .number()
      .int()
      .min(1_000)
      .max(weekMs)
      .optional()
      .describe("Waits so long for devices that are offline. Absent: they are left out."),
  })
  .refine(
    (body) => (body.devices === undefined) !== (body.selector === undefined),
    "give devices or a selector",
  )
  .refine(
    (body) => (body.program === undefined) !== (body.scriptId === undefined),
    "give a program or a scriptId",
  )
  .refine(
    (body) => body.scriptId !== undefined || body.arguments === undefined,
    "arguments go into the program",
  );
export type RunWish = z.output<typeof runBody>;

export const scriptFields = {
  name: titleField,
  description: descriptionField,
  interpreter: z.union([
    z.enum(interpreters),
    z
      .string()
      .max(256)
      .regex(/^\/[^\s\u0000-\u001f\u007f]+$/, "must be a known name or an absolute path"),
  ]),
  text: z
    .string()
    .min(1)
    .max(limits.commandScriptBytes)
    .regex(/^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$/, "must not hold control characters")
    .refine(
      (text) => Buffer.byteLength(text) <= limits.commandScriptBytes,
      `must have at most ${limits.commandScriptBytes} bytes`,
    ),
  parameters: z
    .array(
      z.strictObject({
        name: z
          .string()
          .max(128)
          .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be letters, digits and '_', and not begin with a digit"),
        description: z.string().max(500).default(""),
        defaultValue: z
          .string()
          .max(limits.commandVariableBytes)
          .nullable()
          .default(null)
          .describe("Null: a value has to be given for each run."),
      }),
    )
    .max(32)
    .refine(
      (parameters) => new Set(parameters.map(({ name }) => name)).size === parameters.length,
      "must have different names",
    )
    .describe("Variables that the script reads from its environment."),
  timeoutMs: commandSpec.timeoutMs.describe("What a run of it is given unless it says otherwise."),
};
