import type { CommandExecution, CommandOutput, CommandRun, ExecutionState, Models } from "../models.ts";

/** Which runs; all that is given must hold. */
export interface RunFilter {
  state?: CommandRun["state"];
  /** A regular expression that the caller has escaped. */
  titleMatches?: string;
  createdBy?: string;
}

export interface ExecutionFilter {
  runId?: string;
  deviceId?: string;
  states?: readonly ExecutionState[];
  /** A regular expression that the caller has escaped. */
  nameMatches?: string;
}

export type RunChange = Partial<Pick<CommandRun, "state" | "stopped" | "counts" | "finishedAt">>;

export type ExecutionChange = Partial<
  Pick<
    CommandExecution,
    | "state"
    | "message"
    | "exitCode"
    | "attemptedAt"
    | "nextAt"
    | "deadlineAt"
    | "cancelAt"
    | "startedAt"
    | "finishedAt"
  >
>;

interface PageOf {
  after?: string;
  limit: number;
}

/** Documents of one insert: some hundred KB. */
const insertSize = 500;

/** Commands that were run on devices, and how each is going. */
export function createCommandRunRepository({ commandRuns, commandExecutions, commandOutputs }: Models) {
  return {
    async insert(run: CommandRun): Promise<void> {
      await commandRuns.create(run);
    },

    /** The documents are complete and typed: they go through the driver, as there may be thousands. */
    async addExecutions(executions: readonly CommandExecution[]): Promise<void> {
      for (let at = 0; at < executions.length; at += insertSize) {
        const some = executions.slice(at, at + insertSize);
        await commandExecutions.collection.insertMany(some as never[], { ordered: false });
      }
    },

    async find(organizationId: string, runId: string): Promise<CommandRun | null> {
      return commandRuns.findOne({ _id: runId, organizationId }).lean<CommandRun>();
    },

    /** The newest first. */
    async list(
      organizationId: string,
      { state, titleMatches, createdBy }: RunFilter,
      { after, limit }: PageOf,
    ): Promise<CommandRun[]> {
      return commandRuns
        .find({
          organizationId,
          ...(state === undefined ? {} : { state }),
          ...(titleMatches === undefined ? {} : { title: { $regex: titleMatches } }),
          ...(createdBy === undefined ? {} : { "createdBy.id": createdBy }),
          ...(after === undefined ? {} : { _id: { $lt: after } }),
        })
        .sort({ _id: -1 })
        .limit(limit)
        .lean<CommandRun[]>();
    },

    /** Runs of an organisation that have not finished. */
    async countUnfinished(organizationId: string): Promise<number> {
      return commandRuns.countDocuments({ organizationId, state: { $ne: "finished" } });
    },

    /** Runs that have not finished, across all organisations, the oldest first. */
    async unfinished(limit: number): Promise<CommandRun[]> {
      return commandRuns
        .find({ state: { $in: ["preparing", "running"] } })
        .sort({ _id: 1 })
        .limit(limit)
        .lean<CommandRun[]>();
    },

    /** Null where it is not in one of these states. */
    async update(
      runId: string,
      states: readonly CommandRun["state"][],
      change: RunChange,
    ): Promise<CommandRun | null> {
      return commandRuns
        .findOneAndUpdate(
          { _id: runId, state: { $in: [...states] } },
          { $set: change },
          { returnDocument: "after" },
        )
        .lean<CommandRun>();
    },

    /** Stops a run that was not stopped before; null where it was, or has finished. */
    async stop(runId: string, stopped: NonNullable<CommandRun["stopped"]>): Promise<CommandRun | null> {
      return commandRuns
        .findOneAndUpdate(
          { _id: runId, state: { $in: ["preparing", "running"] }, stopped: null },
          { $set: { stopped } },
          { returnDocument: "after" },
        )
        .lean<CommandRun>();
    },

    /** Executions by state, of each of these runs. */
    async countStates(
      runIds: readonly string[],
    ): Promise<Map<string, Partial<Record<ExecutionState, number>>>> {
      const counts = new Map<string, Partial<Record<ExecutionState, number>>>(runIds.map((id) => [id, {}]));
      if (runIds.length === 0) return counts;
      const groups = await commandExecutions.aggregate<{
        _id: { runId: string; state: ExecutionState };
        count: number;
      }>([
        { $match: { runId: { $in: [...runIds] } } },
        { $group: { _id: { runId: "$runId", state: "$state" }, count: { $sum: 1 } } },
      ]);
      for (const { _id, count } of groups) {
        const of = counts.get(_id.runId);
        if (of !== undefined) of[_id.state] = count;
      }
      return counts;
    },

    async findExecution(organizationId: string, executionId: string): Promise<CommandExecution | null> {
      return commandExecutions.findOne({ _id: executionId, organizationId }).lean<CommandExecution>();
    },

    /** Of a run in the order in which they begin; of a device the newest first. */
    async listExecutions(
      organizationId: string,
      { runId, deviceId, states, nameMatches }: ExecutionFilter,
      { after, limit }: PageOf,
    ): Promise<CommandExecution[]> {
      const isNewestFirst = runId === undefined;
      return commandExecutions
        .find({
          organizationId,
          ...(runId === undefined ? {} : { runId }),
          ...(deviceId === undefined ? {} : { deviceId }),
          ...(states === undefined ? {} : { state: { $in: [...states] } }),
          ...(nameMatches === undefined ? {} : { deviceName: { $regex: nameMatches } }),
          ...(after === undefined ? {} : { _id: isNewestFirst ? { $lt: after } : { $gt: after } }),
        })
        .sort({ _id: isNewestFirst ? -1 : 1 })
        .limit(limit)
        .lean<CommandExecution[]>();
    },

    /** Executions of a run in one of these states that are to be looked at by now, the first ones first. */
    async due(
      runId: string,
      states: readonly ExecutionState[],
      now: Date,
      limit: number,
    ): Promise<CommandExecution[]> {
      return commandExecutions
        .find({ runId, state: { $in: [...states] }, nextAt: { $lte: now } })
        .sort({ _id: 1 })
        .limit(limit)
        .lean<CommandExecution[]>();
    },

    /** Executions of a run that were to be heard of by now. */
    async overdue(runId: string, now: Date, limit: number): Promise<CommandExecution[]> {
      return commandExecutions
        .find({ runId, state: { $in: ["starting", "running"] }, deadlineAt: { $ne: null, $lte: now } })
        .limit(limit)
        .lean<CommandExecution[]>();
    },

    /** Changes one, or all of a run, that are in one of these states. Returns how many those were. */
    async move(
      which: { runId: string; executionId?: string },
      states: readonly ExecutionState[],
      change: ExecutionChange,
    ): Promise<number> {
      const { runId, executionId } = which;
      const moved = await commandExecutions.updateMany(
        { runId, ...(executionId === undefined ? {} : { _id: executionId }), state: { $in: [...states] } },
        { $set: change },
      );
      return moved.matchedCount;
    },

    /** Notes that one, or all of a run, are to be ended on their devices. Returns of how many it was not noted yet. */
    async requestCancel(
      { runId, executionId }: { runId: string; executionId?: string },
      at: Date,
    ): Promise<number> {
      const one = executionId === undefined ? {} : { _id: executionId };
      const noted = await commandExecutions.updateMany(
        { runId, ...one, state: { $in: ["starting", "running"] }, cancelAt: null },
        { $set: { cancelAt: at, nextAt: at } },
      );
      return noted.matchedCount;
    },

    /** In order, from the first that begins at `from` or later. */
    async readOutput(
      organizationId: string,
      executionId: string,
      { from, limit }: { from: number; limit: number },
    ): Promise<CommandOutput[]> {
      return commandOutputs
        .find({ organizationId, executionId, offset: { $gte: from } })
        .sort({ offset: 1 })
        .limit(limit)
        .lean<CommandOutput[]>();
    },
  };
}
