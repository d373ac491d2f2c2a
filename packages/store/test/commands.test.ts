import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import {
  isDuplicateKey,
  type CommandExecution,
  type CommandOutputWrite,
  type CommandRun,
  type Script,
} from "../src/index.ts";
import { at, orderedId } from "./documents.ts";
import { describeStore } from "./suite.ts";

function newRun(change: Partial<CommandRun> = {}): CommandRun {
  return {
    _id: newId("run"),
    organizationId: newId("org"),
    title: "uptime",
    scriptId: null,
    place: { kind: "host" },
    program: { kind: "argv", argv: ["uptime"] },
    workingDirectory: null,
    environmentNames: [],
    hasInput: false,
    sealedInput: "sealed",
    timeoutMs: 60_000,
    graceMs: 5_000,
    target: { deviceIds: [] },
    concurrency: 10,
    stopOnFailure: false,
    waitUntil: null,
    state: "running",
    stopped: null,
    deviceCount: 1,
    counts: null,
    createdBy: { id: "usr_test", name: "test" },
    createdAt: at(0),
    finishedAt: null,
    expiresAt: at(1e9),
    ...change,
  };
}

let made = 0;
function newExecution(
  of: Pick<CommandRun, "_id" | "organizationId">,
  change: Partial<CommandExecution> = {},
): CommandExecution {
  made += 1;
  return {
    _id: orderedId("cex", made),
    organizationId: of.organizationId,
    runId: of._id,
    title: "uptime",
    createdBy: { id: "usr_test", name: "test" },
    deviceId: newId("dev"),
    deviceName: `edge-${made}`,
    state: "pending",
    message: null,
    exitCode: null,
    signal: null,
    attemptedAt: null,
    nextAt: at(0),
    deadlineAt: null,
    cancelAt: null,
    startedAt: null,
    finishedAt: null,
    outputBytes: 0,
    createdAt: at(0),
    expiresAt: at(1e9),
    ...change,
  };
}

function output(of: CommandExecution, offset: number, bytes: number): CommandOutputWrite {
  const pieces = [{ stream: "stdout" as const, text: "x".repeat(Math.min(bytes, 10)) }];
  const { organizationId, _id, expiresAt } = of;
  return { organizationId, executionId: _id, offset, bytes, pieces, expiresAt };
}

describeStore("commands", (context) => {
  it("are listed within their organisation, found by title and counted by state", async () => {
    const { commandRuns } = context.store;
    const organizationId = newId("org");
    const runs = [0, 1, 2].map((index) =>
      newRun({ organizationId, _id: orderedId("run", index), title: `title ${index}` }),
    );
    for (const run of runs) await commandRuns.insert(run);
    const [first, second, third] = runs as [CommandRun, CommandRun, CommandRun];
    const page = await commandRuns.list(organizationId, {}, { limit: 2 });
    assert.deepEqual(
      page.map(({ _id }) => _id),
      [third._id, second._id],
    );
    const rest = await commandRuns.list(organizationId, {}, { limit: 2, after: second._id });
    assert.deepEqual(
      rest.map(({ _id }) => _id),
      [first._id],
    );
    const found = await commandRuns.list(
      organizationId,
      { titleMatches: "1$", state: "running", createdBy: "usr_test" },
      { limit: 5 },
    );
    assert.deepEqual(
      found.map(({ _id }) => _id),
      [second._id],
    );
    assert.equal(await commandRuns.countUnfinished(organizationId), 3);
    assert.equal(await commandRuns.find(newId("org"), first._id), null);
    assert.equal((await commandRuns.find(organizationId, first._id))?.title, "title 0");
    await commandRuns.addExecutions([
      newExecution(first),
      newExecution(first),
      newExecution(first, { state: "failed" }),
      newExecution(second),
    ]);
    const counts = await commandRuns.countStates([first._id, second._id, third._id]);
    assert.deepEqual(counts.get(first._id), { pending: 2, failed: 1 });
    assert.deepEqual([counts.get(second._id), counts.get(third._id)], [{ pending: 1 }, {}]);
  });

  it("are stopped once, and changed only from the states that were named", async () => {
    const { commandRuns } = context.store;
    const run = newRun();
    await commandRuns.insert(run);
    const stopped = { reason: "canceled" as const, by: "somebody", at: at(1) };
    assert.deepEqual((await commandRuns.stop(run._id, stopped))?.stopped, stopped);
    assert.equal(await commandRuns.stop(run._id, { ...stopped, reason: "failure" }), null);
    assert.ok((await commandRuns.unfinished(1_000)).some(({ _id }) => _id === run._id));
    const change = { state: "finished" as const, finishedAt: at(2), counts: { canceled: 1 } };
    assert.equal(await commandRuns.update(run._id, ["preparing"], change), null);
    assert.deepEqual((await commandRuns.update(run._id, ["running"], change))?.counts, { canceled: 1 });
    assert.ok(!(await commandRuns.unfinished(1_000)).some(({ _id }) => _id === run._id));
  });

  it("have executions that are due, moved, overdue and listed by run and by device", async () => {
    const { commandRuns } = context.store;
    const run = newRun();
    const deviceId = newId("dev");
    const [one, two, three] = [
      newExecution(run, { deviceId }),
      newExecution(run, { nextAt: at(100), deviceName: "other" }),
      newExecution(run, { state: "running", deadlineAt: at(5) }),
    ];
    await commandRuns.addExecutions([one, two, three]);
    const ids = (found: { _id: string }[]) => found.map(({ _id }) => _id);
    assert.deepEqual(ids(await commandRuns.due(run._id, ["pending"], at(1), 10)), [one._id]);
    assert.deepEqual(ids(await commandRuns.due(run._id, ["pending"], at(100), 10)), [one._id, two._id]);
    assert.deepEqual(ids(await commandRuns.overdue(run._id, at(4), 10)), []);
    assert.deepEqual(ids(await commandRuns.overdue(run._id, at(5), 10)), [three._id]);
    const change = { state: "starting" as const, attemptedAt: at(1) };
    const which = { runId: run._id, executionId: one._id };
    assert.equal(await commandRuns.move(which, ["pending"], change), 1);
    assert.equal(await commandRuns.move(which, ["pending"], change), 0);
    assert.equal(await commandRuns.requestCancel({ runId: run._id }, at(3)), 2);
    assert.equal(await commandRuns.requestCancel(which, at(4)), 0);
    assert.deepEqual((await commandRuns.findExecution(run.organizationId, one._id))?.cancelAt, at(3));
    assert.equal(
      await commandRuns.move({ runId: run._id }, ["pending", "starting"], { state: "canceled" }),
      2,
    );
    const { organizationId } = run;
    const inRun = await commandRuns.listExecutions(organizationId, { runId: run._id }, { limit: 10 });
    assert.deepEqual(ids(inRun), [one._id, two._id, three._id]);
    const some = { runId: run._id, states: ["canceled" as const], nameMatches: "^o" };
    assert.deepEqual(ids(await commandRuns.listExecutions(organizationId, some, { limit: 10 })), [two._id]);
    const later = newExecution(newRun({ organizationId }), { deviceId });
    await commandRuns.addExecutions([later]);
    const ofDevice = await commandRuns.listExecutions(organizationId, { deviceId }, { limit: 10 });
    assert.deepEqual(ids(ofDevice), [later._id, one._id]);
    assert.equal((await commandRuns.findExecution(organizationId, one._id))?.deviceId, deviceId);
    assert.equal(await commandRuns.findExecution(newId("org"), one._id), null);
  });

  it("keep output once, in order, and no more than a beginning and an end of it", async () => {
    const { commandRuns, commandReports } = context.store;
    const execution = newExecution(newRun(), { state: "starting" });
    await commandRuns.addExecutions([execution]);
    const { organizationId, _id } = execution;
    const offsets = async () =>
      (await commandRuns.readOutput(organizationId, _id, { from: 0, limit: 100 })).map(
        ({ offset }) => offset,
      );
    await commandReports.saveOutput([output(execution, 0, 10), output(execution, 10, 10)], 20);
    await commandReports.saveOutput([output(execution, 10, 10), output(execution, 20, 10)], 20);
    assert.deepEqual(await offsets(), [0, 10, 20]);
    const found = await commandRuns.findExecution(organizationId, _id);
    assert.deepEqual([found?.state, found?.outputBytes], ["running", 30]);
    for (let offset = 30; offset < 100; offset += 10)
      await commandReports.saveOutput([output(execution, offset, 10)], 20);
    assert.deepEqual(await offsets(), [0, 10, 80, 90]);
    const rest = await commandRuns.readOutput(organizationId, _id, { from: 11, limit: 1 });
    assert.deepEqual(
      rest.map(({ offset }) => offset),
      [80],
    );
    assert.deepEqual(await commandRuns.readOutput(newId("org"), _id, { from: 0, limit: 9 }), []);
  });

  it("end by the device's word, also after they were given up for lost, and only once", async () => {
    const { commandRuns, commandReports } = context.store;
    const run = newRun();
    const executions = [
      newExecution(run, { state: "running", outputBytes: 50 }),
      newExecution(run, { state: "lost" }),
      newExecution(run, { state: "succeeded", exitCode: 0 }),
    ];
    await commandRuns.addExecutions(executions);
    const reported = await commandReports.findReported([...executions.map(({ _id }) => _id), "cex_none"]);
    assert.equal(reported.size, 3);
    assert.equal(reported.get(executions[0]?._id ?? "")?.runId, run._id);
    const end = {
      message: null,
      exitCode: 3,
      signal: null,
      startedAt: at(1),
      outputBytes: 20,
      finishedAt: at(2),
    };
    await commandReports.saveEnds(
      executions.map(({ _id }) => ({ executionId: _id, state: "failed" as const, ...end })),
    );
    const states = await commandRuns.listExecutions(run.organizationId, { runId: run._id }, { limit: 5 });
    assert.deepEqual(
      states.map(({ state, exitCode, outputBytes }) => [state, exitCode, outputBytes]),
      [
        ["failed", 3, 50],
        ["failed", 3, 20],
        ["succeeded", 0, 0],
      ],
    );
  });

  it("are allowed until somebody switches them off", async () => {
    const { commandSwitches } = context.store;
    const [organizationId, deviceId] = [newId("org"), newId("dev")];
    assert.equal(await commandSwitches.isEnabled(organizationId, organizationId), true);
    await commandSwitches.set(organizationId, deviceId, false);
    assert.deepEqual(
      await commandSwitches.disabledOf(organizationId, [deviceId, newId("dev")]),
      new Set([deviceId]),
    );
    assert.equal(await commandSwitches.isEnabled(organizationId, deviceId), false);
    assert.equal(await commandSwitches.isEnabled(newId("org"), deviceId), true);
    await commandSwitches.set(organizationId, deviceId, true);
    assert.deepEqual(await commandSwitches.disabledOf(organizationId, [deviceId]), new Set());
  });

  it("can be kept as scripts, which have one name each and are changed by version", async () => {
    const { scripts } = context.store;
    const organizationId = newId("org");
    const script: Script = {
      _id: newId("scr"),
      organizationId,
      name: "disk",
      description: "",
      interpreter: "sh",
      text: "df -h\n",
      parameters: [],
      timeoutMs: 60_000,
      createdBy: "usr_test",
      createdAt: at(0),
      updatedAt: at(0),
      version: 1,
    };
    await scripts.insert(script);
    await assert.rejects(scripts.insert({ ...script, _id: newId("scr") }), isDuplicateKey);
    assert.equal((await scripts.find(organizationId, script._id))?.text, "df -h\n");
    assert.equal(await scripts.find(newId("org"), script._id), null);
    assert.equal((await scripts.update(organizationId, script._id, 1, { text: "df\n" }))?.version, 2);
    assert.equal(await scripts.update(organizationId, script._id, 1, { text: "late\n" }), null);
    assert.equal((await scripts.list(organizationId, { limit: 5, nameMatches: "^d" })).length, 1);
    assert.deepEqual(await scripts.list(organizationId, { limit: 5, after: script._id }), []);
    assert.equal(await scripts.count(organizationId), 1);
    assert.equal((await scripts.remove(organizationId, script._id))?.text, "df\n");
    assert.equal(await scripts.remove(organizationId, script._id), null);
  });
});
