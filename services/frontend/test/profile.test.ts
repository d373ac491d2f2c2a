import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { startMailedApi, tokenIn, type MailedApi } from "./account-fixture.ts";
import { adminPassword, callApi, startApi, type Answer, type ApiFixture } from "./api-fixture.ts";

const newEmail = (): string => `${newId("n").toLowerCase()}@example.com`;

describe("when people look at their sessions", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  async function newPerson(): Promise<{ username: string; signIn: (userAgent: string) => Promise<string> }> {
    const { body } = await api.call("GET /me", { as: await api.signInAs("viewer") });
    const username = body.username as string;
    return {
      username,
      async signIn(userAgent) {
        const headers = { "user-agent": userAgent };
        const answer = await api.call("POST /login", {
          body: { username, password: adminPassword },
          headers,
        });
        return answer.body.token as string;
      },
    };
  }
  const list = async (as: string): Promise<any[]> =>
    (await api.call("GET /me/sessions", { as })).body.items as any[];

  it("lists them with what opened them, and no bearer value or its hash", async () => {
    const { signIn } = await newPerson();
    const [one, two] = [await signIn("first/1"), await signIn("x".repeat(2_000))];
    const sessions = await list(two);
    assert.deepEqual(
      sessions.map(({ userAgent, isCurrent, address }) => ({ userAgent, isCurrent, address })),
      [
        { userAgent: "x".repeat(256), isCurrent: true, address: "127.0.0.1" },
        { userAgent: "first/1", isCurrent: false, address: "127.0.0.1" },
        { userAgent: null, isCurrent: false, address: null },
      ],
    );
    assert.equal(JSON.stringify(sessions).includes(one), false);
    const { userId } = (await api.store.accounts.listSessions(sessions[0].id as string, 1))[0] ?? {};
    assert.equal(userId, undefined);
  });

  it("ends one, then all others, and never somebody else's", async () => {
    const { signIn } = await newPerson();
    const [one, two, three] = [await signIn("one"), await signIn("two"), await signIn("three")];
    const idOf = async (userAgent: string): Promise<string> =>
      (await list(three)).find((session) => session.userAgent === userAgent)?.id as string;
    const stranger = await (await newPerson()).signIn("stranger");
    const id = await idOf("one");
    assert.equal((await api.call(`DELETE /me/sessions/${id}`, { as: stranger })).status, 404);
    assert.equal((await api.call(`DELETE /me/sessions/${id}`, { as: three })).status, 204);
    assert.equal((await api.call("GET /me", { as: one })).status, 401);
    assert.equal((await api.call(`DELETE /me/sessions/${id}`, { as: three })).body.code, "session_not_found");
    assert.equal((await api.call("DELETE /me/sessions", { as: three })).status, 204);
    assert.equal((await api.call("GET /me", { as: two })).status, 401);
    assert.equal((await api.call("GET /me", { as: stranger })).status, 200);
    assert.equal((await list(three)).length, 1);
  });

  it("keeps the hundred newest of a person", async () => {
    const { username, signIn } = await newPerson();
    const user = await api.store.accounts.findUserByLogin(username);
    assert.ok(user);
    const createdAt = new Date(Date.now() - 1_000);
    for (let index = 0; index < 100; index += 1) {
      const expiresAt = new Date(Date.now() + 60_000);
      await api.store.accounts.insertSession({ _id: newId("hash"), userId: user._id, createdAt, expiresAt });
    }
    const newest = await signIn("newest");
    assert.equal((await list(newest)).length, 100);
    assert.equal((await api.store.accounts.listSessions(user._id, 200)).length, 100);
  });
});

describe("when people change their names", () => {
  let api: MailedApi;
  before(async () => {
    api = await startMailedApi();
  });
  after(() => api.stop());

  async function newPerson(): Promise<{ session: string; username: string; email: string }> {
    const session = await api.signInAs("viewer");
    const { body } = await api.call("GET /me", { as: session });
    return { session, username: body.username as string, email: body.email as string };
  }
  const patch = (as: string, body: object): Promise<Answer> => api.call("PATCH /me", { as, body });

  it("takes another user name at once, unless somebody has it", async () => {
    const { session, username } = await newPerson();
    assert.equal((await patch(session, { username: "admin" })).body.code, "name_taken");
    const renamed = await patch(session, { username: `${username}-2` });
    assert.equal(renamed.body.username, `${username}-2`);
    const login = { body: { username: `${username}-2`, password: adminPassword } };
    assert.equal((await api.call("POST /login", login)).status, 200);
    const [event] = (await api.call("GET /events?limit=2", { as: api.admin })).body.items.slice(1) as any[];
    assert.equal(event.kind, "user.changed");
    assert.deepEqual(event.details.before, { username });
    assert.equal((await patch(session, {})).status, 400);
  });

  it("takes another address by password and link, and tells the old one", async () => {
    const { session, email } = await newPerson();
    const wanted = newEmail();
    assert.equal((await patch(session, { email: wanted })).body.code, "password_required");
    assert.equal((await patch(session, { email: wanted, password: "wrong" })).body.code, "login_failed");
    const asked = await patch(session, { email: wanted, password: adminPassword });
    assert.equal(asked.body.email, email);
    assert.equal(asked.body.pendingEmail, wanted);
    const token = tokenIn(await api.mailTo(wanted), "/confirm-email");
    assert.equal((await api.call("GET /me", { as: session })).body.pendingEmail, wanted);
    const complete = () => api.call("POST /email-change/complete", { body: { token } });
    const both = await Promise.all([complete(), complete()]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [204, 404]);
    const me = await api.call("GET /me", { as: session });
    assert.deepEqual([me.body.email, me.body.pendingEmail], [wanted, null]);
    assert.match((await api.mailTo(email)).raw, /^Subject: RCIoTS: your e-mail address is\s/m);
  });

  it("answers the same where somebody has the address", async () => {
    const [one, other] = [await newPerson(), await newPerson()];
    const taken = await patch(one.session, { email: other.email, password: adminPassword });
    assert.equal(taken.status, 200);
    assert.equal(taken.body.pendingEmail, other.email);
    assert.match((await api.mailTo(other.email)).raw, /you have an account already/);
  });

  it("changes it at once where the platform sends no mail", async () => {
    const { session, email } = await newPerson();
    const { frontend, url } = await api.startFrontend({
      mailer: { isConfigured: false, send: async () => undefined },
    });
    const wanted = newEmail();
    const change = (address: string) =>
      callApi(url, "PATCH /me", { as: session, body: { email: address, password: adminPassword } });
    assert.equal((await change("admin@localhost.example")).status, 200);
    assert.equal((await change(wanted)).body.email, wanted);
    const other = await newPerson();
    const taken = await change(other.email);
    assert.equal(taken.body.code, "name_taken");
    assert.notEqual(wanted, email);
    await frontend.stop();
  });

  it("asks who changes the password for the old one, and forgets links that were mailed", async () => {
    const { session, email } = await newPerson();
    await api.call("POST /password-reset", { body: { email } });
    const token = tokenIn(await api.mailTo(email), "/reset-password");
    const body = { currentPassword: adminPassword, newPassword: "a password that is new" };
    assert.equal((await api.call("POST /me/password", { as: session, body })).status, 204);
    const reset = { token, newPassword: "another password again" };
    assert.equal((await api.call("POST /password-reset/complete", { body: reset })).status, 404);
  });
});
