import { limits, type CommandOutcome, type DeviceRequest } from "@rciots/protocol";
import { AppError, createBatcher, publishEvents, type Bus } from "@rciots/runtime";
import type { CommandEndWrite, ExecutionState, NewEvent, ReportedExecution, Store } from "@rciots/store";
import type { Session } from "./session.ts";

type Output = DeviceRequest<"command:output">;
type End = DeviceRequest<"command:end">;

/** What devices say of the commands they run. */
export interface CommandReports {
  /** Resolves once it is durable. @throws AppError `command_unknown` */
  output(session: Session, output: Output): Promise<void>;
  end(session: Session, end: End): Promise<void>;
  drain(): Promise<void>;
}

interface Item<Report> {
  session: Session;
  report: Report;
}

const batchSize = 64;
/** Some MB at most: each message has up to 64 KiB. */
const outputBatchSize = 32;
/** Of these a device may have more to say. */
const open: ExecutionState[] = ["pending", "starting", "running", "lost"];

const unknownCommand = (): AppError =>
  new AppError({ code: "command_unknown", status: 409, message: "There is no such command of this device." });

/** The execution that a report is about; undefined where it is not this device's, or is over. */
function executionOf(
  { session, report }: Item<{ id: string }>,
  found: Map<string, ReportedExecution>,
): ReportedExecution | undefined {
  const execution = found.get(report.id);
  if (execution === undefined) return undefined;
  const { deviceId, organizationId } = session.identity;
  const isTheirs = execution.deviceId === deviceId && execution.organizationId === organizationId;
  return isTheirs && open.includes(execution.state) ? execution : undefined;
}

const bytesOf = ({ pieces }: Output): number =>
  pieces.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);

function stateOf({ outcome, exitCode }: Pick<End, "outcome" | "exitCode">): ExecutionState {
  const states: Record<Exclude<CommandOutcome, "exited">, ExecutionState> = {
    signaled: "failed",
    failed: "failed",
    timed_out: "timed_out",
    canceled: "canceled",
    lost: "lost",
  };
  if (outcome !== "exited") return states[outcome];
  return exitCode === 0 ? "succeeded" : "failed";
}

function writeOf(end: End): CommandEndWrite {
  return {
    executionId: end.id,
    state: stateOf(end),
    message: end.message ?? null,
    exitCode: end.exitCode ?? null,
    signal: end.signal ?? null,
    startedAt: end.startedAt === undefined ? null : new Date(end.startedAt),
    finishedAt: new Date(),
    outputBytes: end.outputBytes,
  };
}

const outcomeText: Partial<Record<ExecutionState, string>> = {
  succeeded: "succeeded",
  failed: "failed",
  timed_out: "ran too long and was ended",
  canceled: "was cancelled",
  lost: "was lost",
};

function eventOf(session: Session, end: End, execution: ReportedExecution): NewEvent {
  const { deviceId, organizationId } = session.identity;
  const state = stateOf(end);
  const code = end.exitCode === undefined ? "" : ` (exit code ${end.exitCode})`;
  const signal = end.signal === undefined ? "" : ` (${end.signal})`;
  return {
    organizationId,
    deviceId,
    kind: "command.ended",
    severity: state === "succeeded" ? "info" : "warning",
    actor: { kind: "device", id: deviceId, name: session.deviceName },
    message: `The command "${execution.title}" ${outcomeText[state] ?? state} on ${execution.deviceName}${code}${signal}.`,
    details: {
      runId: execution.runId,
      executionId: execution._id,
      state,
      exitCode: end.exitCode ?? null,
      signal: end.signal ?? null,
      startedBy: execution.createdBy,
    },
    address: session.address,
  };
}

/** Stores what devices report of commands, in batches, and tells whoever watches. */
export function createCommandReports(options: {
  store: Pick<Store, "commandReports" | "events">;
  bus: Bus;
}): CommandReports {
  const { store, bus } = options;
  const keptBytes = limits.commandOutputBytes / 2;

  function tell(executions: Iterable<ReportedExecution>, hasEnded: boolean): void {
    const runs = new Map<string, Set<string>>();
    for (const { organizationId, runId } of executions)
      runs.set(organizationId, (runs.get(organizationId) ?? new Set()).add(runId));
    for (const [organizationId, runIds] of runs)
      bus.publish("command:changed", { organizationId, runIds: [...runIds], hasEnded });
  }

  const find = (items: readonly Item<{ id: string }>[]) =>
    store.commandReports.findReported([...new Set(items.map(({ report }) => report.id))]);

  const outputs = createBatcher<Item<Output>, undefined>({
    maxSize: outputBatchSize,
    async run(items) {
      const found = await find(items);
      const executions = items.map((item) => executionOf(item, found));
      const writes = items.flatMap(({ report }, index) => {
        const execution = executions[index];
        if (execution === undefined) return [];
        const { organizationId, expiresAt } = execution;
        const { id, offset, pieces } = report;
        return [{ organizationId, executionId: id, offset, bytes: bytesOf(report), pieces, expiresAt }];
      });
      await store.commandReports.saveOutput(writes, keptBytes);
      tell(
        executions.filter((execution) => execution !== undefined),
        false,
      );
      return executions.map((execution) => (execution === undefined ? unknownCommand() : undefined));
    },
  });

  const ends = createBatcher<Item<End>, undefined>({
    maxSize: batchSize,
    async run(items) {
      const found = await find(items);
      const good = items.flatMap((item) => {
        const execution = executionOf(item, found);
        return execution === undefined ? [] : [{ ...item, execution }];
      });
      const events = good.map(({ session, report, execution }) => eventOf(session, report, execution));
      // The events first: after a failure the report comes again, and an end told twice is better than never.
      await store.events.appendMany(events);
      publishEvents(bus, events);
      await store.commandReports.saveEnds(good.map(({ report }) => writeOf(report)));
      tell(
        good.map(({ execution }) => execution),
        true,
      );
      // A repetition of what is stored already is as good as stored.
      return items.map(({ session, report }) => {
        const execution = found.get(report.id);
        return execution?.deviceId === session.identity.deviceId ? undefined : unknownCommand();
      });
    },
  });

  return {
    async output(session, report) {
      await outputs.add({ session, report });
    },
    async end(session, report) {
      await ends.add({ session, report });
    },
    async drain() {
      await Promise.all([outputs.drain(), ends.drain()]);
    },
  };
}
