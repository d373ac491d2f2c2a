import type { OrganizationVault } from "@rciots/desired-state";
import type { PlatformRequest } from "@rciots/protocol";
import {
  createLoop,
  createSemaphore,
  isAppError,
  newId,
  publishEvents,
  toPublicError,
  type Bus,
  type Logger,
  type Loop,
} from "@rciots/runtime";
import type { CommandExecution, CommandRun, Device, ExecutionState, NewEvent, Store } from "@rciots/store";
import type { DeviceCalls } from "../devices/device-calls.ts";
import { openInput, type CommandInput } from "./command-input.ts";

export interface CommandDispatcher {
  loop: Loop;
  intervalMs: number;
  nudge(): void;
}

const defaultIntervalMs = 2_000;
const leaseMs = 10_000;
const maxRuns = 500;
/** Of one look at a run. */
const batchSize = 100;
const maxBatches = 20;
/** The connector takes 64 calls of an organisation at once; others want some too. */
const concurrentCalls = 24;
const callTimeoutMs = 8_000;
/** A device that is offline or busy is looked at again after so long, and asked again that did not answer. */
const againMs = 5_000;
/** So long after the first question a device is asked again, where it waits for nobody. */
const askAgainMs = 60_000;
/** What reports may take after a command has ended by all rules. */
const slackMs = 120_000;
const interruptedMs = 60_000;
/** These came back before the device was asked. */
const notAsked = ["device_busy", "organization_busy", "bus_unserved", "bus_busy"];
const open = ["pending", "starting", "running"] as const;
const failures: ExecutionState[] = ["failed", "timed_out", "refused", "lost"];

const lostMessage =
  "The device did not say how it ended. It may have run, and may still run: look at the device before you repeat it.";
const unsupportedMessage =
  "The device takes no commands: they are off in its agent (RCIOTS_COMMANDS), or the agent is too old.";

type Verdict =
  | { kind: "ask" }
  | { kind: "later"; message: string | null }
  | { kind: "over"; state: ExecutionState; message: string };

const after = (date: Date, ms: number): Date => new Date(date.getTime() + ms);

/** Whether a device is asked now. One that was asked before may have begun: it is never over for it here. */
function judge(
  run: CommandRun,
  execution: CommandExecution,
  device: Device | undefined,
  isSwitchedOff: boolean,
  now: Date,
): Verdict {
  const wasAsked = execution.attemptedAt !== null;
  if (!wasAsked) {
    if (device === undefined)
      return { kind: "over", state: "refused", message: "The device is no longer there." };
    if (device.status !== "active")
      return { kind: "over", state: "refused", message: `The device is ${device.status}.` };
    if (isSwitchedOff)
      return {
        kind: "over",
        state: "refused",
        message: "Commands are switched off on this device or organisation.",
      };
    if (run.waitUntil !== null && run.waitUntil <= now)
      return { kind: "over", state: "expired", message: "The device did not come back in time." };
    if (device.presence.online) return { kind: "ask" };
    if (run.waitUntil === null)
      return { kind: "over", state: "offline", message: "The device was offline, and was left out." };
    return { kind: "later", message: "It waits for the device, which is offline." };
  }
  const askUntil = run.waitUntil ?? after(execution.attemptedAt ?? now, askAgainMs);
  const mayAsk = device?.presence.online === true && askUntil > now && execution.cancelAt === null;
  return mayAsk ? { kind: "ask" } : { kind: "later", message: execution.message };
}

/**
 * Has commands run on their devices. It looks at what the store says again and again, so any process may die at any
 * time: of the processes that look, one holds the lease of a run, and where two should ask a device at once the
 * device takes the identifier once.
 */
export function createCommandDispatcher(options: {
  store: Pick<Store, "commandRuns" | "commandSwitches" | "devices" | "events" | "leases">;
  calls: DeviceCalls;
  secretVault: Pick<OrganizationVault, "sealSecret" | "openSecret">;
  bus: Bus;
  logger: Logger;
  intervalMs?: number | undefined;
}): CommandDispatcher {
  const { store, calls, secretVault, bus, logger, intervalMs = defaultIntervalMs } = options;
  const holder = newId("dsp");
  const semaphore = createSemaphore(concurrentCalls);

  async function settle(
    run: CommandRun,
    execution: CommandExecution,
    from: readonly ExecutionState[],
    end: { state: ExecutionState; message: string },
  ): Promise<void> {
    const which = { runId: run._id, executionId: execution._id };
    const { state, message } = end;
    const change = { state, message, finishedAt: new Date(), deadlineAt: null };
    if ((await store.commandRuns.move(which, from, change)) === 0) return;
    if (!failures.includes(end.state)) return;
    await record({
      organizationId: run.organizationId,
      deviceId: execution.deviceId,
      kind: "command.ended",
      severity: "warning",
      actor: { kind: "platform", id: "commands", name: "commands" },
      message: `The command "${run.title}" was ${end.state} on ${execution.deviceName}: ${end.message}`,
      details: { runId: run._id, executionId: execution._id, state: end.state, startedBy: run.createdBy },
    });
  }

  async function record(...events: NewEvent[]): Promise<void> {
    await store.events.append(...events);
    publishEvents(bus, events);
  }

  function requestOf(
    run: CommandRun,
    { _id }: CommandExecution,
    input: CommandInput,
  ): PlatformRequest<"command:start"> {
    const { place, program, workingDirectory, timeoutMs, graceMs } = run;
    return {
      id: _id,
      place,
      program,
      environment: input.environment,
      timeoutMs,
      graceMs,
      ...(workingDirectory === null ? {} : { workingDirectory }),
      ...(input.input === undefined ? {} : { input: input.input }),
    };
  }

  /** What came of the question: an error may leave open whether the device heard it. */
  async function takeFault(run: CommandRun, execution: CommandExecution, error: unknown): Promise<void> {
    const which = { runId: run._id, executionId: execution._id };
    const { code, message, details } = toPublicError(error);
    const nextAt = new Date(Date.now() + againMs);
    if (notAsked.includes(code)) {
      const back = execution.attemptedAt === null ? { state: "pending" as const, deadlineAt: null } : {};
      await store.commandRuns.move(which, ["starting"], {
        ...back,
        attemptedAt: execution.attemptedAt,
        message,
        nextAt,
      });
    } else if (code === "device_unsupported") {
      await settle(run, execution, ["starting"], { state: "refused", message: unsupportedMessage });
    } else if (code === "device_refused") {
      const state = details?.["deviceCode"] === "command_denied" ? "refused" : "failed";
      await settle(run, execution, ["starting"], { state, message });
    } else {
      if (!isAppError(error)) throw error;
      await store.commandRuns.move(which, ["starting"], { message, nextAt });
    }
  }

  async function ask(run: CommandRun, execution: CommandExecution, input: CommandInput): Promise<void> {
    const { organizationId, deviceId } = execution;
    const which = { runId: run._id, executionId: execution._id };
    const now = new Date();
    const deadlineAt = execution.deadlineAt ?? after(now, run.timeoutMs + run.graceMs + slackMs);
    const asked = {
      state: "starting" as const,
      attemptedAt: execution.attemptedAt ?? now,
      deadlineAt,
      nextAt: after(now, callTimeoutMs + againMs),
    };
    if ((await store.commandRuns.move(which, ["pending", "starting"], asked)) === 0) return;
    try {
      const request = requestOf(run, execution, input);
      await calls.call({ organizationId, deviceId }, "command:start", request, { timeoutMs: callTimeoutMs });
      const begun = { state: "running" as const, startedAt: now, message: null, nextAt: deadlineAt };
      await store.commandRuns.move(which, ["starting"], begun);
    } catch (error) {
      await takeFault(run, execution, error);
    }
  }

  async function startSome(run: CommandRun, due: readonly CommandExecution[], now: Date): Promise<void> {
    const { organizationId } = run;
    const ids = due.map(({ deviceId }) => deviceId);
    const [found, disabled, input] = await Promise.all([
      store.devices.findMany(organizationId, ids),
      store.commandSwitches.disabledOf(organizationId, [organizationId, ...ids]),
      openInput(secretVault, run),
    ]);
    const devices = new Map(found.map((device) => [device._id, device]));
    await Promise.all(
      due.map((execution) =>
        semaphore.run(async () => {
          const { deviceId } = execution;
          const isSwitchedOff = disabled.has(organizationId) || disabled.has(deviceId);
          const verdict = judge(run, execution, devices.get(deviceId), isSwitchedOff, now);
          const which = { runId: run._id, executionId: execution._id };
          if (verdict.kind === "ask") await ask(run, execution, input);
          else if (verdict.kind === "over") await settle(run, execution, ["pending"], verdict);
          else {
            const later = { message: verdict.message, nextAt: after(now, againMs) };
            await store.commandRuns.move(which, ["pending", "starting"], later);
          }
        }),
      ),
    );
  }

  /** Begins on as many devices as may be under way at once. */
  async function start(run: CommandRun, signal: AbortSignal): Promise<void> {
    for (let batch = 0; batch < maxBatches && !signal.aborted; batch += 1) {
      const counts = await countsOf(run);
      if (run.stopOnFailure && failures.some((state) => (counts[state] ?? 0) > 0)) return;
      const room = run.concurrency - (counts.starting ?? 0) - (counts.running ?? 0);
      const now = new Date();
      const due =
        room <= 0 ? [] : await store.commandRuns.due(run._id, ["pending"], now, Math.min(room, batchSize));
      const unanswered = batch > 0 ? [] : await store.commandRuns.due(run._id, ["starting"], now, batchSize);
      const all = [...unanswered.filter(({ cancelAt }) => cancelAt === null), ...due];
      if (all.length === 0) return;
      await startSome(run, all, now);
    }
  }

  async function cancelOne(execution: CommandExecution, reason: string): Promise<void> {
    const { organizationId, deviceId, runId, _id } = execution;
    const nextAt = new Date(Date.now() + againMs);
    await store.commandRuns.move({ runId, executionId: _id }, ["starting", "running"], { nextAt });
    const request = { id: _id, reason };
    await calls
      .call({ organizationId, deviceId }, "command:cancel", request, { timeoutMs: callTimeoutMs })
      .catch((error: unknown) => {
        // A device that is away hears of it when it is back, as long as its time is not over.
        if (!isAppError(error)) throw error;
      });
  }

  async function cancelSome(run: CommandRun): Promise<void> {
    const due = await store.commandRuns.due(run._id, ["starting", "running"], new Date(), batchSize * 5);
    const reason =
      run.stopped?.reason === "canceled" ? `Cancelled by ${run.stopped.by ?? "an operator"}.` : "Cancelled.";
    const wanted = due.filter(({ cancelAt }) => cancelAt !== null);
    await Promise.all(wanted.map((execution) => semaphore.run(() => cancelOne(execution, reason))));
  }

  const countsOf = async ({ _id }: CommandRun) => (await store.commandRuns.countStates([_id])).get(_id) ?? {};

  /** What has not begun does not begin any more. */
  async function stopRest(run: CommandRun, stopped: NonNullable<CommandRun["stopped"]>): Promise<void> {
    const finishedAt = new Date();
    const skipped = { state: "skipped" as const, finishedAt };
    const change = {
      canceled: {
        state: "canceled" as const,
        message: `Cancelled by ${stopped.by ?? "an operator"}.`,
        finishedAt,
      },
      failure: { ...skipped, message: "It failed on another device, and begins on no more." },
      interrupted: { ...skipped, message: "The platform was interrupted before the run began." },
    }[stopped.reason];
    await store.commandRuns.move({ runId: run._id }, ["pending"], change);
    if (stopped.reason === "canceled") await store.commandRuns.requestCancel({ runId: run._id }, finishedAt);
  }

  async function giveUp(run: CommandRun): Promise<void> {
    for (const execution of await store.commandRuns.overdue(run._id, new Date(), batchSize)) {
      await settle(run, execution, ["starting", "running"], { state: "lost", message: lostMessage });
    }
  }

  async function finish(run: CommandRun, counts: Partial<Record<ExecutionState, number>>): Promise<void> {
    const change = { state: "finished" as const, counts, finishedAt: new Date() };
    if ((await store.commandRuns.update(run._id, ["preparing", "running"], change)) === null) return;
    const { succeeded = 0 } = counts;
    await record({
      organizationId: run.organizationId,
      kind: "command.finished",
      severity: succeeded === run.deviceCount ? "info" : "warning",
      actor: { kind: "platform", id: "commands", name: "commands" },
      message: `The command "${run.title}" has finished: it succeeded on ${succeeded} of ${run.deviceCount} devices.`,
      details: { runId: run._id, counts, startedBy: run.createdBy },
    });
  }

  /** One look at a run: whatever it finds, the next look goes on from there. */
  async function advance(given: CommandRun, signal: AbortSignal): Promise<void> {
    let run = given;
    const before = JSON.stringify(await countsOf(run));
    const isStuck = run.state === "preparing" && Date.now() - run.createdAt.getTime() > interruptedMs;
    if (run.state === "preparing" && !isStuck) return;
    if (isStuck) {
      const stopped = { reason: "interrupted" as const, by: null, at: new Date() };
      run = (await store.commandRuns.stop(run._id, stopped)) ?? run;
    }
    if (run.stopped !== null) await stopRest(run, run.stopped);
    else await start(run, signal);
    await cancelSome(run);
    await giveUp(run);
    const counts = await countsOf(run);
    const hasFailed = run.stopOnFailure && failures.some((state) => (counts[state] ?? 0) > 0);
    if (hasFailed && run.stopped === null) {
      const stopped = { reason: "failure" as const, by: null, at: new Date() };
      const now = await store.commandRuns.stop(run._id, stopped);
      if (now !== null) await stopRest(now, stopped);
    }
    const last = hasFailed ? await countsOf(run) : counts;
    if (open.every((state) => (last[state] ?? 0) === 0)) await finish(run, last);
    else if (JSON.stringify(last) === before) return;
    bus.publish("command:changed", {
      organizationId: run.organizationId,
      runIds: [run._id],
      hasEnded: false,
    });
  }

  const loop = createLoop({
    name: "commands",
    intervalMs,
    logger,
    async step(signal) {
      const runs = await store.commandRuns.unfinished(maxRuns);
      const claimed = await Promise.all(
        runs.map(async (run) =>
          (await store.leases.claim(`command-run/${run._id}`, holder, leaseMs)) ? run : null,
        ),
      );
      for (const result of await Promise.allSettled(
        claimed.map(async (run) => (run === null || signal.aborted ? undefined : advance(run, signal))),
      )) {
        if (result.status === "rejected") throw result.reason;
      }
    },
  });
  let unsubscribe = (): void => undefined;

  return {
    intervalMs,
    nudge: () => loop.nudge(),
    loop: {
      ...loop,
      start() {
        unsubscribe = bus.subscribe("command:changed", ({ hasEnded }) => {
          if (hasEnded) loop.nudge();
        });
        loop.start();
      },
      async stop() {
        unsubscribe();
        await loop.stop();
      },
    },
  };
}
