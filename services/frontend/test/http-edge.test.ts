import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { startApi, type ApiFixture } from "./api-fixture.ts";

describe("when requests are hostile or wrong", () => {
  let api: ApiFixture;
  let deviceId: string;
  before(async () => {
    api = await startApi();
    deviceId = (await api.createDevice({ labels: { site: "berlin" } }))._id;
  });
  after(() => api.stop());

  const as = (): { as: string } => ({ as: api.admin });

  it("refuses query operators in every field of a query", async () => {
    const queries = [
      "status[$ne]=active",
      "q[$regex]=.*",
      "label[$gt]=",
      "cursor[$ne]=x",
      "limit[$gt]=0",
      "templateId[$exists]=true",
      "$where=1",
      "__proto__[x]=1",
      "status=active&status[$ne]=x",
      "unknown=1",
    ];
    for (const query of queries) {
      const answer = await api.call(`GET /devices?${query}`, as());
      assert.equal(answer.status, 400, query);
      assert.equal(answer.body.code, "invalid_input", query);
    }
  });

  it("refuses query operators in every body", async () => {
    const attempts: [string, unknown][] = [
      ["POST /login", { username: { $ne: null }, password: { $ne: null } }],
      ["POST /login", { username: "admin", password: { $gt: "" } }],
      ["POST /api-tokens", { name: { $ne: "" }, scopes: ["read"] }],
      ["POST /api-tokens", { name: "x", scopes: [{ $ne: "" }] }],
      ["POST /provisioning-tokens", { name: "x", labels: { $where: "1" } }],
      ["POST /provisioning-tokens", { name: "x", maxDevices: { $gt: 0 } }],
      ["POST /provisioning-tokens", { name: "x", templateIds: [{ $ne: null }] }],
      ["PUT /devices/ID/labels", { "a.b": "x" }],
      ["PUT /devices/ID/labels", { $set: "x" }],
      ["PUT /devices/ID/labels", { site: { $ne: "x" } }],
      ["PATCH /devices/ID/labels", { $unset: null }],
      ["PATCH /devices/ID/labels", { "labels.site": null }],
      ["PUT /devices/ID/variables", { $set: "x" }],
      ["PUT /devices/ID/variables", { "a.b": "x" }],
      ["PUT /devices/ID/templates", [{ templateId: { $ne: null } }]],
      ["PATCH /devices/ID", { deadlineMs: { $gt: 0 } }],
      ["PATCH /devices/ID", { deadlineMs: 5_000, status: "active" }],
      ["POST /devices/approve", { ids: [{ $ne: null }] }],
      ["POST /devices/ID/rollback", { revision: { $gt: 0 } }],
      ["POST /templates", { name: "x", files: [{ path: { $ne: "" }, content: "x" }] }],
      ["PUT /secrets/NAME", { value: { $ne: "" } }],
      ["PATCH /organization", { name: "x", dataKey: "stolen" }],
      [
        "POST /members",
        { username: "x", email: "x@y.z", password: "a long password", role: "viewer", isPlatformAdmin: true },
      ],
    ];
    for (const [request, body] of attempts) {
      const answer = await api.call(request.replace("ID", deviceId), { ...as(), body });
      const shown = `${request} ${JSON.stringify(body)}: ${answer.status} ${JSON.stringify(answer.body)}`;
      assert.equal(answer.status, 400, shown);
      assert.equal(answer.body.code, "invalid_input", shown);
    }
  });

  it("refuses fields that JavaScript gives a meaning", async () => {
    const raw = '{"__proto__":"x","tag":"1"}';
    const answer = await api.call(`PUT /devices/${deviceId}/variables`, { ...as(), body: raw });
    assert.equal(answer.status, 400, JSON.stringify(answer.body));
    const nested = '{"name":"x","labels":{"__proto__":"x"}}';
    assert.equal((await api.call("POST /provisioning-tokens", { ...as(), body: nested })).status, 400);
    for (const name of ["constructor", "prototype"]) {
      for (const field of ["variables", "labels"]) {
        for (const method of ["PUT", "PATCH"]) {
          const answer = await api.call(`${method} /devices/${deviceId}/${field}`, {
            ...as(),
            body: { [name]: "a" },
          });
          assert.equal(answer.status, 400, `${method} ${field} ${name}`);
        }
      }
    }
    await api.call(`PUT /devices/${deviceId}/variables`, { ...as(), body: { toString: "b" } });
    const patched = await api.call(`PATCH /devices/${deviceId}/variables`, {
      ...as(),
      body: { valueOf: "c" },
    });
    assert.deepEqual(patched.body.variables, { toString: "b", valueOf: "c" });
  });

  it("takes a search as text, not as a pattern", async () => {
    await api.createDevice({ name: "a.b" });
    await api.createDevice({ name: "axb" });
    const found = await api.call("GET /devices?q=a.b", as());
    assert.deepEqual(
      found.body.items.map((item: { name: string }) => item.name),
      ["a.b"],
    );
    for (const q of ["(((((a+)+)+)+)+$", ".*", "[", "\\", "^"]) {
      const answer = await api.call(`GET /devices?q=${encodeURIComponent(q)}&sort=name`, as());
      assert.equal(answer.status, 200, q);
      if (q !== "^") assert.deepEqual(answer.body.items, [], q);
    }
  });

  it("refuses ids, cursors and selectors that aren't", async () => {
    for (const path of [
      "/devices/x",
      "/devices/dev_",
      "/devices/%00",
      "/templates/tpl_'",
      "/devices/..%2f..%2fsecrets",
    ]) {
      const answer = await api.call(`GET ${path}`, as());
      assert.ok([400, 404].includes(answer.status), path);
    }
    assert.equal((await api.call("GET /devices/%zz", as())).body.code, "invalid_path");
    for (const cursor of [
      "x",
      "W10",
      Buffer.from('["devices-name","a"]').toString("base64url"),
      Buffer.from('["devices-newest",{"$ne":1}]').toString("base64url"),
    ]) {
      assert.equal(
        (await api.call(`GET /devices?cursor=${cursor}`, as())).body.code,
        "invalid_cursor",
        cursor,
      );
    }
    for (const selector of [
      "a.b=c",
      "$where=1",
      "site in berlin",
      "site=$ne",
      "=x",
      "a=b=c",
      "site in ()x",
    ]) {
      const answer = await api.call(`GET /devices?selector=${encodeURIComponent(selector)}`, as());
      assert.equal(answer.body?.code, "invalid_selector", selector);
    }
  });

  it("refuses a body of 200 MB without reading it", async () => {
    const { port } = api.frontend.address();
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined).setMaxListeners(0);
    await once(socket, "connect");
    socket.write(
      `POST /api/v1/templates HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.admin}\r\n` +
        "Content-Type: application/json\r\nContent-Length: 209715200\r\n\r\n",
    );
    const [head] = (await once(socket, "data")) as [Buffer];
    assert.match(head.toString(), /^HTTP\/1\.1 413 /);
    // Goes on sending regardless: it is cut long before the end.
    const chunk = Buffer.alloc(65_536, 0x20);
    let sentBytes = 0;
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    while (!socket.destroyed && sentBytes < 209_715_200) {
      const isDrained = new Promise<void>((resolve) => socket.once("drain", () => resolve()));
      if (!socket.write(chunk)) await Promise.race([isDrained, closed]);
      sentBytes += chunk.length;
    }
    await closed;
    assert.ok(sentBytes < 50 * 1_048_576, `${sentBytes} bytes were taken`);
  });

  it("counts a body that doesn't announce its length", async () => {
    const { port } = api.frontend.address();
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.write(
      `PUT /api/v1/devices/${deviceId}/labels HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.admin}\r\n` +
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    const answered = once(socket, "data") as Promise<[Buffer]>;
    for (let index = 0; index < 40; index += 1) socket.write(`1000\r\n${" ".repeat(4_096)}\r\n`);
    assert.match((await answered)[0].toString(), /^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  it("refuses bodies that are too large for the call, of another type, or no JSON", async () => {
    const large = { ...as(), body: { name: "x".repeat(70_000) } };
    assert.equal((await api.call("POST /provisioning-tokens", large)).status, 413);
    const form = {
      ...as(),
      body: "name=x",
      headers: { "content-type": "application/x-www-form-urlencoded" },
    };
    assert.equal((await api.call("POST /provisioning-tokens", form)).status, 415);
    const zipped = { ...as(), body: "{}", headers: { "content-encoding": "gzip" } };
    assert.equal((await api.call("POST /provisioning-tokens", zipped)).status, 415);
    assert.equal(
      (await api.call("POST /provisioning-tokens", { ...as(), body: "{" })).body.code,
      "invalid_json",
    );
    assert.equal((await api.call("POST /provisioning-tokens", as())).body.code, "body_missing");
    assert.equal(
      (await api.call(`POST /devices/${deviceId}/disable`, { ...as(), body: { x: 1 } })).body.code,
      "unexpected_body",
    );
    const deep = "[".repeat(30_000) + "]".repeat(30_000);
    assert.equal((await api.call(`PUT /devices/${deviceId}/templates`, { ...as(), body: deep })).status, 400);
  });

  it("keeps labels and variables within their limits", async () => {
    const many = Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`v${index}`, "x"]));
    assert.equal((await api.call(`PUT /devices/${deviceId}/variables`, { ...as(), body: many })).status, 400);
    const full = Object.fromEntries(Object.entries(many).slice(0, 256));
    assert.equal((await api.call(`PUT /devices/${deviceId}/variables`, { ...as(), body: full })).status, 200);
    const oneMore = { one_more: "x" };
    assert.equal(
      (await api.call(`PATCH /devices/${deviceId}/variables`, { ...as(), body: oneMore })).status,
      400,
    );
    const long = { value: "ä".repeat(2_049) };
    assert.equal((await api.call(`PUT /devices/${deviceId}/variables`, { ...as(), body: long })).status, 400);
    const labels = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`l${index}`, "x"]));
    assert.equal((await api.call(`PUT /devices/${deviceId}/labels`, { ...as(), body: labels })).status, 200);
    assert.equal(
      (await api.call(`PATCH /devices/${deviceId}/labels`, { ...as(), body: { more: "x" } })).status,
      400,
    );
  });

  it("answers with problems, request ids and strict headers everywhere", async () => {
    const unknown = await api.call("GET /nothing", as());
    assert.equal(unknown.status, 404);
    const method = await api.call("PUT /devices", { ...as(), body: {} });
    assert.equal(method.status, 405);
    assert.equal(method.headers.get("allow"), "GET");
    const anonymous = await api.call("GET /devices");
    assert.equal(anonymous.status, 401);
    assert.equal(anonymous.headers.get("www-authenticate"), "Bearer");
    const named = await api.call("GET /devices", { ...as(), headers: { "x-request-id": "abc-1" } });
    assert.equal(named.headers.get("x-request-id"), "abc-1");
    for (const answer of [unknown, method, anonymous, named]) {
      assert.match(
        answer.headers.get("content-security-policy") ?? "",
        /default-src 'none'.*frame-ancestors 'none'/,
      );
      assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
      assert.equal(answer.headers.get("cache-control"), "no-store");
      assert.equal(answer.headers.get("x-powered-by"), null);
    }
  });

  it("describes itself completely", async () => {
    const document = JSON.parse(await (await fetch(`${api.url}/api/v1/openapi.json`)).text());
    assert.equal(document.openapi, "3.1.0");
    const operations = Object.values(
      document.paths as Record<string, Record<string, { operationId: string }>>,
    )
      .flatMap((path) => Object.values(path))
      .map((operation) => operation.operationId);
    assert.deepEqual(operations.sort(), api.frontend.routes.map((route) => route.id).sort());
    assert.equal(new Set(operations).size, operations.length);
    const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g);
    for (const [, name] of references) assert.ok(document.components.schemas[name ?? ""], name);
  });

  it("says whether it is well", async () => {
    assert.equal((await fetch(`${api.url}/healthz`)).status, 200);
    assert.deepEqual(await (await fetch(`${api.url}/readyz`)).json(), { status: "ok", faults: [] });
  });
});

describe("when the store is gone", () => {
  it("is alive but not ready", async () => {
    const api = await startApi();
    try {
      await api.store.close();
      assert.equal((await fetch(`${api.url}/healthz`)).status, 200);
      assert.equal((await fetch(`${api.url}/readyz`)).status, 503);
    } finally {
      await api.stop();
    }
  });
});
