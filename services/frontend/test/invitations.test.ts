import assert from "node:assert/strict";
import { AppError, hashToken, newId, newToken } from "@rciots/runtime";
import type { Event } from "@rciots/store";
import { adminPassword, startApi, type Answer, type ApiFixture } from "./api-fixture.ts";
import { insertInvitation } from "./route-samples.ts";

const password = "a password of length";
const tokenIn = (link: string): string => link.split("#token=")[1] ?? "";

describe("when people are invited", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  const invite = (email: string, role = "operator", as = api.admin): Promise<Answer> =>
    api.call("POST /invitations", { as, body: { email, role } });
  const inspect = (token: string) => api.call("POST /invitations/inspect", { body: { token } });
  const acceptAs = (as: string, token: string) =>
    api.call("POST /invitations/accept", { as, body: { token } });
  const join = (token: string, username: string) =>
    api.call("POST /invitations/accept-with-account", { body: { token, username, password } });
  const eventsOf = (kind: string, organizationId = api.organizationId): Promise<Event[]> =>
    api.store.events.list({ organizationId, kinds: [kind], limit: 10 });

  it("makes an account with the role and the address that were offered", async () => {
    const offer = await invite("Ada@Example.com");
    assert.equal(offer.status, 201);
    assert.match(offer.body.link, /^\/invitation#token=rci_/);
    const token = tokenIn(offer.body.link);
    const opened = await inspect(token);
    assert.deepEqual(
      [opened.body.organization.name, opened.body.email, opened.body.role, opened.body.needsAccount],
      ["default", "ada@example.com", "operator", true],
    );
    assert.equal((await join(token, "ada")).status, 201);
    const login = await api.call("POST /login", { body: { email: "ada@example.com", password } });
    assert.deepEqual(
      login.body.account.organizations.map(({ id, role }: { id: string; role: string }) => [id, role]),
      [[api.organizationId, "operator"]],
    );
    assert.equal((await inspect(token)).body.code, "invitation_not_found");
    const [accepted] = await eventsOf("invitation.accepted");
    assert.deepEqual([accepted?.actor.name, accepted?.details["after"]], ["ada", { role: "operator" }]);
    const [created] = await eventsOf("invitation.created");
    assert.equal(JSON.stringify([accepted, created]).includes(token), false);
    assert.equal(await api.store.invitations.findByToken(token), null, "stored hashed only");
  });

  it("lets the account that was invited join another organisation, and no other account", async () => {
    const organizationId = await api.createOrganization();
    const owner = await api.signInAs("owner", organizationId);
    const [invited, other] = [await api.signInAs("viewer"), await api.signInAs("viewer")];
    const { email } = (await api.call("GET /me", { as: invited })).body;
    const token = tokenIn((await invite(email, "admin", owner)).body.link);
    assert.equal((await inspect(token)).body.needsAccount, false);
    assert.equal((await join(token, "another")).body.code, "account_exists");
    assert.equal((await acceptAs(other, token)).body.code, "invitation_for_another");
    const accepted = await acceptAs(invited, token);
    assert.deepEqual([accepted.status, accepted.body.role], [200, "admin"]);
    const headers = { "x-rciots-organization": organizationId };
    assert.equal((await api.call("GET /me", { as: invited, headers })).body.role, "admin");
    assert.equal((await invite(email, "viewer", owner)).body.code, "already_member");
  });

  it("lets one of many who accept at once in", async () => {
    const token = tokenIn((await invite("crowd@example.com")).body.link);
    const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => join(token, `crowd-${index}`)));
    assert.deepEqual(
      answers.map(({ status }) => status).filter((status) => status === 201),
      [201],
      JSON.stringify(answers.map(({ body }) => body.code ?? "joined")),
    );
    const page = await api.store.accounts.listMembers(api.organizationId, { limit: 500 });
    assert.equal(page.filter(({ email }) => email === "crowd@example.com").length, 1);
    const viewer = await api.signInAs("viewer");
    const { email } = (await api.call("GET /me", { as: viewer })).body;
    const organizationId = await api.createOrganization();
    const both = tokenIn(
      (await invite(email, "viewer", await api.signInAs("owner", organizationId))).body.link,
    );
    const twice = await Promise.all([acceptAs(viewer, both), acceptAs(viewer, both)]);
    assert.deepEqual(twice.map(({ status }) => status).sort(), [200, 404]);
    assert.equal((await eventsOf("invitation.accepted", organizationId)).length, 1);
  });

  it("stays open where the user name is taken", async () => {
    const token = tokenIn((await invite("bob@example.com")).body.link);
    assert.equal((await join(token, "admin")).body.code, "name_taken");
    assert.equal((await join(token, "bob")).status, 201);
  });

  it("gives nobody more than the inviter has, not by sending an owner's link again either", async () => {
    const admin = await api.signInAs("admin");
    assert.equal((await invite("boss@example.com", "owner", admin)).body.code, "role_required");
    const { id } = (await invite("boss@example.com", "owner")).body;
    assert.equal((await api.call(`POST /invitations/${id}/resend`, { as: admin })).status, 403);
    assert.equal((await api.call(`DELETE /invitations/${id}`, { as: admin })).status, 403);
  });

  it("refuses links that are expired, revoked, replaced or made up", async () => {
    const expired = newToken("rci");
    const past = { tokenHash: hashToken(expired), expiresAt: new Date(Date.now() - 1) };
    const email = "late@example.com";
    const id = await insertInvitation(api.store, api.organizationId, { ...past, email });
    assert.equal((await inspect(expired)).status, 404);
    const listed = (await api.call("GET /invitations?limit=100", { as: api.admin })).body.items;
    assert.equal(listed.find((item: { id: string }) => item.id === id).status, "expired");

    const offer = await invite(email);
    assert.equal(offer.status, 201, "an expired invitation doesn't stand in the way");
    assert.equal((await invite(email)).body.code, "already_invited");
    const again = await api.call(`POST /invitations/${offer.body.id}/resend`, { as: api.admin });
    assert.equal((await inspect(tokenIn(offer.body.link))).status, 404);
    assert.equal((await inspect(tokenIn(again.body.link))).status, 200);
    assert.equal((await api.call(`DELETE /invitations/${offer.body.id}`, { as: api.admin })).status, 204);
    assert.equal((await inspect(tokenIn(again.body.link))).status, 404);
    assert.equal((await acceptAs(api.admin, newToken("rci"))).status, 404);
  });

  it("revokes what a person offered who is removed or has a lesser role now", async () => {
    const admin = await api.signInAs("admin");
    const { id } = (await api.call("GET /me", { as: admin })).body;
    const first = tokenIn((await invite("one@example.com", "viewer", admin)).body.link);
    await api.call(`PATCH /members/${id}`, { as: api.admin, body: { role: "operator" } });
    assert.equal((await inspect(first)).status, 404);
    await api.call(`PATCH /members/${id}`, { as: api.admin, body: { role: "admin" } });
    const second = tokenIn((await invite("one@example.com", "viewer", admin)).body.link);
    await api.call(`DELETE /members/${id}`, { as: api.admin });
    assert.equal((await inspect(second)).status, 404);
  });

  it("lets nobody join a suspended organisation", async () => {
    const organizationId = await api.createOrganization();
    const token = newToken("rci");
    await insertInvitation(api.store, organizationId, { tokenHash: hashToken(token) });
    await api.store.organizations.update(organizationId, { status: "suspended" });
    assert.equal((await join(token, newId("u").toLowerCase())).body.code, "organization_suspended");
  });

  it("keeps to the cap, also when asked at once", async () => {
    const organizationId = await api.createOrganization();
    const owner = await api.signInAs("owner", organizationId);
    for (let index = 0; index < 98; index += 1) await insertInvitation(api.store, organizationId);
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) => invite(`cap-${index}@example.com`, "viewer", owner)),
    );
    assert.deepEqual(answers.map(({ status, body }) => (status === 201 ? 201 : body.code)).sort(), [
      201,
      201,
      ...Array<string>(4).fill("too_many_invitations"),
    ]);
  });
});

describe("when invitations are mailed", () => {
  it("sends the link to the address alone, and forgets the invitation where it can't", async () => {
    const sent: { to: string; text: string }[] = [];
    let isDown = false;
    const mailer = {
      isConfigured: true,
      async send(mail: { to: string; text: string }) {
        if (isDown)
          throw new AppError({ code: "mail_failed", status: 502, message: "The mail server is gone." });
        sent.push(mail);
      },
    };
    const publicUrls = { enroll: "https://e", edge: "https://d", console: "https://console.example.com" };
    const api = await startApi({ mailer, publicUrls });
    try {
      const body = { email: "ada@example.com", role: "viewer" };
      const answer = await api.call("POST /invitations", { as: api.admin, body });
      assert.equal(answer.body.link, null);
      assert.notEqual(answer.body.sentAt, null);
      const link = /https:\/\/console\.example\.com\/invitation#\S+/.exec(sent[0]?.text ?? "")?.[0] ?? "";
      const opened = await api.call("POST /invitations/inspect", { body: { token: tokenIn(link) } });
      assert.deepEqual([sent[0]?.to, opened.body.email], [body.email, body.email]);
      isDown = true;
      const lost = { ...body, email: "lost@example.com" };
      assert.equal((await api.call("POST /invitations", { as: api.admin, body: lost })).status, 502);
      assert.equal((await api.call("GET /invitations", { as: api.admin })).body.items.length, 1);
    } finally {
      await api.stop();
    }
  });
});

describe("when somebody guesses links", () => {
  it("bans the address", async () => {
    const api = await startApi({ loginLimits: { accountFailures: 3, addressFailures: 4, windowMs: 60_000 } });
    try {
      const guess = () => api.call("POST /invitations/inspect", { body: { token: newToken("rci") } });
      for (let index = 0; index < 4; index += 1) assert.equal((await guess()).status, 404);
      assert.equal((await guess()).status, 429);
      const body = { username: "admin", password: adminPassword };
      assert.equal((await api.call("POST /login", { body })).status, 429);
    } finally {
      await api.stop();
    }
  });
});
