import assert from "node:assert/strict";
import { hashToken, newId } from "@rciots/runtime";
import { Secret, TOTP } from "otpauth";
import { startMailedApi, tokenIn, type MailedApi } from "./account-fixture.ts";
import { adminPassword, callApi, eventually, startApi } from "./api-fixture.ts";
import type { ReceivedMail } from "./mailbox.ts";

const newPassword = "an entirely new password";

describe("when somebody forgot the password", () => {
  let api: MailedApi;
  before(async () => {
    const accountLimits = { requestsPerAddress: 1_000, mailsPerRecipient: 5, windowMs: 60_000 };
    const loginLimits = { accountFailures: 3, addressFailures: 40, windowMs: 60_000 };
    api = await startMailedApi({ accountLimits, loginLimits });
  });
  after(() => api.stop());

  const login = (username: string, password: string, rest: object = {}) =>
    api.call("POST /login", { body: { username, password, ...rest } });
  const request = (email: string) => api.call("POST /password-reset", { body: { email } });
  const complete = (token: string, password = newPassword) =>
    api.call("POST /password-reset/complete", { body: { token, newPassword: password } });

  async function newMember(): Promise<{ id: string; email: string; username: string; session: string }> {
    const session = await api.signInAs("viewer");
    const { body } = await api.call("GET /me", { as: session });
    return { id: body.id as string, email: body.email as string, username: body.username as string, session };
  }

  async function mailedToken(email: string): Promise<string> {
    const isLink = ({ text }: ReceivedMail): boolean => text.includes("/reset-password#");
    const before = api.mailsTo(email).filter(isLink).length;
    assert.equal((await request(email)).status, 202);
    await eventually(() => assert.ok(api.mailsTo(email).filter(isLink).length > before));
    const mail = api.mailsTo(email).filter(isLink).at(-1);
    assert.ok(mail);
    return tokenIn(mail, "/reset-password");
  }

  it("sets a new one by the mailed link, and ends all sessions", async () => {
    const { email, username, session } = await newMember();
    const token = await mailedToken(email);
    assert.equal((await complete(token, "short")).status, 400);
    assert.equal((await complete(token)).status, 204);
    assert.equal((await api.call("GET /me", { as: session })).status, 401);
    assert.equal((await login(username, adminPassword)).status, 401);
    assert.equal((await login(username, newPassword)).status, 200);
    await eventually(() =>
      assert.ok(api.mailsTo(email).some(({ raw }) => raw.includes("your password was reset"))),
    );
    const events = await api.call("GET /events?limit=50", { as: api.admin });
    assert.ok((events.body.items as { kind: string }[]).some(({ kind }) => kind === "user.password-reset"));
  });

  it("takes a link once, one of two at the same moment, and the others of the person no more", async () => {
    const { email } = await newMember();
    const [older, token] = [await mailedToken(email), await mailedToken(email)];
    const both = await Promise.all([complete(token), complete(token)]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [204, 404]);
    for (const used of [token, older]) assert.equal((await complete(used)).body.code, "link_invalid");
  });

  it("answers the same whether somebody has the address, and mails nobody else", async () => {
    const { email } = await newMember();
    const nobody = `${newId("n").toLowerCase()}@example.com`;
    const [known, unknown] = [await request(email), await request(nobody)];
    assert.equal(known.status, 202);
    assert.equal(unknown.status, 202);
    assert.deepEqual(known.body, unknown.body);
    await api.mailTo(email);
    assert.deepEqual(api.mailsTo(nobody), []);
  });

  it("stores no token in clear, and refuses links that are too old", async () => {
    const { email, id } = await newMember();
    const token = await mailedToken(email);
    assert.equal(await api.store.accountLinks.find("reset-password", token), null);
    const link = await api.store.accountLinks.take("reset-password", hashToken(token));
    assert.ok(link);
    assert.ok(Math.abs(link.expiresAt.getTime() - link.createdAt.getTime() - 3_600_000) < 1_000);
    await api.store.accountLinks.insert({ ...link, userId: id, expiresAt: new Date(Date.now() - 1) });
    assert.equal((await complete(token)).body.code, "link_invalid");
  });

  it("refuses a link to an address that is no longer the person's", async () => {
    const { email, id } = await newMember();
    const token = await mailedToken(email);
    await api.store.accounts.rename(id, { email: `${newId("n").toLowerCase()}@example.com` });
    assert.equal((await complete(token)).body.code, "link_invalid");
  });

  it("still asks for the second factor", async () => {
    const { email, username, session } = await newMember();
    const begun = await api.call("POST /me/second-factor", {
      as: session,
      body: { password: adminPassword },
    });
    const code = new TOTP({ secret: Secret.fromBase32(begun.body.secret as string) }).generate();
    const confirmed = await api.call("POST /me/second-factor/confirm", { as: session, body: { code } });
    const [recoveryCode] = confirmed.body.recoveryCodes as string[];
    assert.equal((await complete(await mailedToken(email))).status, 204);
    assert.equal((await login(username, newPassword)).body.code, "second_factor_required");
    assert.equal((await login(username, newPassword, { code: recoveryCode })).status, 200);
  });

  it("lets who was banned in after a reset", async () => {
    const { email, username } = await newMember();
    for (let round = 0; round < 3; round += 1) assert.equal((await login(username, "wrong")).status, 401);
    assert.equal((await login(username, adminPassword)).status, 429);
    assert.equal((await complete(await mailedToken(email))).status, 204);
    assert.equal((await login(username, newPassword)).status, 200);
  });

  it("ends guesses at links", async () => {
    const loginLimits = { accountFailures: 3, addressFailures: 6, windowMs: 60_000 };
    const { frontend, url } = await api.startFrontend({ loginLimits });
    const body = { token: "guess", newPassword };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => callApi(url, "POST /password-reset/complete", { body })),
    );
    const codes = answers.map((answer) => answer.body.code as string).sort();
    assert.deepEqual(codes, [
      ...Array<string>(6).fill("link_invalid"),
      ...Array<string>(2).fill("too_many_failures"),
    ]);
    await frontend.stop();
  });

  it("is helped by an administrator of the platform with a link", async () => {
    const { id, username } = await newMember();
    const path = `POST /platform/users/${id}/password-reset-link`;
    assert.equal((await api.call(path, { as: await api.signInAs("owner") })).status, 403);
    const made = await api.call(path, { as: api.admin });
    assert.equal(made.status, 201);
    const url = new URL(made.body.url as string);
    assert.equal(url.search, "");
    const token = new URLSearchParams(url.hash.slice(1)).get("token") ?? "";
    const events = await api.call("GET /events?limit=5", { as: api.admin });
    assert.equal(events.body.items[0].kind, "user.password-reset-link-created");
    assert.equal(JSON.stringify(events.body).includes(token), false);
    assert.equal((await complete(token)).status, 204);
    assert.equal((await login(username, newPassword)).status, 200);
    const nobody = await api.call(`POST /platform/users/${newId("usr")}/password-reset-link`, {
      as: api.admin,
    });
    assert.equal(nobody.body.code, "user_not_found");
  });
});

describe("when the platform sends no mail", () => {
  it("says whom to ask, the same for every address, and an administrator's link has no host", async () => {
    const api = await startApi();
    try {
      for (const email of ["admin@example.com", "nobody@example.com"]) {
        const answer = await api.call("POST /password-reset", { body: { email } });
        assert.equal(answer.status, 409);
        assert.equal(answer.body.code, "mail_not_configured");
      }
      const { body: me } = await api.call("GET /me", { as: await api.signInAs("viewer") });
      const made = await api.call(`POST /platform/users/${me.id}/password-reset-link`, { as: api.admin });
      assert.match(made.body.url as string, /^\/reset-password#token=rcl_/);
    } finally {
      await api.stop();
    }
  });
});
