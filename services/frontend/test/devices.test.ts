import assert from "node:assert/strict";
import type { BusEvents } from "@rciots/runtime";
import type { Device, DeviceStatus } from "@rciots/store";
import { deviceDocument, eventually, startApi, type ApiFixture } from "./api-fixture.ts";
import { kustomization } from "./route-samples.ts";

const names = (answer: { body: { items: { name: string }[] } }): string[] =>
  answer.body.items.map((item) => item.name);

describe("when devices are listed", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
    const documents = Array.from({ length: 25 }, (_, index) =>
      deviceDocument({
        organizationId: api.organizationId,
        name: `edge-${String(index).padStart(2, "0")}`,
        status: index % 5 === 0 ? "pending" : "active",
        labels: { site: index % 2 === 0 ? "berlin" : "paris", ...(index < 3 ? { tier: "gold" } : {}) },
      }),
    );
    for (const device of documents) device.presence.online = device.name < "edge-10";
    await api.store.deviceEnrollment.insertMany(documents);
  });
  after(() => api.stop());

  const list = (query: string) => api.call(`GET /devices?${query}`, { as: api.admin });

  async function all(query: string, between: () => Promise<void> = async () => undefined): Promise<string[]> {
    const found: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await list(`${query}${cursor === null ? "" : `&cursor=${cursor}`}`);
      assert.equal(page.status, 200, JSON.stringify(page.body));
      found.push(...names(page));
      cursor = page.body.nextCursor as string | null;
      await between();
    } while (cursor !== null);
    return found;
  }

  it("gives every device once, page by page, in either order", async () => {
    for (const sort of ["newest", "name"]) {
      const found = await all(`limit=7&sort=${sort}`);
      assert.equal(found.length, 25);
      assert.equal(new Set(found).size, 25);
    }
    assert.equal((await list("limit=25")).body.nextCursor, null, "a full last page has no next one");
    assert.equal((await list("limit=501")).status, 400);
    assert.equal((await list("limit=0")).status, 400);
  });

  it("keeps its place while devices come and go", async () => {
    let count = 0;
    const seen = await all("limit=5&q=edge", async () => {
      count += 1;
      await api.createDevice({ name: `late-edge-${count}` });
      const doomed = await api.createDevice({ name: `doomed-edge-${count}`, status: "decommissioned" });
      await api.call(`DELETE /devices/${doomed._id}`, { as: api.admin });
    });
    const original = seen.filter((name) => /^edge-\d\d$/.test(name));
    assert.equal(original.length, 25);
    assert.equal(new Set(seen).size, seen.length);
    for (let index = 1; index <= count; index += 1) {
      const found = await list(`q=late-edge-${index}`);
      await api.call(`POST /devices/${found.body.items[0].id}/decommission`, { as: api.admin, body: {} });
      await api.call(`DELETE /devices/${found.body.items[0].id}`, { as: api.admin });
    }
  });

  it("filters by every field, all of them together", async () => {
    assert.equal((await all("status=pending")).length, 5);
    assert.equal((await all("status=pending&status=active&limit=3")).length, 25);
    assert.equal((await all("online=true")).length, 10);
    assert.equal((await all("label=site=berlin")).length, 13);
    assert.equal((await all("label=site=berlin&label=tier=gold")).length, 2);
    assert.equal(
      (await all(`selector=${encodeURIComponent("site in (berlin,rome),tier!=gold")}`)).length,
      11,
    );
    assert.equal((await all("selector=!tier")).length, 22);
    assert.equal((await all("q=^edge-0")).length, 10);
    assert.equal((await all("q=-0")).length, 10);
    assert.deepEqual(await all("q=EDGE-2&sort=name&limit=2"), [
      "edge-20",
      "edge-21",
      "edge-22",
      "edge-23",
      "edge-24",
    ]);
    assert.equal((await all("status=active&online=true&label=site=berlin&limit=1")).length, 4);
    assert.equal((await all("state=healthy")).length, 0);
  });

  it("counts them", async () => {
    const { body } = await api.call("GET /devices/summary", { as: api.admin });
    assert.deepEqual(body, {
      total: 25,
      online: 10,
      byStatus: { active: 20, pending: 5 },
      byState: { none: 20 },
    });
  });
});

describe("when a device is changed", () => {
  let api: ApiFixture;
  const heard: (BusEvents["desired:changed"] & { topic: string })[] = [];
  before(async () => {
    api = await startApi();
    api.bus.subscribe("desired:changed", (payload) => heard.push({ topic: "desired", ...payload }));
    api.bus.subscribe("device:access-changed", ({ organizationId, deviceId }) =>
      heard.push({ topic: "access", organizationId, deviceIds: [deviceId] }),
    );
  });
  after(() => api.stop());

  const change = (request: string, body?: unknown, headers: Record<string, string> = {}) =>
    api.call(request, { as: api.admin, headers, ...(body === undefined ? {} : { body }) });
  const heardOf = (topic: string, device: Device) =>
    eventually(() =>
      assert.ok(heard.some((hint) => hint.topic === topic && hint.deviceIds?.[0] === device._id)),
    );

  it("refuses a change on what was read before somebody else's change", async () => {
    const device = await api.createDevice();
    const path = `/devices/${device._id}/labels`;
    const read = await change(`GET /devices/${device._id}`);
    const etag = read.headers.get("etag") ?? "";
    assert.equal(etag, '"1"');
    const first = await change(`PUT ${path}`, { site: "berlin" }, { "if-match": etag });
    assert.equal(first.headers.get("etag"), '"2"');
    const late = await change(`PUT ${path}`, { site: "paris" }, { "if-match": etag });
    assert.equal(late.status, 412);
    assert.equal(late.body.currentETag, '"2"');
    assert.equal(
      (await change(`PUT ${path}`, { site: "paris" }, { "if-match": "2" })).body.code,
      "invalid_if_match",
    );
    assert.equal((await change(`PUT ${path}`, { site: "rome" }, { "if-match": "*" })).status, 200);
    assert.equal((await change(`PUT ${path}`, { site: "oslo" })).body.labels.site, "oslo");
  });

  it("loses no change of many at the same moment", async () => {
    const device = await api.createDevice();
    const patches = Array.from({ length: 5 }, (_, index) =>
      change(`PATCH /devices/${device._id}/labels`, { [`l${index}`]: "x" }),
    );
    const answers = await Promise.all(patches);
    assert.deepEqual(
      answers.map((answer) => answer.status),
      [200, 200, 200, 200, 200],
    );
    const { body } = await change(`GET /devices/${device._id}`);
    assert.equal(Object.keys(body.labels as object).length, 5);
    assert.equal(body.version, 6);
    const conditional = await Promise.all(
      [1, 2, 3].map((index) =>
        change(`PATCH /devices/${device._id}/labels`, { c: `${index}` }, { "if-match": '"6"' }),
      ),
    );
    assert.deepEqual(conditional.map((answer) => answer.status).sort(), [200, 412, 412]);
  });

  it("changes nothing where it is so already", async () => {
    const device = await api.createDevice({ labels: { a: "1", b: "2" } });
    const again = await change(`PUT /devices/${device._id}/labels`, { b: "2", a: "1" });
    assert.equal(again.body.version, 1);
    assert.deepEqual((await change(`GET /devices/${device._id}/events`)).body.items, []);
  });

  it("records who did what, from where, before and after, and hints to the device", async () => {
    const device = await api.createDevice({ labels: { a: "1" } });
    await change(`PATCH /devices/${device._id}/labels`, { a: null, b: "2" }, { "x-request-id": "audit-1" });
    const { body } = await change(`GET /devices/${device._id}/events`);
    assert.equal(body.items.length, 1);
    const [event] = body.items;
    assert.equal(event.kind, "device.labels-changed");
    assert.equal(event.actor.name, "admin");
    assert.match(event.address, /127\.0\.0\.1$/);
    assert.deepEqual(event.details, {
      before: { labels: { a: "1" } },
      after: { labels: { b: "2" } },
      requestId: "audit-1",
    });
    await heardOf("desired", device);
  });

  it("goes through its life as far as each step allows", async () => {
    const device = await api.createDevice({ status: "pending" });
    const at = (verb: string, body?: unknown) => change(`POST /devices/${device._id}/${verb}`, body);
    assert.equal((await at("disable")).body.code, "device_status_conflict");
    assert.equal((await at("deny")).body.status, "denied");
    assert.equal((await at("deny")).body.status, "denied");
    const approved = await at("approve", { labels: { site: "berlin" } });
    assert.deepEqual([approved.body.status, approved.body.labels], ["active", { site: "berlin" }]);
    assert.equal((await at("disable")).body.status, "disabled");
    await heardOf("access", device);
    assert.equal((await at("approve", {})).status, 409);
    assert.equal((await at("enable")).body.status, "active");
    assert.equal((await change(`DELETE /devices/${device._id}`)).body.code, "device_status_conflict");
    const gone = await at("decommission", { wipeWorkloads: true });
    assert.equal(gone.body.status, "decommissioned");
    assert.equal(gone.body.decommission.wipeWorkloads, true);
    assert.equal((await at("enable")).status, 409);
    assert.equal((await change(`DELETE /devices/${device._id}`)).status, 204);
    assert.equal((await change(`GET /devices/${device._id}`)).status, 404);
  });

  it("approves many, each on its own", async () => {
    const statuses: DeviceStatus[] = ["pending", "pending", "disabled"];
    const devices = await Promise.all(statuses.map((status) => api.createDevice({ status })));
    const ids = [...devices.map((device) => device._id), "dev_00000000000000000000000000"];
    const { body } = await change("POST /devices/approve", { ids, labels: { wave: "1" } });
    assert.deepEqual(
      body.results.map(
        (result: { status: string | null; error: { code: string } | null }) =>
          result.status ?? result.error?.code,
      ),
      ["active", "active", "device_status_conflict", "device_not_found"],
    );
  });

  it("revokes its certificates and tells the connector", async () => {
    const device = await api.createDevice();
    const now = Date.now();
    await api.store.certificates.insertMany([
      {
        _id: "AB12",
        organizationId: api.organizationId,
        deviceId: device._id,
        issuerId: `${api.organizationId}:1`,
        notBefore: new Date(now),
        notAfter: new Date(now + 1_000_000),
        revokedAt: null,
        reason: null,
      },
    ]);
    assert.deepEqual((await change(`POST /devices/${device._id}/certificates/revoke`)).body, { revoked: 1 });
    assert.deepEqual((await change(`POST /devices/${device._id}/certificates/revoke`)).body, { revoked: 0 });
    const { body } = await change(`GET /devices/${device._id}/certificates`);
    assert.notEqual(body.items[0].revokedAt, null);
    await heardOf("access", device);
  });

  it("takes overlay files, renders them in the background, and gives them back", async () => {
    const device = await api.createDevice();
    const path = `/devices/${device._id}/overlay`;
    assert.equal((await change(`GET ${path}`)).body.code, "overlay_not_found");
    const set = await change(`PUT ${path}`, { files: kustomization, root: "." });
    assert.equal(set.body.hasOverlay, true, JSON.stringify(set.body));
    const got = await change(`GET ${path}`);
    assert.deepEqual(
      got.body.files.map((file: { path: string }) => file.path),
      ["config.yaml", "kustomization.yaml"],
    );
    await eventually(async () => {
      const stored = await api.store.devices.find(api.organizationId, device._id);
      assert.ok(stored?.composition?.renderedBlobId);
    });
    const broken = [{ path: "kustomization.yaml", content: "resources: [missing.yaml]\n" }];
    await change(`PUT ${path}`, { files: broken });
    await eventually(async () => {
      const { body } = await change(`GET /devices/${device._id}`);
      assert.match(String(body.overlayError), /missing\.yaml/);
    });
    const escaping = await change(`PUT ${path}`, { files: [{ path: "../etc/passwd", content: "x" }] });
    assert.equal(escaping.status, 422);
    assert.equal(escaping.body.code, "invalid_path");
    assert.equal((await change(`DELETE ${path}`)).body.hasOverlay, false);
  });

  it("rolls back to a revision it has, until something is assigned", async () => {
    const device = await api.createDevice({
      desired: { ...deviceDocument({ organizationId: "x" }).desired, revision: 2 },
    });
    const revision = (number: number) => ({
      _id: `${device._id}:${number}`,
      organizationId: api.organizationId,
      deviceId: device._id,
      revision: number,
      digest: "0".repeat(64),
      inputsHash: "x",
      inputs: { sources: [], overlayBlobId: null, renderedBlobId: null, variables: {} },
      objectCount: 1,
      sizeBytes: 10,
      state: "healthy" as const,
      message: null,
      reason: "change" as const,
      createdAt: new Date(),
      finishedAt: null,
    });
    const advance = (number: number) => ({
      deviceId: device._id,
      organizationId: api.organizationId,
      fromRevision: 2,
      desired: device.desired,
      revision: revision(number),
    });
    for (const number of [1, 2]) await api.store.deviceRevisions.advance([advance(number)]);
    const revisions = await change(`GET /devices/${device._id}/revisions?limit=1`);
    assert.equal(revisions.body.items[0].revision, 2);
    const older = await change(
      `GET /devices/${device._id}/revisions?limit=1&cursor=${revisions.body.nextCursor}`,
    );
    assert.deepEqual([older.body.items[0].revision, older.body.nextCursor], [1, null]);
    assert.equal(
      (await change(`POST /devices/${device._id}/rollback`, { revision: 9 })).body.code,
      "revision_not_found",
    );
    assert.equal(
      (await change(`POST /devices/${device._id}/rollback`, { revision: 1 })).body.pinnedRevision,
      1,
    );
    assert.equal((await change(`PUT /devices/${device._id}/templates`, [])).body.pinnedRevision, null);
    await change(`POST /devices/${device._id}/rollback`, { revision: 1 });
    assert.equal((await change(`POST /devices/${device._id}/unpin`)).body.pinnedRevision, null);
  });
});
