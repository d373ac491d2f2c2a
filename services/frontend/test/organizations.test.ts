import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { startApi, type ApiFixture } from "./api-fixture.ts";

describe("when people create organisations", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi({ signUp: "open" });
  });
  after(() => api.stop());

  const create = (as: string, name = newId("organization")) =>
    api.call("POST /organizations", { as, body: { name } });
  const idOf = async (as: string): Promise<string> => (await api.call("GET /me", { as })).body.id;

  it("makes the creator its owner, who can switch to it", async () => {
    const person = await api.signInAs("viewer");
    const created = await create(person);
    assert.equal(created.status, 201);
    const headers = { "x-rciots-organization": created.body.id as string };
    assert.equal((await api.call("GET /me", { as: person, headers })).body.role, "owner");
    assert.equal((await api.call("GET /me", { as: person })).body.role, "viewer");
  });

  it("leaves nothing of one whose name is taken, or of one too many", async () => {
    const person = await api.signInAs(null);
    const name = newId("taken");
    assert.equal((await create(person, name)).status, 201);
    assert.equal((await create(person, name)).body.code, "name_taken");
    for (let index = 1; index < 18; index += 1) await create(person);
    const answers = await Promise.all(Array.from({ length: 5 }, () => create(person)));
    const made = answers.filter(({ status }) => status === 201);
    assert.equal(made.length, 2, JSON.stringify(answers.map(({ body }) => body.code)));
    const { organizations } = (await api.call("GET /me", { as: person })).body;
    assert.equal(organizations.length, 20);
    assert.equal((await create(person)).body.code, "too_many_organizations");
    const all = await api.store.organizations.list({ limit: 500 });
    const orphans = await Promise.all(
      all.map(async ({ _id }) => (await api.store.accounts.countMembers(_id, "owner")) === 0),
    );
    assert.deepEqual(orphans.filter(Boolean), []);
  });

  it("is for the platform's administrators only where sign-up is closed", async () => {
    const { frontend, url } = await api.startFrontend({ signUp: "closed" });
    const { callApi } = await import("./api-fixture.ts");
    const body = { name: newId("organization") };
    const person = await api.signInAs("owner");
    assert.equal(
      (await callApi(url, "POST /organizations", { as: person, body })).body.code,
      "signup_closed",
    );
    assert.equal((await callApi(url, "POST /organizations", { as: api.admin, body })).status, 201);
    await frontend.stop();
  });

  it("lets members leave, and takes their API tokens along", async () => {
    const person = await api.signInAs("operator");
    const body = { name: "ci", scopes: ["read"] };
    const { token } = (await api.call("POST /api-tokens", { as: person, body })).body;
    assert.equal((await api.call("POST /organization/leave", { as: person })).status, 204);
    assert.equal((await api.call("GET /devices", { as: person })).body.code, "no_organization");
    assert.equal((await api.call("GET /devices", { as: token })).status, 401);
    const [left] = await api.store.events.list({
      organizationId: api.organizationId,
      kinds: ["member.left"],
      limit: 1,
    });
    assert.deepEqual(left?.details["before"], { role: "operator" });
  });

  it("keeps an owner when two demote each other, or leave, at the same moment", async () => {
    for (const way of ["demote", "leave"] as const) {
      const organizationId = await api.createOrganization();
      const owners = await Promise.all([0, 1].map(() => api.signInAs("owner", organizationId)));
      const ids = await Promise.all(owners.map(idOf));
      const answers = await Promise.all(
        owners.map((as, index) =>
          way === "leave"
            ? api.call("POST /organization/leave", { as })
            : api.call(`PATCH /members/${ids[1 - index]}`, { as, body: { role: "viewer" } }),
        ),
      );
      assert.deepEqual(answers.map(({ body }) => body?.code ?? "done").sort(), ["done", "last_owner"], way);
      assert.equal(await api.store.accounts.countMembers(organizationId, "owner"), 1);
    }
  });
});
