import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { createCsr } from "@rciots/ca";
import { newKey, type Client } from "../test/client.ts";
import { createFixture, openssl, withFiles, type Fixture } from "../test/fixture.ts";

describe("enrolment refuses", () => {
  let fixture: Fixture;
  let client: Client;
  let secret: string;
  before(async () => {
    fixture = await createFixture();
    ({ client } = await fixture.start({ rateLimits: { failuresPerAddress: 1_000 } }));
    ({ secret } = await fixture.newToken());
  });
  after(() => fixture.stop());

  const enroll = (token: string, body: unknown) => client.enroll(token, body);
  const newCall = () => ({ name: "refused", csr: newKey().csr });

  async function assertNoDevice(name = "refused"): Promise<void> {
    await assert.rejects(fixture.device(name));
  }

  it("an unknown token with 404 and the words of the contract", async () => {
    const answer = await enroll("rcp_unknown-unknown-unknown", newCall());
    assert.equal(answer.status, 404);
    assert.equal(answer.headers["content-type"], "application/problem+json; charset=utf-8");
    const { requestId, ...problem } = answer.body;
    assert.equal(requestId, answer.headers["x-request-id"]);
    assert.deepEqual(problem, {
      type: "urn:rciots:error:token_not_found",
      title: "Not found",
      status: 404,
      detail: "Token not found.",
      code: "token_not_found",
    });
  });

  it("a disabled, an expired and a used-up token, each with its own code", async () => {
    const cases = [
      ["token_disabled", { enabled: false }],
      ["token_expired", { expiresAt: new Date(Date.now() - 1_000) }],
      ["token_exhausted", { maxDevices: 0 }],
    ] as const;
    for (const [code, values] of cases) {
      const { secret: refused } = await fixture.newToken(values);
      const answer = await enroll(refused, newCall());
      assert.deepEqual([answer.status, answer.body.code], [403, code]);
    }
    await assertNoDevice();
    const kinds = ["device.enrollment-refused"];
    const query = { organizationId: fixture.organizationId, kinds, limit: 50 };
    const events = await fixture.store.events.list(query);
    assert.deepEqual(events.map((event) => event.details["code"]).sort(), cases.map(([code]) => code).sort());
  });

  it("a suspended organisation's token, at once after the hint", async () => {
    const organizationId = await fixture.newOrganization();
    const { secret: own } = await fixture.newToken({ organizationId });
    assert.equal((await enroll(own, { name: "before", csr: newKey().csr })).status, 201);
    await fixture.store.organizations.update(organizationId, { status: "suspended" });
    fixture.bus.publish("organization:changed", { organizationId });
    await new Promise((resolve) => setImmediate(resolve));
    const answer = await enroll(own, newCall());
    assert.deepEqual([answer.status, answer.body.code], [403, "organization_suspended"]);
  });

  it("a call without a token, and one with something else than a token", async () => {
    for (const headers of [
      {},
      { authorization: "Basic dTpw" },
      { authorization: `Bearer ${"x".repeat(5_000)}` },
    ]) {
      const answer = await client.call("/v1/enroll", { method: "POST", body: newCall(), headers });
      assert.equal(answer.status, 401);
    }
  });

  it("a missing, a malformed and a doubled certificate request", async () => {
    const { csr } = newKey();
    const cases: [string, object][] = [
      ["csr_required", { name: "refused" }],
      ["csr_invalid", { name: "refused", csr: "not a request" }],
      ["csr_invalid", { name: "refused", csr: csr + csr }],
      ["csr_invalid", { name: "refused", csr: csr.replace("CERTIFICATE REQUEST", "CERTIFICATE") }],
    ];
    for (const [code, body] of cases) {
      const answer = await enroll(secret, body);
      assert.deepEqual([answer.status, answer.body.code], [400, code], answer.bytes.toString());
    }
    await assertNoDevice();
  });

  it("weak keys", async () => {
    const rsa = await requestBy(["-newkey", "rsa:1024", "-nodes", "-subj", "/CN=x"]);
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1", "-nodes", "-subj", "/CN=x"];
    for (const csr of [rsa, await requestBy(curve)]) {
      const answer = await enroll(secret, { name: "refused", csr });
      assert.deepEqual([answer.status, answer.body.code], [400, "csr_weak_key"], answer.bytes.toString());
    }
    await assertNoDevice();
  });

  it("a request whose signature is not by its key", async () => {
    const answer = await enroll(secret, { name: "refused", csr: withForeignSignature() });
    assert.deepEqual([answer.status, answer.body.code], [400, "csr_bad_signature"], answer.bytes.toString());
  });

  it("accepts RSA of 2048 bits", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const answer = await enroll(secret, { name: "rsa", csr: createCsr({ privateKey, commonName: "x" }) });
    assert.equal(answer.status, 201, answer.bytes.toString());
  });

  it("a key made here, unless that is allowed", async () => {
    const answer = await enroll(secret, { name: "refused", generateKey: true });
    assert.deepEqual([answer.status, answer.body.code], [403, "server_keys_off"]);
  });

  it("names that are too long, hold control characters or are no DNS label", async () => {
    for (const name of [
      "x".repeat(300),
      "a\u0000b",
      "a\nb",
      "\u202eabc",
      "Upper",
      "-a",
      "a.b",
      "",
      7,
      null,
    ]) {
      const answer = await enroll(secret, { name, csr: newKey().csr });
      assert.deepEqual([answer.status, answer.body.code], [400, "invalid_input"], JSON.stringify(name));
      assert.equal(answer.body.errors[0].field, "name");
    }
  });

  it("unknown fields, operators in place of values, and prototype games", async () => {
    const bodies = [
      { ...newCall(), isAdmin: true },
      { ...newCall(), name: { $gt: "" } },
      { ...newCall(), labels: { "a.b": "c" } },
      { ...newCall(), labels: { $set: "c" } },
      [],
      "text",
      null,
    ];
    for (const body of bodies) {
      const answer = await enroll(secret, body);
      assert.equal(answer.status, 400, answer.bytes.toString());
    }
    const rawBody = `{"name":"refused","__proto__":{"csr":"x"}}`;
    const answer = await client.call("/v1/enroll", { method: "POST", token: secret, rawBody });
    assert.equal(answer.status, 400);
  });

  it("malformed JSON, a foreign media type and a body of 200 KB", async () => {
    const call = { method: "POST", token: secret };
    const malformed = await client.call("/v1/enroll", { ...call, rawBody: '{"name":' });
    assert.deepEqual([malformed.status, malformed.body.code], [400, "invalid_json"]);
    const headers = { "content-type": "text/plain" };
    const foreign = await client.call("/v1/enroll", { ...call, body: newCall(), headers });
    assert.deepEqual([foreign.status, foreign.body.code], [415, "unsupported_media_type"]);
    const large = await enroll(secret, { ...newCall(), facts: { hostname: "x".repeat(200_000) } });
    assert.deepEqual([large.status, large.body.code], [413, "body_too_large"]);
  });

  it("more labels than a device may have, counting those of the token, and gives the use back", async () => {
    const many = (prefix: string) =>
      Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`${prefix}${index}`, "x"]));
    const { secret: labelled, token } = await fixture.newToken({ labels: many("t"), maxDevices: 1 });
    const answer = await enroll(labelled, { ...newCall(), labels: many("d") });
    assert.deepEqual([answer.status, answer.body.code], [400, "invalid_input"]);
    const stored = await fixture.store.provisioningTokens.get(fixture.organizationId, token._id);
    assert.equal(stored?.usedCount, 0);
  });

  it("an unknown route and a wrong method", async () => {
    for (const [method, path] of [
      ["GET", "/v1/enroll"],
      ["POST", "/v1/enrol"],
      ["GET", "/v1/crl/..%2f..%2fetc"],
      ["GET", "/v1/crl/org_00000000000000000000000000:1"],
    ] as const) {
      assert.equal((await client.call(path, { method })).status, 404);
    }
  });
});

describe("enrolment with keys made here, where allowed", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await createFixture();
  });
  after(() => fixture.stop());

  it("returns a P-256 key that fits the certificate", async () => {
    const { client } = await fixture.start({ allowServerKeys: true });
    const { secret } = await fixture.newToken();
    const answer = await client.enroll(secret, { name: "keyless", generateKey: true });
    assert.equal(answer.status, 201, answer.bytes.toString());
    await withFiles({ key: answer.body.privateKey, cert: answer.body.certificateChain }, async (path) => {
      const ofKey = await openssl(["pkey", "-in", path("key"), "-pubout"]);
      const ofCertificate = await openssl(["x509", "-in", path("cert"), "-noout", "-pubkey"]);
      assert.equal(ofKey, ofCertificate);
    });
    const both = await client.enroll(secret, { name: "both", generateKey: true, csr: newKey().csr });
    assert.deepEqual([both.status, both.body.code], [400, "csr_invalid"]);
  });

  it("returns the key with the approval where an operator has to approve", async () => {
    const { client } = await fixture.start({ allowServerKeys: true });
    const { secret } = await fixture.newToken({ approval: "manual" });
    const pending = await client.enroll(secret, { name: "keyless-waiting", generateKey: true });
    assert.equal(pending.status, 202);
    assert.equal(pending.body.privateKey, undefined);
    const { deviceId, deviceToken } = pending.body;
    await fixture.setStatus(deviceId, "active");
    const call = { name: "keyless-waiting", generateKey: true, deviceId, deviceToken };
    const answer = await client.enroll(secret, call);
    assert.equal(answer.status, 201);
    assert.match(answer.body.privateKey, /BEGIN PRIVATE KEY/);
  });
});

async function requestBy(args: string[]): Promise<string> {
  return withFiles({}, (path) => openssl(["req", "-new", "-keyout", path("key"), ...args]));
}

/** Two requests of one length, the first one's content under the second one's signature. */
function withForeignSignature(): string {
  const der = (key: KeyObject): Buffer =>
    Buffer.from(
      createCsr({ privateKey: key, commonName: "x" })
        .replace(/-----[^-]+-----/g, "")
        .replace(/\s/g, ""),
      "base64",
    );
  const newPrivateKey = (): KeyObject => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  for (;;) {
    const [own, foreign] = [der(newPrivateKey()), der(newPrivateKey())];
    if (own.length !== foreign.length) continue;
    const mixed = Buffer.concat([own.subarray(0, own.length - 64), foreign.subarray(own.length - 64)]);
    const body = (mixed.toString("base64").match(/.{1,64}/g) ?? []).join("\n");
    return `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`;
  }
}
