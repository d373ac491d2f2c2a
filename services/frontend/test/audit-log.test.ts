import assert from "node:assert/strict";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { newId } from "@rciots/runtime";
import type { NewEvent } from "@rciots/store";
import { callApi, eventually, startApi, type ApiFixture } from "./api-fixture.ts";

describe("when the audit log is searched", () => {
  let api: ApiFixture;
  let organizationId: string;
  let viewer: string;
  before(async () => {
    api = await startApi();
    organizationId = await api.createOrganization();
    viewer = await api.signInAs("viewer", organizationId);
    const ada = { kind: "user" as const, id: newId("usr"), name: "ada" };
    const ci = { kind: "api-token" as const, id: newId("tok"), name: "ci (bob)" };
    await append("device.enrolled", "edge-1 enrolled.", ada);
    await append("device.disabled", "edge-1 was Disabled.", ci, "warning");
    await append("devices.odd", "no device at all", ci);
    await append("member.created", "100% (new)", ada);
  });
  after(() => api.stop());

  const append = (
    kind: string,
    message: string,
    actor: NewEvent["actor"],
    severity = "info" as const as NewEvent["severity"],
  ) => api.store.events.append({ organizationId, kind, message, actor, ...(severity && { severity }) });
  const kinds = async (query: string): Promise<string[]> => {
    const { status, body } = await api.call(`GET /events?${query}`, { as: viewer });
    assert.equal(status, 200, JSON.stringify(body));
    return (body.items as { kind: string }[]).map(({ kind }) => kind).sort();
  };

  it("finds by kind, exactly or by its noun", async () => {
    assert.deepEqual(await kinds("kind=device.*"), ["device.disabled", "device.enrolled"]);
    assert.deepEqual(await kinds("kind=device.*&kind=member.created"), [
      "device.disabled",
      "device.enrolled",
      "member.created",
    ]);
    assert.deepEqual(await kinds("kind=device.enrolled"), ["device.enrolled"]);
    assert.equal((await api.call("GET /events?kind=*", { as: viewer })).status, 400);
  });

  it("finds by who did it, by words of the message taken as they are, and by severity", async () => {
    const [{ actor }] = (await api.call("GET /events?kind=member.created", { as: viewer })).body.items;
    assert.deepEqual(await kinds(`actor=${actor.id as string}`), ["device.enrolled", "member.created"]);
    assert.deepEqual(await kinds("actor=BOB"), ["device.disabled", "devices.odd"]);
    assert.deepEqual(await kinds("q=disabled"), ["device.disabled"]);
    assert.deepEqual(await kinds(`q=${encodeURIComponent("100% (")}`), ["member.created"]);
    assert.deepEqual(await kinds("q=.*"), []);
    assert.deepEqual(await kinds("severity=warning&actor=bob"), ["device.disabled"]);
  });

  it("finds by time, and refuses time that runs backwards", async () => {
    const at = encodeURIComponent(new Date(Date.now() - 60_000).toISOString());
    assert.equal((await kinds(`from=${at}`)).length, 4);
    assert.deepEqual(await kinds(`to=${at}`), []);
    assert.equal(
      (await api.call(`GET /events?from=${at}&to=${at}`, { as: viewer })).body.code,
      "invalid_range",
    );
  });

  it("has single connections, which can be left out, and which the overview leaves out", async () => {
    const from = { kind: "address" as const, id: "203.0.113.5", name: "203.0.113.5" };
    const own = await api.createOrganization();
    const reader = await api.signInAs("viewer", own);
    const append = (kind: string) =>
      api.store.events.append({ organizationId: own, kind, message: kind, actor: from });
    await append("device.enrolled");
    for (let index = 0; index < 15; index += 1) await append("connection.opened");
    const count = async (query: string): Promise<number> =>
      (await api.call(`GET /events?${query}`, { as: reader })).body.items.length as number;
    assert.equal(await count("limit=50"), 16);
    assert.equal(await count("limit=50&connections=false"), 1);
    assert.equal(await count("limit=50&kind=connection.*&actor=203.0.113.5"), 15);
    const overview = await api.call("GET /overview", { as: reader });
    assert.deepEqual(
      overview.body.events.map(({ kind }: { kind: string }) => kind),
      ["device.enrolled"],
    );
    const exported = await api.call("GET /events/export?format=ndjson", { as: reader });
    assert.equal((exported.body as string).match(/"kind":"connection.opened"/g)?.length, 15);
  });

  it("is filtered on its further pages too", async () => {
    const { nextCursor } = (await api.call("GET /events?kind=device.*&limit=1", { as: viewer })).body;
    assert.deepEqual(await kinds(`kind=device.*&limit=1&cursor=${nextCursor as string}`), [
      "device.enrolled",
    ]);
  });
});

describe("when the audit log is exported", function () {
  this.timeout(60_000);
  let api: ApiFixture;
  let organizationId: string;
  let viewer: string;
  const count = 20_000;
  before(async () => {
    api = await startApi();
    organizationId = await api.createOrganization();
    viewer = await api.signInAs("viewer", organizationId);
    const actor = { kind: "user" as const, id: newId("usr"), name: "ada" };
    for (let start = 0; start < count; start += 2_000) {
      const batch = Array.from({ length: 2_000 }, (_, index) => ({
        organizationId,
        kind: "device.changed",
        actor,
        message: `change ${start + index} ${"x".repeat(200)}`,
      }));
      await api.store.events.appendMany(batch);
    }
  });
  after(() => api.stop());

  /** How often the store was read while `work` ran, and how many events of the pages were held at most. */
  async function countReads(work: (reads: () => number) => Promise<void>): Promise<void> {
    const { list } = api.store.events;
    let reads = 0;
    api.store.events.list = async (query) => {
      if (query.organizationId === organizationId) reads += 1;
      assert.ok(query.limit <= 500, "no more than a page is held");
      return list(query);
    };
    await work(() => reads).finally(() => {
      api.store.events.list = list;
    });
  }

  async function open(query: string): Promise<IncomingMessage> {
    const request = get(`${api.url}/api/v1/events/export?${query}`, {
      headers: { authorization: `Bearer ${viewer}` },
    });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return response;
  }

  it("holds every event once, the newest first, a page in memory at a time", async () => {
    await countReads(async (reads) => {
      const answer = await api.call("GET /events/export?format=ndjson&kind=device.changed", { as: viewer });
      assert.equal(answer.headers.get("content-type"), "application/x-ndjson; charset=utf-8");
      assert.match(
        answer.headers.get("content-disposition") ?? "",
        /^attachment; filename="rciots-events-.*\.ndjson"$/,
      );
      const lines = (answer.body as string).trimEnd().split("\n");
      assert.equal(lines.length, count);
      const ids = lines.map((line) => (JSON.parse(line) as { id: string }).id);
      assert.equal(new Set(ids).size, count);
      assert.deepEqual(ids, ids.toSorted().reverse());
      assert.equal(reads(), count / 500 + 1);
    });
    const exported = await api.call("GET /events?kind=audit-log.exported", { as: viewer });
    assert.deepEqual(exported.body.items[0].details.filters, { kind: ["device.changed"] });
  });

  it("reads no further while the caller takes nothing, nor after the caller is gone", async () => {
    await countReads(async (reads) => {
      const response = await open("format=csv");
      let before = -1;
      // What fits into the buffers on the way is read; then it stands still.
      await eventually(async () => {
        before = reads();
        await new Promise((resolve) => setTimeout(resolve, 300));
        assert.equal(reads(), before);
      });
      assert.ok(before < count / 500, `${before} pages were read`);
      response.destroy();
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.ok(reads() <= before + 1);
    });
  });

  it("writes CSV that no spreadsheet takes for a formula", async () => {
    const actor = { kind: "user" as const, id: newId("usr"), name: '=HYPERLINK("http://evil")' };
    const details = { before: { name: "a,b" }, after: { name: 'c "d"' } };
    await api.store.events.append({
      organizationId,
      kind: "csv.test",
      message: "@SUM(A1)\nnext",
      actor,
      details,
    });
    const answer = await api.call("GET /events/export?kind=csv.test", { as: viewer });
    assert.equal(answer.headers.get("content-type"), "text/csv; charset=utf-8");
    const [head, ...rows] = (answer.body as string).split("\r\n");
    assert.match(head ?? "", /^at,kind,severity,message,/);
    const row = rows.join("\r\n");
    assert.ok(row.includes(`"'@SUM(A1)\nnext"`), row);
    assert.ok(row.includes(`"'=HYPERLINK(""http://evil"")"`), row);
    assert.ok(row.includes(`"{""name"":""a,b""}"`), row);
  });

  it("answers only headers to HEAD", async () => {
    await countReads(async (reads) => {
      const answer = await callApi(api.url, "HEAD /events/export", { as: viewer });
      assert.deepEqual([answer.status, answer.body, reads()], [200, undefined, 0]);
    });
  });
});
