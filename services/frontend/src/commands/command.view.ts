import { commandPlace, commandProgram } from "@rciots/protocol";
import type { CommandExecution, CommandOutput, CommandRun, ExecutionState, Script } from "@rciots/store";
import { z } from "zod";
import { isoOrNull } from "../http/fields.ts";
import { executionStates } from "./command-fields.ts";

const dateOrNull = z.iso.datetime().nullable();
const person = z.object({ id: z.string(), name: z.string() });

export const runSchema = z
  .object({
    id: z.string(),
    title: z.string(),
    scriptId: z.string().nullable().describe("The saved script it was made of, as that was then."),
    place: commandPlace,
    program: commandProgram,
    workingDirectory: z.string().nullable(),
    environmentNames: z.array(z.string()).describe("The values are not shown."),
    hasInput: z.boolean(),
    timeoutMs: z.number(),
    graceMs: z.number(),
    selector: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe("Which devices were asked for; null: they were named."),
    concurrency: z.number(),
    stopOnFailure: z.boolean(),
    waitUntil: dateOrNull.describe(
      "It waits for devices that are offline until then; null: it leaves them out.",
    ),
    state: z.enum(["running", "finished"]),
    stopped: z
      .object({
        reason: z.enum(["canceled", "failure", "interrupted"]),
        by: z.string().nullable(),
        at: z.iso.datetime(),
      })
      .nullable()
      .describe("Why it begins on no more devices."),
    deviceCount: z.number(),
    counts: z
      .partialRecord(z.enum(executionStates), z.number())
      .describe("Devices by the state of the command."),
    createdBy: person,
    createdAt: z.iso.datetime(),
    finishedAt: dateOrNull,
    expiresAt: z.iso.datetime().describe("It is forgotten then, with its output."),
  })
  .meta({ id: "CommandRun" });

export function viewRun(
  run: CommandRun,
  counts: Partial<Record<ExecutionState, number>>,
): z.input<typeof runSchema> {
  const { _id, organizationId: _organization, sealedInput: _sealed, target, stopped, ...rest } = run;
  return {
    id: _id,
    ...rest,
    selector: "selector" in target ? target.selector : null,
    state: run.state === "finished" ? "finished" : "running",
    stopped: stopped === null ? null : { ...stopped, at: stopped.at.toISOString() },
    waitUntil: isoOrNull(run.waitUntil),
    counts: run.counts ?? counts,
    createdAt: run.createdAt.toISOString(),
    finishedAt: isoOrNull(run.finishedAt),
    expiresAt: run.expiresAt.toISOString(),
  };
}

export const executionSchema = z
  .object({
    id: z.string(),
    runId: z.string(),
    title: z.string(),
    createdBy: person,
    deviceId: z.string(),
    deviceName: z.string().describe("As it was when it began."),
    state: z
      .enum(executionStates)
      .describe(
        "`starting`: the device was asked. `refused`: by the device's rules, its agent or a switch. `offline`: left " +
          "out. `expired`: it did not come back in time. `skipped`: another one failed. `lost`: it may have run.",
      ),
    message: z.string().nullable(),
    exitCode: z.number().nullable(),
    signal: z.string().nullable(),
    isCanceling: z.boolean().describe("It is to end, and has not yet."),
    startedAt: dateOrNull,
    finishedAt: dateOrNull,
    outputBytes: z.number().describe("What it wrote, what was left out included."),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: "CommandExecution" });

export const isOver = (state: ExecutionState): boolean => !["pending", "starting", "running"].includes(state);

export function viewExecution(execution: CommandExecution): z.input<typeof executionSchema> {
  const { _id, runId, title, createdBy, deviceId, deviceName, state, message, exitCode, signal } = execution;
  return {
    id: _id,
    runId,
    title,
    createdBy,
    deviceId,
    deviceName,
    state,
    message,
    exitCode,
    signal,
    isCanceling: execution.cancelAt !== null && !isOver(state),
    startedAt: isoOrNull(execution.startedAt),
    finishedAt: isoOrNull(execution.finishedAt),
    outputBytes: execution.outputBytes,
    createdAt: execution.createdAt.toISOString(),
  };
}

export const outputSchema = z
  .object({
    execution: executionSchema,
    parts: z.array(
      z.object({
        offset: z.number().describe("Bytes that were written before it."),
        skippedBytes: z.number().describe("Bytes before it that were left out: there was more than is kept."),
        pieces: z.array(z.object({ stream: z.enum(["stdout", "stderr"]), text: z.string() })),
      }),
    ),
    nextOffset: z.number().describe("Pass it as `from` for what comes next."),
    hasMore: z.boolean().describe("There is more already."),
  })
  .meta({ id: "CommandOutput" });

/** What was stored from an offset on, with what is missing in between. */
export function viewOutput(
  execution: CommandExecution,
  chunks: readonly CommandOutput[],
  { from, hasMore }: { from: number; hasMore: boolean },
): z.input<typeof outputSchema> {
  let at = from;
  const parts = chunks.map(({ offset, bytes, pieces }) => {
    const skippedBytes = offset - at;
    at = offset + bytes;
    return { offset, skippedBytes, pieces };
  });
  return { execution: viewExecution(execution), parts, nextOffset: at, hasMore };
}

export const scriptSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    interpreter: z.string(),
    text: z.string(),
    parameters: z.array(
      z.object({ name: z.string(), description: z.string(), defaultValue: z.string().nullable() }),
    ),
    timeoutMs: z.number(),
    createdBy: z.string(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    version: z.number(),
  })
  .meta({ id: "Script" });

export function viewScript(script: Script): z.input<typeof scriptSchema> {
  const { _id, organizationId: _organization, createdAt, updatedAt, ...rest } = script;
  return { id: _id, ...rest, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}
