import assert from "node:assert/strict";
import { hashToken, newId } from "@rciots/runtime";
import { startMailedApi, tokenIn, type MailedApi } from "./account-fixture.ts";
import { adminPassword, eventually, startApi, type ApiFixture } from "./api-fixture.ts";

const password = "a long enough password";

function newPerson(change: object = {}) {
  const username = newId("p").toLowerCase();
  return { email: `${username}@example.com`, username, password, ...change };
}

describe("when people sign up where mail is sent", () => {
  let api: MailedApi;
  before(async () => {
    api = await startMailedApi();
  });
  after(() => api.stop());

  const signUp = (body: object) => api.call("POST /signup", { body });
  const confirm = (token: string) => api.call("POST /signup/confirm", { body: { token } });
  const login = (username: string) => api.call("POST /login", { body: { username, password } });

  it("says what is possible", async () => {
    const answer = await api.call("GET /signin-options");
    assert.deepEqual(answer.body, { signup: "open", mail: true });
  });

  it("creates the account and its organisation by the link, and not before", async () => {
    const person = newPerson({ organizationName: "Bakery" });
    const answer = await signUp(person);
    assert.equal(answer.status, 202);
    assert.deepEqual(answer.body, { created: false });
    const mail = await api.mailTo(person.email);
    assert.equal(await api.store.accounts.findUserByLogin(person.email), null);
    const early = await login(person.username);
    assert.equal(early.status, 403);
    assert.equal(early.body.code, "email_unconfirmed");
    const wrong = await api.call("POST /login", { body: { username: person.username, password: "wrong" } });
    assert.equal(wrong.body.code, "login_failed", "who doesn't know the password isn't told that it waits");
    const confirmed = await confirm(tokenIn(mail, "/confirm-account"));
    assert.equal(confirmed.status, 201, JSON.stringify(confirmed.body));
    assert.equal(confirmed.body.username, person.username);
    const session = await login(person.username);
    assert.equal(session.status, 200);
    assert.equal(session.body.account.email, person.email);
    const [organization] = session.body.account.organizations;
    assert.deepEqual({ name: organization.name, role: organization.role }, { name: "Bakery", role: "owner" });
    const events = await api.call("GET /events", { as: session.body.token as string });
    const kinds = (events.body.items as { kind: string }[]).map(({ kind }) => kind);
    assert.ok(kinds.includes("organization.created"), kinds.join());
    const devices = await api.call("POST /provisioning-tokens", {
      as: session.body.token as string,
      body: { name: "first" },
    });
    assert.equal(devices.status, 201, "the organisation works");
  });

  it("takes a link once, also where it is opened twice at the same moment", async () => {
    for (const organizationName of [undefined, newId("name")]) {
      const person = newPerson(organizationName === undefined ? {} : { organizationName });
      await signUp(person);
      const token = tokenIn(await api.mailTo(person.email), "/confirm-account");
      const both = await Promise.all([confirm(token), confirm(token)]);
      assert.deepEqual(both.map(({ status }) => status).sort(), [201, 404]);
      assert.equal((await confirm(token)).body.code, "link_invalid");
      assert.equal((await login(person.username)).status, 200);
    }
  });

  it("goes on where an earlier call of the link died half-way", async () => {
    const person = newPerson({ organizationName: newId("name") });
    await signUp(person);
    const token = tokenIn(await api.mailTo(person.email), "/confirm-account");
    const waiting = await api.store.accountLinks.findSignUp(hashToken(token));
    assert.ok(waiting?.organization);
    // The account was stored, its organisation was not.
    await api.store.accounts.insertUser({
      _id: waiting._id,
      email: waiting.email,
      username: waiting.username,
      passwordHash: waiting.passwordHash,
      isPlatformAdmin: false,
      status: "active",
      memberships: [{ organizationId: waiting.organization.id, role: "owner" }],
      createdAt: new Date(),
    });
    assert.equal((await confirm(token)).status, 201);
    assert.equal((await login(person.username)).body.account.organizations.length, 1);
  });

  it("answers the same for an address that somebody has, and tells its owner alone", async () => {
    const member = newPerson({ role: "viewer" });
    assert.equal((await api.call("POST /members", { as: api.admin, body: member })).status, 201);
    const free = newPerson();
    const [unknown, known] = [await signUp(free), await signUp(newPerson({ email: member.email }))];
    assert.equal(known.status, unknown.status);
    assert.deepEqual(known.body, unknown.body);
    const mail = await api.mailTo(member.email);
    assert.match(mail.raw, /^Subject: RCIoTS: you have an account already/m);
    assert.doesNotMatch(mail.text, /token=/);
    await api.mailTo(free.email);
  });

  it("tells a taken user name and a taken organisation name", async () => {
    assert.equal((await signUp(newPerson({ username: "admin" }))).body.code, "name_taken");
    const taken = await signUp(newPerson({ organizationName: "default" }));
    assert.equal(taken.body.code, "organization_name_taken");
  });

  it("says so where a name was taken while the link waited", async () => {
    const username = newId("p").toLowerCase();
    const [first, second] = [newPerson({ username }), newPerson({ username })];
    for (const person of [first, second]) assert.equal((await signUp(person)).status, 202);
    const token = tokenIn(await api.mailTo(second.email), "/confirm-account");
    const winner = tokenIn(await api.mailTo(first.email), "/confirm-account");
    assert.equal((await confirm(winner)).status, 201);
    assert.equal((await confirm(token)).body.code, "name_taken");
  });

  it("mails a new link, whose predecessor is worthless, and nothing where nobody waits", async () => {
    const person = newPerson();
    await signUp(person);
    const old = tokenIn(await api.mailTo(person.email), "/confirm-account");
    const resend = (email: string) => api.call("POST /signup/resend", { body: { email } });
    const [known, unknown] = [await resend(person.email), await resend("nobody@example.com")];
    for (const answer of [known, unknown]) assert.equal(answer.status, 202);
    assert.deepEqual(known.body, unknown.body);
    const fresh = tokenIn(await api.mailTo(person.email, 1), "/confirm-account");
    assert.equal((await confirm(old)).status, 404);
    assert.equal((await confirm(fresh)).status, 201);
    assert.deepEqual(api.mailsTo("nobody@example.com"), []);
  });

  it("refuses a link that is too old", async () => {
    const person = newPerson();
    await signUp(person);
    const token = tokenIn(await api.mailTo(person.email), "/confirm-account");
    const waiting = await api.store.accountLinks.findSignUp(hashToken(token));
    const change = { tokenHash: hashToken(token), expiresAt: new Date(Date.now() - 1) };
    await api.store.accountLinks.renewSignUp(waiting?._id ?? "", change);
    assert.equal((await confirm(token)).body.code, "link_invalid");
  });
});

describe("when people sign up where no mail is sent", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi({ signUp: "open" });
  });
  after(() => api.stop());

  it("creates the account at once, and tells a taken name", async () => {
    const options = await api.call("GET /signin-options");
    assert.deepEqual(options.body, { signup: "open", mail: false });
    const person = newPerson({ organizationName: newId("name") });
    const answer = await api.call("POST /signup", { body: person });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    assert.deepEqual(answer.body, { created: true });
    const login = await api.call("POST /login", { body: { email: person.email, password } });
    assert.equal(login.body.account.organizations[0].role, "owner");
    for (const change of [{ email: person.email }, { username: person.username }]) {
      const again = await api.call("POST /signup", { body: newPerson(change) });
      assert.equal(again.status, 409);
      assert.equal(again.body.code, "name_taken");
    }
  });

  it("gives a name that several want at once to one of them", async () => {
    const organizationName = newId("name");
    const username = newId("p").toLowerCase();
    const answers = await Promise.all(
      [1, 2, 3].map(() => api.call("POST /signup", { body: newPerson({ username, organizationName }) })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [202, 409, 409]);
  });

  it("refuses weak input, field by field", async () => {
    const body = { email: "no address", username: "No", password: "short" };
    const answer = await api.call("POST /signup", { body });
    const fields = (answer.body.errors as { field: string }[]).map(({ field }) => field).sort();
    assert.deepEqual(fields, ["email", "password", "username"]);
  });
});

describe("when nobody may sign up", () => {
  it("says so, and asks no more of an address than its limit", async () => {
    const accountLimits = { requestsPerAddress: 3, mailsPerRecipient: 3, windowMs: 60_000 };
    const api = await startApi({ accountLimits });
    try {
      assert.equal((await api.call("GET /signin-options")).body.signup, "closed");
      for (let round = 0; round < 3; round += 1) {
        const refused = await api.call("POST /signup", { body: newPerson() });
        assert.equal(refused.body.code, "signup_closed");
      }
      const limited = await api.call("POST /signup", { body: newPerson() });
      assert.equal(limited.status, 429);
      assert.equal(limited.body.code, "too_many_requests");
      assert.ok(Number(limited.headers.get("retry-after")) > 0);
      assert.equal(
        (await api.call("POST /login", { body: { username: "admin", password: adminPassword } })).status,
        200,
      );
    } finally {
      await api.stop();
    }
  });

  it("mails one address no more than its limit, and doesn't say so", async () => {
    const accountLimits = { requestsPerAddress: 100, mailsPerRecipient: 2, windowMs: 60_000 };
    const api = await startMailedApi({ accountLimits });
    try {
      const person = newPerson();
      await api.call("POST /signup", { body: person });
      await api.mailTo(person.email);
      for (let round = 0; round < 4; round += 1) {
        const answer = await api.call("POST /signup/resend", { body: { email: person.email } });
        assert.equal(answer.status, 202);
      }
      const marker = newPerson();
      await api.call("POST /signup", { body: marker });
      await api.mailTo(marker.email);
      await eventually(() => assert.equal(api.mailsTo(person.email).length, 2));
    } finally {
      await api.stop();
    }
  });
});
