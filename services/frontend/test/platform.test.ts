import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { startApi, type ApiFixture } from "./api-fixture.ts";

describe("when the platform is administered", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  const idOf = async (as: string): Promise<string> => (await api.call("GET /me", { as })).body.id as string;
  const change = (userId: string, body: object, as = api.admin) =>
    api.call(`PATCH /platform/users/${userId}`, { as, body });

  it("lists organisations with what belongs to each, searched and paged", async () => {
    const organizationId = await api.createOrganization();
    await api.store.organizations.update(organizationId, { name: "Müller & Sons", status: "suspended" });
    for (const role of ["owner", "viewer"] as const) await api.signInAs(role, organizationId);
    const presence = { online: true, connectorId: null, sessionId: null, epoch: 1 };
    const last = { since: null, lastSeenAt: null, address: null };
    await api.createDevice({ organizationId, presence: { ...presence, ...last } });
    await api.createDevice({ organizationId });
    await api.createDevice();
    const list = async (query: string) =>
      (await api.call(`GET /platform/organizations?${query}`, { as: api.admin })).body;
    const [found, ...others] = (await list(`q=${encodeURIComponent("mÜller")}`)).items;
    assert.deepEqual(others, []);
    assert.deepEqual(
      [found.id, found.members, found.devices, found.online, found.status],
      [organizationId, 2, 2, 1, "suspended"],
    );
    assert.deepEqual((await list("status=suspended&q=nothing")).items, []);
    const first = await list("limit=1");
    const second = await list(`limit=1&cursor=${first.nextCursor as string}`);
    assert.notEqual(first.items[0].id, second.items[0].id);
  });

  it("lists people with their memberships, searched by name and address", async () => {
    const organizationId = await api.createOrganization();
    const person = await api.signInAs("operator", organizationId);
    const { email } = (await api.call("GET /me", { as: person })).body as { email: string };
    const search = `q=${encodeURIComponent(email.toUpperCase())}&status=active`;
    const { items } = (await api.call(`GET /platform/users?${search}`, { as: api.admin })).body;
    assert.equal(items.length, 1);
    assert.deepEqual(items[0].memberships, [{ organizationId, name: organizationId, role: "operator" }]);
    assert.deepEqual([items[0].isPlatformAdmin, items[0].hasSecondFactor], [false, false]);
    assert.equal(JSON.stringify(items).includes("argon2"), false);
  });

  it("ends a disabled person's sessions and API tokens at once, and takes the tokens again when enabled", async () => {
    const person = await api.signInAs("operator");
    const userId = await idOf(person);
    const created = await api.call("POST /api-tokens", {
      as: person,
      body: { name: "ci", scopes: ["read"] },
    });
    const token = created.body.token as string;
    assert.equal((await change(userId, { status: "disabled" })).body.status, "disabled");
    for (const as of [person, token]) assert.equal((await api.call("GET /devices", { as })).status, 401);
    assert.equal((await change(userId, { status: "active" })).status, 200);
    assert.equal((await api.call("GET /devices", { as: token })).status, 200);
    assert.equal((await api.call("GET /devices", { as: person })).status, 401, "the session stays ended");
    const filter = { kinds: ["user.disabled"], limit: 1 };
    const [inside] = await api.store.events.list({ organizationId: api.organizationId, ...filter });
    const [platform] = (await api.call("GET /platform/events?kind=user.disabled", { as: api.admin })).body
      .items;
    for (const details of [inside?.details, platform.details]) {
      assert.deepEqual(details["before"], { status: "active" });
      assert.deepEqual(details["after"], { status: "disabled" });
    }
  });

  it("is told of failed attempts to sign in, without what was typed for a name that nobody has", async () => {
    const attempt = (username: string) =>
      api.call("POST /login", { body: { username, password: "a wrong password" } });
    assert.equal((await attempt("admin")).status, 401);
    assert.equal((await attempt("hunter2-the-password")).status, 401);
    const { items } = (await api.call("GET /platform/events?kind=session.refused", { as: api.admin })).body;
    assert.deepEqual(
      items.map(({ message }: { message: string }) => message),
      ["Somebody tried to sign in by a name that nobody has.", "Somebody failed to sign in as admin."],
    );
    assert.equal(JSON.stringify(items).includes("hunter2"), false);
    const filter = { kinds: ["session.refused"], limit: 9 };
    const inside = await api.store.events.list({ organizationId: api.organizationId, ...filter });
    assert.deepEqual(
      inside.map(({ severity, address }) => [severity, address]),
      [["warning", "127.0.0.1"]],
    );
  });

  it("says so where there is no such user, and where nothing is asked for", async () => {
    assert.equal((await change(newId("usr"), { status: "disabled" })).body.code, "user_not_found");
    assert.equal((await change(newId("usr"), {})).body.code, "invalid_input");
  });

  it("makes administrators and keeps one, also when two unmake each other at once", async () => {
    const other = await api.signInAs(null);
    const [adminId, otherId] = [await idOf(api.admin), await idOf(other)];
    assert.equal((await change(adminId, { isPlatformAdmin: false })).body.code, "own_account");
    assert.equal((await api.call("GET /platform/users", { as: other })).status, 403);
    assert.equal((await change(otherId, { isPlatformAdmin: true })).status, 200);
    assert.equal((await api.call("GET /platform/users", { as: other })).status, 200);
    const answers = await Promise.all([
      change(otherId, { isPlatformAdmin: false }, api.admin),
      change(adminId, { status: "disabled" }, other),
    ]);
    assert.deepEqual(answers.map(({ status, body }) => (status === 200 ? 200 : body.code)).sort(), [
      200,
      "last_platform_admin",
    ]);
    assert.equal(await api.store.userDirectory.countPlatformAdmins(), 1);
  });
});
