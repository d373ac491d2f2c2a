import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import { hashToken } from "@rciots/runtime";
import { ensureFirstRun } from "@rciots/frontend";
import { adminPassword, callApi, eventually, startApi, type ApiFixture } from "./api-fixture.ts";

const login = (password: string, username = "admin") => ({ body: { username, password } });

describe("when people sign in", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  it("takes the user name or the e-mail address, in any case", async () => {
    for (const body of [
      { username: "ADMIN", password: adminPassword },
      { email: "Admin@localhost", password: adminPassword },
    ]) {
      const answer = await api.call("POST /login", { body });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      assert.match(answer.body.token, /^rcs_/);
      assert.equal(answer.body.account.organizations[0].role, "owner");
    }
    const both = await api.call("POST /login", { body: { username: "admin", email: "a@b", password: "x" } });
    assert.equal(both.status, 400);
  });

  it("tells an unknown name and a wrong password alike", async () => {
    const wrong = await api.call("POST /login", login("wrong"));
    const unknown = await api.call("POST /login", login("wrong", "nobody"));
    for (const answer of [wrong, unknown]) assert.equal(answer.status, 401);
    assert.equal(wrong.body.detail, unknown.body.detail);
  });

  it("stores no token or password in clear", async () => {
    const { body } = await api.call("POST /login", login(adminPassword));
    assert.equal(await api.store.accounts.findSession(body.token), null);
    assert.notEqual(await api.store.accounts.findSession(hashToken(body.token)), null);
    const user = await api.store.accounts.findUser(body.account.id);
    assert.match(user?.passwordHash ?? "", /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  it("ends a session at sign-out, and only that one", async () => {
    const first = (await api.call("POST /login", login(adminPassword))).body.token as string;
    const second = (await api.call("POST /login", login(adminPassword))).body.token as string;
    assert.equal((await api.call("POST /logout", { as: first })).status, 204);
    assert.equal((await api.call("GET /me", { as: first })).status, 401);
    assert.equal((await api.call("GET /me", { as: second })).status, 200);
  });

  it("refuses expired sessions and disabled people", async () => {
    const { frontend, url } = await api.startFrontend({ sessionMs: 1 });
    const short = await callApi(url, "POST /login", login(adminPassword));
    await eventually(async () =>
      assert.equal((await api.call("GET /me", { as: short.body.token })).status, 401),
    );
    await frontend.stop();
  });

  it("changes the password and ends the other sessions", async () => {
    const username = "changer";
    const password = "first password here";
    const member = { username, email: "changer@example.com", password, role: "viewer" };
    assert.equal((await api.call("POST /members", { as: api.admin, body: member })).status, 201);
    const one = (await api.call("POST /login", login(password, username))).body.token as string;
    const other = (await api.call("POST /login", login(password, username))).body.token as string;
    const change = { currentPassword: password, newPassword: "another password" };
    const short = await api.call("POST /me/password", { as: one, body: { ...change, newPassword: "short" } });
    assert.equal(short.status, 400);
    assert.equal((await api.call("POST /me/password", { as: one, body: change })).status, 204);
    assert.equal((await api.call("GET /me", { as: one })).status, 200);
    assert.equal((await api.call("GET /me", { as: other })).status, 401);
    assert.equal((await api.call("POST /login", login(password, username))).status, 401);
    assert.equal((await api.call("POST /login", login("another password", username))).status, 200);
  });
});

describe("when somebody guesses passwords", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi({ loginLimits: { accountFailures: 3, addressFailures: 8, windowMs: 60_000 } });
  });
  after(() => api.stop());

  it("bans the account, then the address, and says for how long", async () => {
    const attempts = await Promise.all(
      Array.from({ length: 6 }, () => api.call("POST /login", login("wrong"))),
    );
    const statuses = attempts.map((answer) => answer.status).sort();
    assert.deepEqual(statuses, [401, 401, 401, 429, 429, 429], "attempts at the same moment count too");
    const right = await api.call("POST /login", login(adminPassword));
    assert.equal(right.status, 429, "a banned account stays so with the right password");
    assert.ok(Number(right.headers.get("retry-after")) > 0);
    for (let index = 0; index < 8; index += 1) await api.call("POST /login", login("wrong", `user-${index}`));
    const other = await api.call("POST /login", login("wrong", "another"));
    assert.equal(other.status, 429);
    assert.match(other.body.detail, /address/);
  });
});

describe("when a browser holds the session cookie", () => {
  let api: ApiFixture;
  let cookie: string;
  let csrfToken: string;
  before(async () => {
    api = await startApi({
      publicUrls: { enroll: "https://e", edge: "https://d", console: "https://console.example.com" },
    });
    const answer = await api.call("POST /login", login(adminPassword));
    const header = answer.headers.get("set-cookie") ?? "";
    assert.match(header, /; HttpOnly; SameSite=Strict; Secure$/);
    cookie = header.split(";")[0] ?? "";
    csrfToken = answer.body.csrfToken as string;
  });
  after(() => api.stop());

  const write = (headers: Record<string, string>) =>
    api.call("POST /provisioning-tokens", {
      body: { name: `t${Math.random()}` },
      headers: { cookie, ...headers },
    });

  it("reads with the cookie alone, writes with the token of the page only", async () => {
    const me = await api.call("GET /me", { headers: { cookie } });
    assert.equal(me.body.csrfToken, csrfToken);
    assert.equal((await write({})).body.code, "csrf_token_invalid");
    assert.equal((await write({ "x-csrf-token": "wrong" })).body.code, "csrf_token_invalid");
    assert.equal((await write({ "x-csrf-token": csrfToken })).status, 201);
    const origin = "https://console.example.com";
    assert.equal(
      (await write({ "x-csrf-token": csrfToken, origin, "sec-fetch-site": "same-origin" })).status,
      201,
    );
  });

  it("refuses what comes from another site's page", async () => {
    const evil = { origin: "https://evil.example.com" };
    assert.equal((await write({ "x-csrf-token": csrfToken, ...evil })).body.code, "foreign_origin");
    assert.equal(
      (await write({ "x-csrf-token": csrfToken, "sec-fetch-site": "cross-site" })).body.code,
      "foreign_origin",
    );
    const signIn = await api.call("POST /login", { ...login(adminPassword), headers: evil });
    assert.equal(signIn.body.code, "foreign_origin");
  });

  it("needs no such token from a client that sends its credential itself", async () => {
    const body = { name: "bearer" };
    assert.equal((await api.call("POST /provisioning-tokens", { as: api.admin, body })).status, 201);
    const logout = await api.call("POST /logout", { headers: { cookie, "x-csrf-token": csrfToken } });
    assert.match(logout.headers.get("set-cookie") ?? "", /^rciots_session=; Path=\/; Max-Age=0/);
  });
});

describe("when programs use API tokens", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  async function create(body: object): Promise<{ id: string; token: string }> {
    const answer = await api.call("POST /api-tokens", {
      as: api.admin,
      body: { name: "ci", scopes: ["read"], ...body },
    });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body as { id: string; token: string };
  }

  it("shows a token once, takes it as Bearer and as the password of Basic, and notes its use", async () => {
    const { id, token } = await create({});
    const listed = await api.call("GET /api-tokens", { as: api.admin });
    assert.equal(JSON.stringify(listed.body).includes(token), false);
    assert.equal((await api.call("GET /devices", { as: token })).status, 200);
    const basic = `Basic ${Buffer.from(`anybody:${token}`).toString("base64")}`;
    assert.equal((await api.call("GET /devices", { headers: { authorization: basic } })).status, 200);
    await eventually(async () => {
      const found = await api.store.accounts.findApiToken(api.organizationId, id);
      assert.ok(found?.lastUsedAt);
    });
  });

  it("stops at once when revoked, expired, or its owner leaves", async () => {
    const { id, token } = await create({});
    assert.equal((await api.call(`DELETE /api-tokens/${id}`, { as: api.admin })).status, 204);
    assert.equal((await api.call("GET /devices", { as: token })).status, 401);
    const past = new Date(Date.now() - 1_000).toISOString();
    const late = await api.call("POST /api-tokens", {
      as: api.admin,
      body: { name: "x", scopes: ["read"], expiresAt: past },
    });
    assert.equal(late.status, 400);
    const soon = await create({ expiresAt: new Date(Date.now() + 400).toISOString() });
    assert.equal((await api.call("GET /devices", { as: soon.token })).status, 200);
    await eventually(async () =>
      assert.equal((await api.call("GET /devices", { as: soon.token })).status, 401),
    );
  });

  it("keeps to its scope, however mighty its owner", async () => {
    const { token } = await create({ scopes: ["write"] });
    const body = { name: "by-token" };
    assert.equal((await api.call("POST /provisioning-tokens", { as: token, body })).status, 201);
    assert.equal(
      (await api.call("PUT /secrets/X", { as: token, body: { value: "x" } })).body.code,
      "role_required",
    );
    const own = await api.call("POST /api-tokens", { as: token, body: { name: "more", scopes: ["admin"] } });
    assert.equal(own.body.code, "session_required");
  });

  it("is refused where the credential is nonsense", async () => {
    for (const authorization of [
      "Bearer",
      "Bearer ",
      "Bearer x",
      "Basic x",
      "Basic Og==",
      "Digest x",
      "rca_x",
    ]) {
      assert.equal(
        (await api.call("GET /devices", { headers: { authorization } })).status,
        401,
        authorization,
      );
    }
  });
});

describe("when members are managed", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  it("gives nobody more than the giver has, and keeps one owner", async () => {
    const admin = await api.signInAs("admin");
    const body = { username: "boss", email: "boss@example.com", password: "a long password", role: "owner" };
    assert.equal((await api.call("POST /members", { as: admin, body })).status, 403);
    const me = await api.call("GET /me", { as: api.admin });
    assert.equal(
      (await api.call(`PATCH /members/${me.body.id}`, { as: admin, body: { role: "viewer" } })).status,
      403,
    );
    const demoted = await api.call(`PATCH /members/${me.body.id}`, {
      as: api.admin,
      body: { role: "viewer" },
    });
    assert.equal(demoted.body.code, "last_owner");
    assert.equal(
      (await api.call(`DELETE /members/${me.body.id}`, { as: api.admin })).body.code,
      "last_owner",
    );
  });

  it("takes the access away at once", async () => {
    const session = await api.signInAs("operator");
    const userId = (await api.call("GET /me", { as: session })).body.id as string;
    assert.equal((await api.call("GET /devices", { as: session })).status, 200);
    assert.equal((await api.call(`DELETE /members/${userId}`, { as: api.admin })).status, 204);
    assert.equal((await api.call("GET /devices", { as: session })).body.code, "no_organization");
  });
});

describe("when an organisation is suspended", () => {
  it("can be looked at, not changed, and is told to everybody", async () => {
    const api = await startApi();
    try {
      const created = await api.call("POST /organizations", { as: api.admin, body: { name: "tenant" } });
      const id = created.body.id as string;
      const heard: string[] = [];
      api.bus.subscribe("organization:changed", ({ organizationId }) => heard.push(organizationId));
      const body = { status: "suspended" };
      assert.equal(
        (await api.call(`PATCH /platform/organizations/${id}`, { as: api.admin, body })).body.status,
        "suspended",
      );
      const headers = { "x-rciots-organization": id };
      assert.equal((await api.call("GET /devices", { as: api.admin, headers })).status, 200);
      const write = await api.call("POST /provisioning-tokens", {
        as: api.admin,
        headers,
        body: { name: "x" },
      });
      assert.equal(write.body.code, "organization_suspended");
      await eventually(() => assert.deepEqual(heard, [id]));
    } finally {
      await api.stop();
    }
  });
});

describe("when a platform runs for the first time", () => {
  it("makes one organisation and one administrator, on however many replicas", async () => {
    const api = await startApi();
    try {
      const { store, vault } = api;
      const again = await Promise.all(
        Array.from({ length: 4 }, () => ensureFirstRun({ store, vault, adminPassword: "other" })),
      );
      for (const run of again)
        assert.deepEqual(run, { organizationId: api.organizationId, username: "admin" });
      assert.equal((await api.call("POST /login", login("other"))).status, 401);
      await store.organizations.update(api.organizationId, { name: "renamed" });
      await ensureFirstRun({ store, vault });
      assert.equal((await store.organizations.list({ limit: 10 })).length, 1);
    } finally {
      await api.stop();
    }
  });

  it("says so where its port is taken", async () => {
    const api = await startApi();
    const taken = createServer().listen(0, "127.0.0.1");
    try {
      await once(taken, "listening");
      const { port } = taken.address() as { port: number };
      await assert.rejects(api.startFrontend({ port }), /another process uses this port/);
    } finally {
      taken.close();
      await api.stop();
    }
  });
});
