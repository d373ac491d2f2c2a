import assert from "node:assert/strict";
import { Secret, TOTP } from "otpauth";
import { adminPassword, startApi, type Answer, type ApiFixture } from "./api-fixture.ts";

/** The code of the step that is `steps` from the one of `atMs`. */
function codeOf(secret: string, steps = 0, atMs = Date.now()): string {
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: atMs + steps * 30_000 });
}

interface Person {
  username: string;
  session: string;
  secret: string;
  /** Of the step of the enrolment: that and the next one are good through the test, whenever it runs. */
  code: (steps?: number) => string;
  recoveryCodes: string[];
}

describe("when people have a second factor", () => {
  let api: ApiFixture;
  beforeEach(async () => {
    api = await startApi({ loginLimits: { accountFailures: 6, addressFailures: 200, windowMs: 60_000 } });
  });
  afterEach(() => api.stop());

  const login = (username: string, code?: string, password = adminPassword): Promise<Answer> =>
    api.call("POST /login", { body: { username, password, ...(code === undefined ? {} : { code }) } });

  async function newPerson(): Promise<{ username: string; session: string }> {
    const as = await api.signInAs("operator");
    const username = (await api.call("GET /me", { as })).body.username as string;
    return { username, session: (await login(username)).body.token as string };
  }

  /** Confirmed by the code of the step before this one, so that this one's is still to be used. */
  async function enrolled(): Promise<Person> {
    const { username, session } = await newPerson();
    const body = { password: adminPassword };
    const begun = await api.call("POST /me/second-factor", { as: session, body });
    assert.equal(begun.status, 200, JSON.stringify(begun.body));
    const secret = begun.body.secret as string;
    const confirm = (atMs: number): Promise<Answer> =>
      api.call("POST /me/second-factor/confirm", { as: session, body: { code: codeOf(secret, -1, atMs) } });
    let atMs = Date.now();
    let confirmed = await confirm(atMs);
    if (confirmed.status === 401) {
      // The next step began in between.
      atMs = Date.now();
      confirmed = await confirm(atMs);
    }
    assert.equal(confirmed.status, 200, JSON.stringify(confirmed.body));
    const code = (steps = 0): string => codeOf(secret, steps, atMs);
    return { username, session, secret, code, recoveryCodes: confirmed.body.recoveryCodes as string[] };
  }

  it("asks for a code after the right password, and takes each code once", async () => {
    const { username, code: codeAt } = await enrolled();
    assert.equal((await login(username, undefined, "wrong")).body.code, "login_failed");
    const missing = await login(username);
    assert.equal(missing.status, 401);
    assert.equal(missing.body.code, "second_factor_required");
    assert.equal((await login(username, codeAt(), "wrong")).body.code, "login_failed");
    assert.equal((await login(username, codeAt(-1))).body.code, "second_factor_invalid", "confirmed");
    const current = codeAt();
    const both = await Promise.all([login(username, current), login(username, current)]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 401]);
    assert.equal((await login(username, current)).body.code, "second_factor_invalid");
    const next = codeAt(1);
    const spaced = await login(username, `${next.slice(0, 3)} ${next.slice(3)}`);
    assert.equal(spaced.status, 200, JSON.stringify(spaced.body));
    assert.equal(spaced.body.account.secondFactor, true);
  });

  it("takes a recovery code once, one of two at the same moment, and counts what is left", async () => {
    const { username, session, recoveryCodes } = await enrolled();
    assert.equal(recoveryCodes.length, 10);
    const [first = "", second = ""] = recoveryCodes;
    const both = await Promise.all([login(username, first), login(username, first)]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 401]);
    assert.equal((await login(username, first)).body.code, "second_factor_invalid");
    assert.equal((await login(username, second.toUpperCase().replaceAll("-", " "))).status, 200);
    const left = await api.call("GET /me/second-factor", { as: session });
    assert.deepEqual(left.body, { ...left.body, enabled: true, recoveryCodesLeft: 8 });
  });

  it("asks for nothing before a code has confirmed it", async () => {
    const { username, session } = await newPerson();
    const confirm = (code: string) =>
      api.call("POST /me/second-factor/confirm", { as: session, body: { code } });
    assert.equal((await confirm("123456")).body.code, "second_factor_not_begun");
    const begin = (password: string) =>
      api.call("POST /me/second-factor", { as: session, body: { password } });
    assert.equal((await begin("wrong")).status, 401);
    const first = (await begin(adminPassword)).body.secret as string;
    assert.match((await begin(adminPassword)).body.uri as string, /^otpauth:\/\/totp\/RCIoTS:/);
    assert.equal((await login(username)).status, 200);
    assert.equal((await confirm(codeOf(first))).body.code, "second_factor_invalid", "begun anew since");
    assert.equal((await api.call("GET /me/second-factor", { as: session })).body.enabled, false);
  });

  it("is turned off, and its recovery codes replaced, with password and code alone", async () => {
    const { username, session, secret, code: codeAt, recoveryCodes } = await enrolled();
    const post = (path: string, password: string, code: string) =>
      api.call(`POST /me/second-factor/${path}`, { as: session, body: { password, code } });
    assert.equal((await post("disable", "wrong", codeAt())).body.code, "login_failed");
    assert.equal((await post("disable", adminPassword, "000000")).body.code, "second_factor_invalid");
    const renewed = await post("recovery-codes", adminPassword, codeAt());
    assert.equal(renewed.body.recoveryCodes.length, 10);
    assert.equal((await login(username, recoveryCodes[0])).body.code, "second_factor_invalid");
    const again = await api.call("POST /me/second-factor", {
      as: session,
      body: { password: adminPassword },
    });
    assert.equal(again.body.code, "second_factor_enabled");
    assert.equal((await post("disable", adminPassword, renewed.body.recoveryCodes[0] as string)).status, 204);
    assert.equal((await login(username)).status, 200);
    const events = await api.call("GET /events?limit=50", { as: api.admin });
    const kinds = (events.body.items as { kind: string }[]).map(({ kind }) => kind);
    for (const kind of ["begun", "enabled", "disabled"])
      assert.ok(kinds.includes(`user.second-factor-${kind}`));
    for (const shown of [secret, ...recoveryCodes])
      assert.equal(JSON.stringify(events.body).includes(shown), false);
  });

  it("stores neither the secret nor a recovery code in clear", async () => {
    const { username, secret, recoveryCodes } = await enrolled();
    const stored = JSON.stringify(await api.store.accounts.findUserByLogin(username));
    for (const shown of [secret, ...recoveryCodes, ...recoveryCodes.map((code) => code.replaceAll("-", ""))])
      assert.equal(stored.includes(shown), false);
  });

  it("ends guesses at codes, also those that come with the right password", async () => {
    const { username, code: codeAt } = await enrolled();
    for (let round = 0; round < 6; round += 1)
      assert.equal((await login(username, "000000")).body.code, "second_factor_invalid");
    const banned = await login(username, codeAt());
    assert.equal(banned.status, 429);
    assert.ok(Number(banned.headers.get("retry-after")) > 0);
  });

  it("doesn't count a sign-in that only lacked its code", async () => {
    const { username, code: codeAt } = await enrolled();
    for (let round = 0; round < 8; round += 1)
      assert.equal((await login(username)).body.code, "second_factor_required");
    assert.equal((await login(username, codeAt())).status, 200);
  });

  it("is known to admins of the organisation, and to nobody below them", async () => {
    const { username } = await enrolled();
    const seenBy = async (as: string): Promise<unknown> => {
      const { body } = await api.call("GET /members?limit=500", { as });
      return (body.items as { username: string; secondFactor: unknown }[]).find(
        (member) => member.username === username,
      )?.secondFactor;
    };
    assert.equal(await seenBy(await api.signInAs("admin")), true);
    assert.equal(await seenBy(await api.signInAs("operator")), null);
  });

  it("is turned off by an administrator of the platform for who lost it", async () => {
    const { username } = await enrolled();
    const user = await api.store.accounts.findUserByLogin(username);
    const path = `DELETE /platform/users/${user?._id ?? ""}/second-factor`;
    assert.equal((await api.call(path, { as: await api.signInAs("owner") })).status, 403);
    assert.equal((await api.call(path, { as: api.admin })).status, 204);
    assert.equal((await api.call(path, { as: api.admin })).body.code, "second_factor_disabled");
    assert.equal((await login(username)).status, 200);
  });
});
