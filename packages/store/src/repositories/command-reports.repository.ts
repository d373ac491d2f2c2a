import type { CommandExecution, CommandOutput, ExecutionState, Models } from "../models.ts";

/** What a report of a device is checked against. */
export type ReportedExecution = Pick<
  CommandExecution,
  | "_id"
  | "organizationId"
  | "runId"
  | "title"
  | "createdBy"
  | "deviceId"
  | "deviceName"
  | "state"
  | "expiresAt"
>;

export type CommandOutputWrite = Omit<CommandOutput, "_id">;

export interface CommandEndWrite extends Pick<
  CommandExecution,
  "message" | "exitCode" | "signal" | "startedAt" | "outputBytes"
> {
  executionId: string;
  state: ExecutionState;
  finishedAt: Date;
}

const unordered = { ordered: false } as const;
const open: ExecutionState[] = ["pending", "starting", "running"];
const duplicateKey = 11_000;

/** Whether a bulk insert failed for nothing but documents that are there already. */
function isRepetition(error: unknown): boolean {
  if (!(error instanceof Error) || !("writeErrors" in error)) return false;
  const faults = [error.writeErrors].flat() as { code?: number }[];
  return faults.length > 0 && faults.every(({ code }) => code === duplicateKey);
}

/** What devices report of commands; for connectors, in batches. */
export function createCommandReportRepository({ commandExecutions, commandOutputs }: Models) {
  return {
    /** By their identifiers, whatever their organisation. */
    async findReported(executionIds: readonly string[]): Promise<Map<string, ReportedExecution>> {
      const fields = {
        organizationId: 1,
        runId: 1,
        title: 1,
        createdBy: 1,
        deviceId: 1,
        deviceName: 1,
        state: 1,
        expiresAt: 1,
      };
      const found = await commandExecutions
        .find({ _id: { $in: [...executionIds] } }, fields)
        .lean<ReportedExecution[]>();
      return new Map(found.map((execution) => [execution._id, execution]));
    },

    /**
     * Stores output, each piece of it once, and says of executions that wait for their start that they run.
     * Beyond `keptBytes` at the beginning only as much of the end is kept.
     */
    async saveOutput(writes: readonly CommandOutputWrite[], keptBytes: number): Promise<void> {
      if (writes.length === 0) return;
      const documents = writes.map((write) => ({ _id: `${write.executionId}:${write.offset}`, ...write }));
      await commandOutputs.collection.insertMany(documents as never[], unordered).catch((error: unknown) => {
        if (!isRepetition(error)) throw error;
      });
      const ends = new Map<string, number>();
      for (const { executionId, offset, bytes } of writes)
        ends.set(executionId, Math.max(ends.get(executionId) ?? 0, offset + bytes));
      await commandExecutions.collection.bulkWrite(
        [...ends].flatMap(([executionId, end]) => [
          { updateOne: { filter: { _id: executionId }, update: { $max: { outputBytes: end } } } },
          {
            updateOne: {
              filter: { _id: executionId, state: "starting" },
              update: { $set: { state: "running" } },
            },
          },
        ]) as never[],
        unordered,
      );
      for (const [executionId, end] of ends) {
        if (end <= 2 * keptBytes) continue;
        const between = { $gte: keptBytes, $lt: end - keptBytes };
        await commandOutputs.deleteMany({ executionId, offset: between });
      }
    },

    /** Ends executions that have not ended; of one that was given up for lost the device knows better. */
    async saveEnds(ends: readonly CommandEndWrite[]): Promise<void> {
      if (ends.length === 0) return;
      await commandExecutions.collection.bulkWrite(
        ends.map(({ executionId, outputBytes, ...set }) => ({
          updateOne: {
            filter: { _id: executionId, state: { $in: [...open, "lost"] } },
            update: { $set: { ...set, deadlineAt: null }, $max: { outputBytes } },
          },
        })) as never[],
        unordered,
      );
    },
  };
}
