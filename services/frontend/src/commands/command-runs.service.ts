import type { OrganizationVault } from "@rciots/desired-state";
import type { CommandProgram } from "@rciots/protocol";
import { badRequest, conflict, newId, notFound, type Bus } from "@rciots/runtime";
import type { CommandExecution, CommandRun, ExecutionFilter, RunFilter, Script, Store } from "@rciots/store";
import type { Acting, Audit } from "../audit/audit.ts";
import type { Member } from "../auth/caller.ts";
import type { DeviceDirectory } from "../devices/device-directory.ts";
import { toDeviceQuery } from "../devices/device-query.ts";
import { readPage, type Page } from "../http/cursor.ts";
import type { RunWish } from "./command-fields.ts";
import { openInput, sealInput, type CommandInput } from "./command-input.ts";
import type { CommandSwitches } from "./command-switches.ts";
import { viewRun } from "./command.view.ts";
import type { ScriptsService } from "./scripts.service.ts";

interface MemberActing extends Acting {
  caller: Member;
}

interface Target {
  id: string;
  name: string;
}

/** A run without what the platform gives it. */
type NewRun = Pick<
  CommandRun,
  | "title"
  | "scriptId"
  | "place"
  | "program"
  | "workingDirectory"
  | "timeoutMs"
  | "graceMs"
  | "target"
  | "concurrency"
  | "stopOnFailure"
> &
  CommandInput & { waitForMs: number | undefined };

interface PageQuery {
  limit: number;
  cursor?: string | undefined;
}

const maxDevices = 10_000;
const maxUnfinished = 20;
/** How long a run and its output are kept. */
const retentionMs = 30 * 86_400_000;
const maxTitleChars = 100;

export type CommandRunsService = ReturnType<typeof createCommandRunsService>;

/** What a command is called that has no name. */
function titleOf(program: CommandProgram): string {
  const lines = program.kind === "argv" ? [program.argv.join(" ")] : program.text.split("\n");
  const said = lines.map((line) => line.replace(/\p{Cc}+/gu, " ").trim());
  const first = said.find((line) => line !== "" && !line.startsWith("#")) ?? said.find((line) => line !== "");
  return (first ?? "script").slice(0, maxTitleChars);
}

/** A saved script with the values of a run: parameters are variables, never part of the text. */
function ofScript(
  script: Script,
  wish: RunWish,
): { program: CommandProgram; environment: Record<string, string> } {
  const { interpreter, text, parameters } = script;
  const missing = parameters.filter(
    ({ name, defaultValue }) => defaultValue === null && wish.environment[name] === undefined,
  );
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name);
    const message = `The script needs a value for ${names.join(", ")}; give it in environment.`;
    throw badRequest({ code: "parameter_missing", message, details: { names } });
  }
  const defaults = parameters.map(({ name, defaultValue }) => [name, defaultValue ?? ""] as const);
  const program = { kind: "script", interpreter, text, arguments: wish.arguments ?? [] } as CommandProgram;
  return { program, environment: { ...Object.fromEntries(defaults), ...wish.environment } };
}

/** Starts, shows and stops commands. Who runs them on devices is the dispatcher. */
export function createCommandRunsService(options: {
  store: Pick<Store, "commandRuns" | "devices">;
  directory: Pick<DeviceDirectory, "list">;
  scripts: Pick<ScriptsService, "get">;
  switches: CommandSwitches;
  secretVault: Pick<OrganizationVault, "sealSecret" | "openSecret">;
  audit: Audit;
  bus: Bus;
  /** There is something to do. */
  nudge: () => void;
}) {
  const { store, directory, scripts, switches, secretVault, audit, bus, nudge } = options;

  async function get(organizationId: string, id: string): Promise<CommandRun> {
    const found = await store.commandRuns.find(organizationId, id);
    if (found === null) throw notFound({ code: "command_run_not_found", message: "There is no such run." });
    return found;
  }

  async function getExecution(organizationId: string, id: string): Promise<CommandExecution> {
    const found = await store.commandRuns.findExecution(organizationId, id);
    if (found === null)
      throw notFound({
        code: "command_execution_not_found",
        message: "There is no such command on a device.",
      });
    return found;
  }

  function tell({ organizationId, _id }: Pick<CommandRun, "_id" | "organizationId">): void {
    bus.publish("command:changed", { organizationId, runIds: [_id], hasEnded: true });
    nudge();
  }

  async function named(organizationId: string, ids: readonly string[]): Promise<Target[]> {
    const unique = [...new Set(ids)];
    const found = new Map(
      (await store.devices.findMany(organizationId, unique)).map((each) => [each._id, each]),
    );
    return unique.map((id) => {
      const device = found.get(id);
      if (device === undefined)
        throw notFound({ code: "device_not_found", message: `There is no device ${id}.`, details: { id } });
      return { id, name: device.name };
    });
  }

  async function matching(organizationId: string, selector: Record<string, unknown>): Promise<Target[]> {
    const query = { ...toDeviceQuery(selector), statuses: ["active" as const] };
    const page = { sort: "name" as const, limit: maxDevices };
    const { entries, total } = await directory.list(organizationId, query, page);
    if (total > maxDevices) {
      const message = `${total} devices match, more than the ${maxDevices} that a command runs on; narrow the selection.`;
      throw badRequest({ code: "too_many_devices", message, details: { matched: total } });
    }
    if (total === 0)
      throw notFound({ code: "devices_not_found", message: "No active device matches the selection." });
    return entries;
  }

  const targetsOf = (organizationId: string, target: CommandRun["target"]): Promise<Target[]> =>
    "deviceIds" in target
      ? named(organizationId, target.deviceIds)
      : matching(organizationId, target.selector);

  async function requireRoom(organizationId: string): Promise<void> {
    if ((await store.commandRuns.countUnfinished(organizationId)) < maxUnfinished) return;
    const message = `${maxUnfinished} commands are under way already; wait for one, or cancel one.`;
    throw conflict({ code: "too_many_command_runs", message });
  }

  function executionsOf(run: CommandRun, targets: readonly Target[]): CommandExecution[] {
    const { organizationId, title, createdBy, createdAt, expiresAt } = run;
    const now = Date.now();
    return targets.map(({ id, name }, index) => ({
      // In their order: they begin in that of their identifiers.
      _id: newId("cex", now + index),
      organizationId,
      runId: run._id,
      title,
      createdBy,
      deviceId: id,
      deviceName: name,
      state: "pending",
      message: null,
      exitCode: null,
      signal: null,
      attemptedAt: null,
      nextAt: createdAt,
      deadlineAt: null,
      cancelAt: null,
      startedAt: null,
      finishedAt: null,
      outputBytes: 0,
      createdAt,
      expiresAt,
    }));
  }

  async function begin(acting: MemberActing, wish: NewRun): Promise<CommandRun> {
    const { organizationId, userId, username } = acting.caller;
    const targets = await targetsOf(organizationId, wish.target);
    await switches.requireOn(organizationId);
    await requireRoom(organizationId);
    const { environment, input, waitForMs, ...rest } = wish;
    const now = new Date();
    const identity = { _id: newId("run"), organizationId };
    const run: CommandRun = {
      ...identity,
      ...rest,
      environmentNames: Object.keys(environment).sort(),
      hasInput: input !== undefined,
      sealedInput: await sealInput(secretVault, identity, { environment, input }),
      waitUntil: waitForMs === undefined ? null : new Date(now.getTime() + waitForMs),
      state: "preparing",
      stopped: null,
      deviceCount: targets.length,
      counts: null,
      createdBy: { id: userId, name: username },
      createdAt: now,
      finishedAt: null,
      expiresAt: new Date(now.getTime() + retentionMs),
    };
    await store.commandRuns.insert(run);
    await audit.record(acting, startedEvent(run, targets));
    await store.commandRuns.addExecutions(executionsOf(run, targets));
    const running = await store.commandRuns.update(run._id, ["preparing"], { state: "running" });
    tell(run);
    return running ?? run;
  }

  return {
    get,
    getExecution,

    async start(acting: MemberActing, wish: RunWish): Promise<CommandRun> {
      const { organizationId } = acting.caller;
      const script = wish.scriptId === undefined ? null : await scripts.get(organizationId, wish.scriptId);
      const made =
        script === null
          ? { program: wish.program as CommandProgram, environment: wish.environment }
          : ofScript(script, wish);
      return begin(acting, {
        ...made,
        input: wish.input,
        title: wish.title ?? script?.name ?? titleOf(made.program),
        scriptId: script?._id ?? null,
        place: wish.place,
        workingDirectory: wish.workingDirectory ?? null,
        timeoutMs: wish.timeoutMs,
        graceMs: wish.graceMs,
        target:
          wish.devices === undefined
            ? { selector: wish.selector ?? {} }
            : { deviceIds: [...new Set(wish.devices)] },
        concurrency: wish.concurrency,
        stopOnFailure: wish.stopOnFailure,
        waitForMs: wish.waitForOfflineMs,
      });
    },

    /** The same once more, with the values it was given; a selector is asked anew. */
    async repeat(acting: MemberActing, id: string): Promise<CommandRun> {
      const { organizationId } = acting.caller;
      const run = await get(organizationId, id);
      const { title, scriptId, place, program, workingDirectory, timeoutMs, graceMs, waitUntil, createdAt } =
        run;
      const { target, concurrency, stopOnFailure } = run;
      return begin(acting, {
        ...(await openInput(secretVault, run)),
        title,
        scriptId,
        place,
        program,
        workingDirectory,
        timeoutMs,
        graceMs,
        target,
        concurrency,
        stopOnFailure,
        waitForMs: waitUntil === null ? undefined : waitUntil.getTime() - createdAt.getTime(),
      });
    },

    async view(run: CommandRun) {
      const counts = await store.commandRuns.countStates([run._id]);
      return viewRun({ ...run, counts: null }, counts.get(run._id) ?? {});
    },

    async list(
      organizationId: string,
      filter: RunFilter,
      { limit, cursor }: PageQuery,
    ): Promise<Page<ReturnType<typeof viewRun>>> {
      const page = await readPage({
        kind: "command-runs",
        limit,
        cursor,
        read: (after, count) =>
          store.commandRuns.list(organizationId, filter, {
            limit: count,
            ...(after === undefined ? {} : { after }),
          }),
        positionOf: ({ _id }) => _id,
      });
      const unfinished = page.items.filter(({ counts }) => counts === null);
      const counts = await store.commandRuns.countStates(unfinished.map(({ _id }) => _id));
      return { ...page, items: page.items.map((run) => viewRun(run, counts.get(run._id) ?? {})) };
    },

    async listExecutions(
      organizationId: string,
      filter: ExecutionFilter,
      { limit, cursor }: PageQuery,
    ): Promise<Page<CommandExecution>> {
      return readPage({
        kind: filter.runId === undefined ? "device-commands" : "command-executions",
        limit,
        cursor,
        read: (after, count) =>
          store.commandRuns.listExecutions(organizationId, filter, {
            limit: count,
            ...(after === undefined ? {} : { after }),
          }),
        positionOf: ({ _id }) => _id,
      });
    },

    /** Begins on no more devices, and ends it where it runs. One that is over stays what it is. */
    async cancel(acting: MemberActing, id: string): Promise<CommandRun> {
      const { organizationId, username } = acting.caller;
      const run = await get(organizationId, id);
      const at = new Date();
      const stopped = await store.commandRuns.stop(id, { reason: "canceled", by: username, at });
      if (stopped === null && run.stopped?.reason !== "failure") return get(organizationId, id);
      if (run.state === "finished") return run;
      await store.commandRuns.requestCancel({ runId: id }, at);
      await audit.record(acting, {
        organizationId,
        kind: "command.canceled",
        severity: "warning",
        message: `The command "${run.title}" was cancelled on all its devices.`,
        details: { runId: id },
      });
      tell(run);
      return get(organizationId, id);
    },

    async cancelExecution(acting: MemberActing, id: string): Promise<CommandExecution> {
      const { organizationId, username } = acting.caller;
      const execution = await getExecution(organizationId, id);
      const which = { runId: execution.runId, executionId: id };
      const at = new Date();
      const message = `Cancelled by ${username}.`;
      const notBegun = { state: "canceled" as const, message, finishedAt: at };
      const moved =
        (await store.commandRuns.move(which, ["pending"], notBegun)) +
        (await store.commandRuns.requestCancel(which, at));
      if (moved > 0) {
        await audit.record(acting, {
          organizationId,
          deviceId: execution.deviceId,
          kind: "command.canceled",
          severity: "warning",
          message: `The command "${execution.title}" was cancelled on ${execution.deviceName}.`,
          details: { runId: execution.runId, executionId: id },
        });
        tell({ _id: execution.runId, organizationId });
      }
      return getExecution(organizationId, id);
    },
  };
}

const maxNamesInEvent = 20;
const maxProgramChars = 2_000;

/** Who, what and where; values of variables and standard input are not in it. */
function startedEvent(run: CommandRun, targets: readonly Target[]) {
  const { organizationId, title, place, program, environmentNames, workingDirectory, timeoutMs } = run;
  const names = targets.slice(0, maxNamesInEvent).map(({ name }) => name);
  const where = targets.length === 1 ? (names[0] ?? "") : `${targets.length} devices`;
  return {
    organizationId,
    ...(targets.length === 1 ? { deviceId: targets[0]?.id ?? "" } : {}),
    kind: "command.started",
    message: `The command "${title}" was started on ${where}.`,
    details: {
      runId: run._id,
      scriptId: run.scriptId,
      place,
      program: JSON.stringify(program).slice(0, maxProgramChars),
      environmentNames,
      workingDirectory,
      timeoutMs,
      deviceCount: targets.length,
      devices: names,
    },
  };
}
