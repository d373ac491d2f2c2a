import assert from "node:assert/strict";
import type { PlatformRequest } from "@rciots/protocol";
import { AppError, conflict, newId, type BusCalls } from "@rciots/runtime";
import type { Device, ExecutionState } from "@rciots/store";
import { eventually, startApi, type Answer, type ApiFixture } from "./api-fixture.ts";

type Request = BusCalls["device:call"]["request"];
type Start = PlatformRequest<"command:start">;

const uptime = { kind: "argv", argv: ["uptime"] };

describe("when commands are run on devices", function () {
  this.timeout(60_000);
  let api: ApiFixture;
  let asked: Request[];
  let answer: (request: Request) => Promise<unknown>;
  const connectorId = newId("connector");

  before(async () => {
    api = await startApi({ commandIntervalMs: 50 });
    api.bus.serve("device:call", connectorId, async (request) => {
      asked.push(request);
      return answer(request);
    });
  });
  beforeEach(() => {
    asked = [];
    answer = async () => ({ isNew: true });
  });
  after(() => api.stop());

  const online = (isOnline = true) => ({
    online: isOnline,
    connectorId: isOnline ? connectorId : null,
    sessionId: newId("ses"),
    epoch: 1,
    since: null,
    lastSeenAt: null,
    address: null,
  });
  const newDevice = (isOnline = true, fields: Partial<Device> = {}) =>
    api.createDevice({ presence: online(isOnline), ...fields });
  async function start(body: object, as = api.admin): Promise<Answer> {
    return api.call("POST /commands", { as, body: { program: uptime, ...body } });
  }
  const run = async (id: string) => (await api.call(`GET /commands/${id}`, { as: api.admin })).body;
  const executions = async (id: string): Promise<any[]> =>
    (await api.call(`GET /commands/${id}/executions`, { as: api.admin })).body.items as any[];
  const starts = (): Start[] =>
    asked.filter(({ event }) => event === "command:start").map(({ payload }) => payload as Start);
  /** As the connector does when a device reports. */
  async function end(executionId: string, state: ExecutionState, exitCode: number | null = 0): Promise<void> {
    const { commandReports } = api.store;
    const found = (await commandReports.findReported([executionId])).get(executionId);
    assert.ok(found);
    const write = {
      message: null,
      signal: null,
      startedAt: new Date(),
      outputBytes: 0,
      finishedAt: new Date(),
    };
    await commandReports.saveEnds([{ executionId, state, exitCode, ...write }]);
    const { organizationId, runId } = found;
    api.bus.publish("command:changed", { organizationId, runIds: [runId], hasEnded: true });
  }
  const finished = (id: string, counts: object) =>
    eventually(async () => {
      const { state, counts: got } = await run(id);
      assert.deepEqual([state, got], ["finished", counts]);
    });
  const kinds = async (kind: string): Promise<any[]> =>
    (await api.call(`GET /events?kind=${kind}`, { as: api.admin })).body.items as any[];

  it("asks each device once, and finishes when all have ended", async () => {
    const devices = [await newDevice(), await newDevice()];
    const made = await start({
      devices: devices.map(({ _id }) => _id),
      environment: { A: "s3cret" },
      input: "hidden",
    });
    assert.equal(made.status, 201);
    const { id } = made.body;
    await eventually(() => assert.equal(starts().length, 2));
    assert.deepEqual(starts()[0]?.environment, { A: "s3cret" });
    assert.equal(starts()[0]?.input, "hidden");
    await eventually(async () => assert.deepEqual((await run(id)).counts, { running: 2 }));
    for (const execution of await executions(id)) await end(execution.id, "succeeded");
    await finished(id, { succeeded: 2 });
    assert.equal(starts().length, 2);
    const stored = [...(await api.documentsOf(api.organizationId)).values()].join();
    assert.ok(!stored.includes("s3cret") && !stored.includes("hidden"), "values are sealed");
    assert.deepEqual([made.body.environmentNames, made.body.hasInput], [["A"], true]);
    const [startedEvent] = await kinds("command.started");
    assert.equal(startedEvent.details.runId, id);
    assert.equal((await kinds("command.finished"))[0].details.runId, id);
  });

  it("takes a label selector, and says how many would be too many or none", async () => {
    const site = newId("site").toLowerCase().replace("_", "-");
    const device = await newDevice(true, { labels: { site } });
    await newDevice(true, { labels: { site }, status: "disabled" });
    const made = await start({ selector: { selector: `site=${site}` } });
    assert.equal(made.body.deviceCount, 1);
    assert.deepEqual(made.body.selector, { selector: `site=${site}` });
    await eventually(() => assert.equal(starts()[0] === undefined, false));
    const [execution] = await executions(made.body.id);
    assert.equal(execution.deviceId, device._id);
    await end(execution.id, "succeeded");
    await finished(made.body.id, { succeeded: 1 });
    assert.equal((await start({ selector: { selector: "site=nowhere" } })).body.code, "devices_not_found");
    assert.equal((await start({ devices: [newId("dev")] })).body.code, "device_not_found");
    assert.equal((await start({})).status, 400);
  });

  it("leaves out what is offline, or waits for it until it is told not to", async () => {
    const [away, there] = [await newDevice(false), await newDevice()];
    const made = await start({ devices: [away._id, there._id] });
    await eventually(() => assert.equal(starts().length, 1));
    await eventually(async () =>
      assert.deepEqual((await run(made.body.id)).counts, { offline: 1, running: 1 }),
    );
    const [, second] = await executions(made.body.id);
    await end(second.id, "failed", 3);
    await finished(made.body.id, { offline: 1, failed: 1 });

    const waiting = await start({ devices: [away._id], waitForOfflineMs: 1_000 });
    await eventually(async () => assert.match((await executions(waiting.body.id))[0].message, /offline/));
    await finished(waiting.body.id, { expired: 1 });
    assert.equal(starts().length, 1);
  });

  it("runs on no more devices at once than it may, and stops after a failure where it was asked to", async () => {
    const devices = await Promise.all([1, 2, 3, 4].map(() => newDevice()));
    const ids = devices.map(({ _id }) => _id);
    const made = await start({ devices: ids, concurrency: 1, stopOnFailure: true });
    const { id } = made.body;
    await eventually(async () => assert.deepEqual((await run(id)).counts, { running: 1, pending: 3 }));
    const all = await executions(id);
    await end(all[0].id, "succeeded");
    await eventually(async () =>
      assert.deepEqual((await run(id)).counts, { succeeded: 1, running: 1, pending: 2 }),
    );
    await end(all[1].id, "failed", 1);
    await finished(id, { succeeded: 1, failed: 1, skipped: 2 });
    assert.equal((await run(id)).stopped.reason, "failure");
    assert.equal(starts().length, 2);
    const on = await start({ devices: ids, concurrency: 1 });
    for (let index = 0; index < 4; index += 1) {
      await eventually(async () => assert.equal((await run(on.body.id)).counts.running, 1));
      const running = (await executions(on.body.id)).find(({ state }) => state === "running");
      await end(running.id, "failed", 1);
    }
    await finished(on.body.id, { failed: 4 });
  });

  it("asks again with the same identifier where no answer came, and never twice after one", async () => {
    const device = await newDevice();
    let isFirst = true;
    answer = async () => {
      if (!isFirst) return { isNew: false };
      isFirst = false;
      throw new AppError({ code: "device_timeout", status: 504, message: "The device did not answer." });
    };
    const made = await start({ devices: [device._id] });
    await eventually(() => assert.equal(starts().length, 2), 20_000);
    assert.equal(new Set(starts().map(({ id }) => id)).size, 1);
    const [execution] = await executions(made.body.id);
    await eventually(async () => assert.equal((await executions(made.body.id))[0].state, "running"));
    await end(execution.id, "succeeded");
    await finished(made.body.id, { succeeded: 1 });
  });

  it("tells why a device refused, and waits for one that is busy", async () => {
    const [denied, old, busy, off] = await Promise.all([newDevice(), newDevice(), newDevice(), newDevice()]);
    let tries = 0;
    answer = async ({ deviceId }) => {
      if (deviceId === denied._id)
        throw conflict({
          code: "device_refused",
          message: "The device: own rules.",
          details: { deviceCode: "command_denied" },
        });
      if (deviceId === old._id) throw conflict({ code: "device_unsupported", message: "Upgrade." });
      tries += 1;
      if (tries === 1) throw new AppError({ code: "device_busy", status: 429, message: "Busy." });
      return { isNew: true };
    };
    const as = api.admin;
    const path = `/devices/${off._id}/command-settings`;
    assert.equal((await api.call(`PUT ${path}`, { as, body: { enabled: false } })).body.enabled, false);
    assert.equal((await api.call(`GET ${path}`, { as })).body.enabled, false);
    const made = await start({ devices: [denied, old, busy, off].map(({ _id }) => _id) });
    await eventually(
      async () => assert.deepEqual((await run(made.body.id)).counts, { refused: 3, running: 1 }),
      20_000,
    );
    const messages = (await executions(made.body.id)).map(({ message }) => message as string | null);
    assert.match(messages[0] ?? "", /own rules/);
    assert.match(messages[1] ?? "", /RCIOTS_COMMANDS/);
    assert.match(messages[3] ?? "", /switched off/);
    await end((await executions(made.body.id))[2].id, "succeeded");
    await finished(made.body.id, { refused: 3, succeeded: 1 });
  });

  it("gives up what nobody hears of, and believes the device that comes back after all", async () => {
    const device = await newDevice();
    const made = await start({ devices: [device._id] });
    await eventually(async () => assert.equal((await run(made.body.id)).counts.running, 1));
    const [execution] = await executions(made.body.id);
    const which = { runId: made.body.id as string, executionId: execution.id as string };
    await api.store.commandRuns.move(which, ["running"], { deadlineAt: new Date(0) });
    await finished(made.body.id, { lost: 1 });
    assert.match((await executions(made.body.id))[0].message, /may have run/);
    await end(execution.id, "succeeded");
    assert.equal((await executions(made.body.id))[0].state, "succeeded");
    assert.deepEqual((await run(made.body.id)).counts, { succeeded: 1 });
  });

  it("cancels what has not begun at once, and what runs on its device, one or all", async () => {
    const [one, two] = [await newDevice(), await newDevice()];
    const made = await start({ devices: [one._id, two._id], concurrency: 1 });
    const { id } = made.body;
    await eventually(async () => assert.deepEqual((await run(id)).counts, { running: 1, pending: 1 }));
    const [running, pending] = await executions(id);
    const as = await api.signInAs("operator");
    assert.equal(
      (await api.call(`POST /command-executions/${pending.id}/cancel`, { as })).body.state,
      "canceled",
    );
    const canceled = await api.call(`POST /commands/${id}/cancel`, { as });
    assert.equal(canceled.body.stopped.reason, "canceled");
    await eventually(() => assert.ok(asked.some(({ event }) => event === "command:cancel")));
    const request = asked.find(({ event }) => event === "command:cancel");
    assert.equal((request?.payload as { id: string }).id, running.id);
    assert.equal((await executions(id))[0].isCanceling, true);
    await end(running.id, "canceled", null);
    await finished(id, { canceled: 2 });
    assert.equal((await api.call(`POST /commands/${id}/cancel`, { as })).status, 200);
    assert.ok((await kinds("command.canceled")).length >= 2);
  });

  it("repeats a run with the values nobody is shown", async () => {
    const device = await newDevice();
    const made = await start({ devices: [device._id], environment: { A: "again" } });
    await eventually(() => assert.equal(starts().length, 1));
    await end((await executions(made.body.id))[0].id, "succeeded");
    await finished(made.body.id, { succeeded: 1 });
    const again = await api.call(`POST /commands/${made.body.id}/repeat`, { as: api.admin });
    assert.equal(again.status, 201);
    await eventually(() => assert.equal(starts().length, 2));
    assert.deepEqual(starts()[1]?.environment, { A: "again" });
    assert.notEqual(starts()[1]?.id, starts()[0]?.id);
    await end((await executions(again.body.id))[0].id, "succeeded");
    await finished(again.body.id, { succeeded: 1 });
    const history = await api.call(`GET /devices/${device._id}/commands`, { as: api.admin });
    assert.deepEqual(
      history.body.items.map(({ runId }: { runId: string }) => runId),
      [again.body.id, made.body.id],
    );
  });

  it("runs saved scripts, with parameters as variables and their text untouched", async () => {
    const as = api.admin;
    const name = newId("script");
    const text = 'echo "$SITE $DEPTH"\n';
    const parameters = [
      { name: "SITE", description: "", defaultValue: null },
      { name: "DEPTH", description: "", defaultValue: "2" },
    ];
    const saved = await api.call("POST /scripts", { as, body: { name, text, parameters } });
    assert.equal(saved.status, 201);
    assert.equal((await api.call("POST /scripts", { as, body: { name, text } })).body.code, "name_taken");
    const device = await newDevice();
    const body = { devices: [device._id], scriptId: saved.body.id };
    const missing = await api.call("POST /commands", { as, body });
    assert.deepEqual([missing.body.code, missing.body.names], ["parameter_missing", ["SITE"]]);
    const made = await api.call("POST /commands", { as, body: { ...body, environment: { SITE: "$(x)" } } });
    assert.equal(made.body.title, name);
    await eventually(() => assert.equal(starts().length, 1));
    assert.deepEqual(starts()[0]?.program, { kind: "script", interpreter: "sh", text, arguments: [] });
    assert.deepEqual(starts()[0]?.environment, { SITE: "$(x)", DEPTH: "2" });
    await end((await executions(made.body.id))[0].id, "succeeded");
    const changed = await api.call(`PATCH /scripts/${saved.body.id}`, { as, body: { text: "true\n" } });
    assert.equal(changed.body.version, 2);
    const late = { as, body: { text: "false\n" }, headers: { "if-match": '"1"' } };
    assert.equal((await api.call(`PATCH /scripts/${saved.body.id}`, late)).status, 412);
    assert.equal((await api.call("GET /scripts?q=scri", { as })).body.items.length > 0, true);
    assert.equal((await api.call(`DELETE /scripts/${saved.body.id}`, { as })).status, 204);
    assert.equal((await api.call(`GET /scripts/${saved.body.id}`, { as })).status, 404);
    assert.equal((await run(made.body.id)).program.text, text);
  });

  it("shows output from where the reader is, with what was left out, to operators only", async () => {
    const device = await newDevice();
    const made = await start({ devices: [device._id] });
    await eventually(async () => assert.equal((await run(made.body.id)).counts.running, 1));
    const [execution] = await executions(made.body.id);
    const piece = (text: string, stream: "stdout" | "stderr" = "stdout") => [{ stream, text }];
    const write = (offset: number, text: string) => ({
      organizationId: api.organizationId,
      executionId: execution.id as string,
      offset,
      bytes: text.length,
      pieces: piece(text),
      expiresAt: new Date(Date.now() + 60_000),
    });
    await api.store.commandReports.saveOutput(
      [write(0, "hello"), write(5, " you"), write(100, "end")],
      1_000,
    );
    const path = `GET /command-executions/${execution.id}/output`;
    const all = (await api.call(path, { as: api.admin })).body;
    assert.deepEqual(
      all.parts.map((part: any) => [part.offset, part.skippedBytes, part.pieces[0].text]),
      [
        [0, 0, "hello"],
        [5, 0, " you"],
        [100, 91, "end"],
      ],
    );
    assert.deepEqual([all.nextOffset, all.hasMore, all.execution.state], [103, false, "running"]);
    assert.deepEqual((await api.call(`${path}?from=103`, { as: api.admin })).body.parts, []);
    assert.equal((await api.call(path, { as: await api.signInAs("viewer") })).status, 403);
    await end(execution.id, "succeeded");
  });

  it("begins nothing where the organisation has switched commands off, nor too much at once", async () => {
    const as = api.admin;
    const device = await newDevice(false);
    await api.call("PUT /command-settings", { as, body: { enabled: false } });
    assert.equal((await start({ devices: [device._id] })).body.code, "commands_off");
    await api.call("PUT /command-settings", { as, body: { enabled: true } });
    assert.equal((await api.call("GET /command-settings", { as })).body.enabled, true);
    const made: string[] = [];
    let refused: Answer | undefined;
    for (let count = 0; count < 25 && refused === undefined; count += 1) {
      const started = await start({ devices: [device._id], waitForOfflineMs: 600_000 });
      if (started.status === 201) made.push(started.body.id as string);
      else refused = started;
    }
    assert.equal(refused?.body.code, "too_many_command_runs");
    await Promise.all(made.map((id) => api.call(`POST /commands/${id}/cancel`, { as })));
    await Promise.all(made.map((id) => finished(id, { canceled: 1 })));
  });

  it("is not stopped by another process that looks at the same runs, and goes on where one died", async () => {
    const device = await newDevice();
    const second = await api.startFrontend({ commandIntervalMs: 50 });
    const made = await start({ devices: [device._id] });
    await eventually(() => assert.equal(starts().length, 1));
    await end((await executions(made.body.id))[0].id, "succeeded");
    await finished(made.body.id, { succeeded: 1 });
    assert.equal(starts().length, 1);
    await second.frontend.stop();
  });

  it("finishes a run whose beginning was interrupted, without running it", async () => {
    const device = await newDevice();
    const made = await start({ devices: [device._id] });
    await eventually(async () => assert.equal((await run(made.body.id)).counts.running, 1));
    await end((await executions(made.body.id))[0].id, "succeeded");
    const found = await api.store.commandRuns.find(api.organizationId, made.body.id as string);
    assert.ok(found);
    const [execution] = await api.store.commandRuns.listExecutions(
      api.organizationId,
      { runId: found._id },
      { limit: 1 },
    );
    assert.ok(execution);
    const id = newId("run");
    const old = { state: "preparing" as const, counts: null, createdAt: new Date(Date.now() - 120_000) };
    await api.store.commandRuns.insert({ ...found, _id: id, ...old });
    await api.store.commandRuns.addExecutions([
      { ...execution, _id: newId("cex"), runId: id, state: "pending", finishedAt: null },
    ]);
    await finished(id, { skipped: 1 });
    assert.equal((await run(id)).stopped.reason, "interrupted");
    assert.equal(starts().length, 1);
  });
});
