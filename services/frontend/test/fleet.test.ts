import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import type { Device } from "@rciots/store";
import { deviceDocument, eventually, startApi, type ApiFixture } from "./api-fixture.ts";
import { kustomization } from "./route-samples.ts";

const names = (answer: { body: { items: { name: string }[] } }): string[] =>
  answer.body.items.map((item) => item.name);

describe("when a fleet is searched", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
    const gate = deviceDocument({
      organizationId: api.organizationId,
      name: "gate-01",
      labels: { site: "Berlin", rack: "r7" },
      facts: { hostname: "GATE.example.com", addresses: ["192.0.2.7"], architecture: "arm64" },
    });
    const pump = deviceDocument({ organizationId: api.organizationId, name: "pump-gate" });
    const other = deviceDocument({ organizationId: await api.createOrganization(), name: "gate-of-others" });
    await api.store.deviceEnrollment.insertMany([gate, pump, other]);
  });
  after(() => api.stop());

  const list = (query: string) => api.call(`GET /devices?${query}`, { as: api.admin });

  it("looks into names, ids, labels and facts, whatever the case", async () => {
    const [pump] = (await list("q=pump")).body.items as { id: string }[];
    for (const q of ["gate-0", "site=ber", "BERLIN", "r7", "gate.example", "192.0.2.7", "arm64"]) {
      assert.deepEqual(names(await list(`q=${q}`)), ["gate-01"], q);
    }
    assert.deepEqual(names(await list(`q=${pump?.id}`)), ["pump-gate"]);
    assert.deepEqual(names(await list("q=^gate")), ["gate-01"]);
    for (const q of ["gate-of-others", ".*", "gate$", "zzz"])
      assert.deepEqual(names(await list(`q=${q}`)), [], q);
  });

  it("counts what matches, on all pages", async () => {
    const page = await list("q=gate&limit=1");
    assert.equal(page.body.total, 2);
    assert.equal(page.body.items.length, 1);
    assert.equal((await list("q=zzz")).body.total, 0);
  });

  it("sorts by when devices were last seen, page by page", async () => {
    const organizationId = await api.createOrganization();
    const as = await api.signInAs("viewer", organizationId);
    const seen = [30, null, 10, 10, 20].map((minute, index) => {
      const device = deviceDocument({ organizationId, name: `d-${index}` });
      if (minute !== null) device.presence.lastSeenAt = new Date(Date.UTC(2030, 0, 1, 0, minute));
      return device;
    });
    await api.store.deviceEnrollment.insertMany(seen);
    const found: string[] = [];
    let cursor: string | null = null;
    do {
      const after: string = cursor === null ? "" : `&cursor=${cursor}`;
      const page = await api.call(`GET /devices?sort=last-seen&limit=2${after}`, { as });
      found.push(...names(page));
      cursor = page.body.nextCursor as string | null;
    } while (cursor !== null);
    assert.deepEqual(
      [...found.slice(0, 2), ...found.slice(2, 4).sort(), ...found.slice(4)],
      ["d-0", "d-4", "d-2", "d-3", "d-1"],
    );
    assert.equal(
      (
        await api.call(
          `GET /devices?sort=name&cursor=${Buffer.from('["devices-newest","x"]').toString("base64url")}`,
          { as },
        )
      ).status,
      400,
    );
  });

  it("finds at once what was just changed, added or deleted", async () => {
    const device = await api.createDevice({ name: "fresh" });
    assert.deepEqual(names(await list("q=fresh")), ["fresh"]);
    await api.call(`PATCH /devices/${device._id}/labels`, { as: api.admin, body: { colour: "magenta" } });
    assert.deepEqual(names(await list("q=magenta")), ["fresh"]);
    assert.deepEqual(names(await list("label=colour=magenta")), ["fresh"]);
    await api.call(`POST /devices/${device._id}/disable`, { as: api.admin });
    assert.deepEqual(names(await list("q=fresh&status=active")), []);
    await api.call(`POST /devices/${device._id}/decommission`, { as: api.admin, body: {} });
    await api.call(`DELETE /devices/${device._id}`, { as: api.admin });
    assert.deepEqual(names(await list("q=fresh")), []);
    assert.equal((await list("q=fresh")).body.total, 0);
  });

  it("never shows a device by what it was, even if a hint was lost", async () => {
    const device = await api.createDevice({ name: "unhinted", labels: { phase: "one" } });
    assert.deepEqual(names(await list("label=phase=one")), ["unhinted"]);
    const { organizationId, _id } = device;
    await api.store.devices.update(organizationId, _id, 1, { labels: { phase: "two" } });
    assert.deepEqual(names(await list("label=phase=one")), []);
    api.bus.publish("device:updated", { organizationId, deviceIds: [_id] });
    await eventually(async () => assert.deepEqual(names(await list("label=phase=two")), ["unhinted"]));
  });
});

describe("when many devices are changed together", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  const bulk = (body: object, as = api.admin) => api.call("POST /devices/bulk", { as, body });
  const stored = async (device: Device) => api.store.devices.find(device.organizationId, device._id);

  it("says for each how it went, and goes on after one that fails", async () => {
    const [active, disabled, pending] = [
      await api.createDevice(),
      await api.createDevice({ status: "disabled" }),
      await api.createDevice({ status: "pending" }),
    ];
    const foreign = await api.createDevice({ organizationId: await api.createOrganization() });
    const missing = newId("dev");
    const ids = [pending._id, active._id, foreign._id, disabled._id, missing];
    const { body } = await bulk({ ids, change: { action: "disable" } });
    assert.deepEqual(
      body.results.map(({ id, name, outcome, error }: any) => [id, name, outcome, error?.code ?? null]),
      [
        [pending._id, pending.name, "failed", "device_status_conflict"],
        [active._id, active.name, "changed", null],
        [foreign._id, null, "failed", "device_not_found"],
        [disabled._id, disabled.name, "unchanged", null],
        [missing, null, "failed", "device_not_found"],
      ],
    );
    assert.equal((await stored(active))?.status, "disabled");
    assert.equal((await stored(foreign))?.status, "active");
    const events = await api.call(`GET /devices/${active._id}/events`, { as: api.admin });
    assert.deepEqual(
      events.body.items.map(({ kind }: { kind: string }) => kind),
      ["device.disabled"],
    );
  });

  it("does every action", async function () {
    this.timeout(60_000);
    const files = kustomization;
    const template = await api.call("POST /templates", { as: api.admin, body: { name: "bulk", files } });
    const templateId = template.body.id as string;
    const device = await api.createDevice({ status: "pending", labels: { old: "1", site: "x" } });
    const steps: [object, (after: Device | null) => unknown, unknown][] = [
      [{ action: "deny" }, (after) => after?.status, "denied"],
      [
        { action: "approve", labels: { wave: "1" } },
        (after) => [after?.status, after?.labels["wave"]],
        ["active", "1"],
      ],
      [
        { action: "set-labels", labels: { old: null, site: "y" } },
        (after) => after?.labels,
        { site: "y", wave: "1" },
      ],
      [
        { action: "assign-templates", templateIds: [templateId] },
        (after) => after?.assignments,
        [{ templateId, pinnedVersionId: null }],
      ],
      [{ action: "unassign-templates", templateIds: [templateId] }, (after) => after?.assignments, []],
      [{ action: "disable" }, (after) => after?.status, "disabled"],
      [{ action: "enable" }, (after) => after?.status, "active"],
      [{ action: "decommission", wipeWorkloads: true }, (after) => after?.decommission?.wipeWorkloads, true],
    ];
    for (const [change, look, wanted] of steps) {
      const answer = await bulk({ ids: [device._id], change });
      assert.equal(answer.body.results[0].outcome, "changed", JSON.stringify([change, answer.body]));
      assert.deepEqual(look(await stored(device)), wanted);
      assert.equal((await bulk({ ids: [device._id], change })).body.results[0].outcome, "unchanged");
    }
  });

  it("refuses what can't be meant", async () => {
    const device = await api.createDevice();
    const change = { action: "disable" };
    for (const body of [
      { change },
      { ids: [], change },
      { ids: [device._id, device._id], change },
      { ids: [device._id], selector: {}, change },
      { ids: [device._id], change: { action: "explode" } },
      { ids: [device._id], change: { action: "disable", labels: {} } },
      { ids: [device._id], change, cursor: "x" },
      { selector: {}, change, cursor: "x" },
      { selector: { selector: "a=b=c" }, change },
    ]) {
      assert.equal((await bulk(body)).status, 400, JSON.stringify(body));
    }
    const unknown = { action: "assign-templates", templateIds: [newId("tpl")] };
    const answer = await bulk({ ids: [device._id], change: unknown });
    assert.equal(answer.body.results[0].error.code, "template_not_found");
    const viewer = await api.signInAs("viewer");
    assert.equal((await bulk({ ids: [device._id], change }, viewer)).status, 403);
  });

  it("takes a selection in steps, each device once", async function () {
    this.timeout(120_000);
    const organizationId = await api.createOrganization();
    const as = await api.signInAs("operator", organizationId);
    const devices = Array.from({ length: 130 }, (_none, index) =>
      deviceDocument({ organizationId, name: `s-${index}`, status: index < 120 ? "pending" : "active" }),
    );
    await api.store.deviceEnrollment.insertMany(devices);
    const change = { action: "approve", labels: { wave: "7" } };
    const ids: string[] = [];
    const sizes: number[] = [];
    let cursor: string | null = null;
    do {
      const step = await bulk(
        { selector: { status: ["pending"] }, change, ...(cursor === null ? {} : { cursor }) },
        as,
      );
      assert.equal(step.status, 200, JSON.stringify(step.body));
      assert.ok(step.body.results.every(({ outcome }: { outcome: string }) => outcome === "changed"));
      ids.push(...step.body.results.map(({ id }: { id: string }) => id));
      sizes.push(step.body.results.length);
      cursor = step.body.nextCursor as string | null;
    } while (cursor !== null);
    assert.deepEqual(sizes, [100, 20]);
    assert.equal(new Set(ids).size, 120);
    const labelled = await api.call("GET /devices?label=wave=7&limit=1", { as });
    assert.equal(labelled.body.total, 120);
  });
});

describe("when the overview is read", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi({ historySampleMs: 1_000 });
  });
  after(() => api.stop());

  it("is empty for a new organisation", async () => {
    const as = await api.signInAs("viewer", await api.createOrganization());
    const { body } = await api.call("GET /overview", { as });
    assert.deepEqual(body.devices, { total: 0, online: 0, byStatus: {}, byState: {} });
    assert.deepEqual(
      Object.values(body.attention as Record<string, { total: number }>).map(({ total }) => total),
      [0, 0, 0, 0, 0, 0],
    );
    assert.deepEqual([body.templates, body.provisioningTokens, body.events, body.history], [0, 0, [], []]);
  });

  it("says how devices are, what needs attention and why, and how it was", async () => {
    const organizationId = await api.createOrganization();
    const as = await api.signInAs("viewer", organizationId);
    const make = (name: string, change: (device: Device) => void = () => undefined): Device => {
      const device = deviceDocument({ organizationId, name });
      device.presence.online = true;
      change(device);
      return device;
    };
    const soon = new Date(Date.now() + 86_400_000);
    const expiring = { serial: "01", issuerId: "ca", notAfter: soon };
    await api.store.deviceEnrollment.insertMany([
      make("well", (device) => (device.observed.state = "healthy")),
      make("renews-by-itself", (device) => (device.certificate = expiring)),
      make("broken", (device) =>
        Object.assign(device.observed, { state: "failed", message: "no such image" }),
      ),
      make("back", (device) => (device.observed.state = "rolled_back")),
      make("limping", (device) => (device.observed.state = "degraded")),
      make("away", (device) => {
        device.presence.online = false;
        device.certificate = expiring;
      }),
      make("new", (device) => Object.assign(device, { status: "pending" })),
      make("out", (device) => Object.assign(device, { status: "disabled" })),
    ]);
    const { body } = await api.call("GET /overview", { as });
    assert.deepEqual(body.devices, {
      total: 8,
      online: 5,
      byStatus: { active: 6, pending: 1, disabled: 1 },
      byState: { healthy: 1, failed: 1, rolled_back: 1, degraded: 1, none: 2 },
    });
    const named = (kind: string) =>
      (body.attention[kind].items as { name: string }[]).map(({ name }) => name).sort();
    assert.deepEqual(named("failed"), ["back", "broken"]);
    assert.deepEqual(named("degraded"), ["limping"]);
    assert.deepEqual(named("offline"), ["away"]);
    assert.deepEqual(named("certificate"), ["away"]);
    assert.deepEqual(named("pending"), ["new"]);
    const failed = body.attention.failed.items as { name: string; message: string | null }[];
    assert.equal(failed.find(({ name }) => name === "broken")?.message, "no such image");
    await eventually(async () => {
      const { history } = (await api.call("GET /overview", { as })).body;
      const { at, ...counts } = history.at(-1) ?? {};
      assert.deepEqual(counts, { total: 6, online: 5, healthy: 1 });
      assert.equal(Date.parse(at as string) % 1_000, 0);
      assert.ok(history.length >= 2);
    });
  });

  it("names the Git templates that can't be brought in step", async () => {
    const { organizationId } = api;
    const made = await api.call("POST /templates", {
      as: api.admin,
      body: { name: "t", files: kustomization },
    });
    const template = await api.store.templates.find(organizationId, made.body.id as string);
    assert.ok(template);
    await api.store.templates.setSync(organizationId, template._id, {
      ...template.sync,
      status: "failed",
      message: "The repository doesn't answer.",
    });
    const { body } = await api.call("GET /overview", { as: api.admin });
    assert.deepEqual(body.attention.templates, {
      total: 1,
      items: [{ id: template._id, name: "t", message: "The repository doesn't answer." }],
    });
    assert.equal(body.templates, 1);
    assert.equal(body.events[0].kind, "template.created");
  });
});
