import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { identityAnswer, pendingAnswer } from "@rciots/protocol";
import { newKey, type Client } from "../test/client.ts";
import { eventually } from "../test/eventually.ts";
import { createFixture, opensslVerify, type Fixture } from "../test/fixture.ts";
import type { Enroll } from "./index.ts";

describe("POST /v1/enroll", () => {
  let fixture: Fixture;
  let enroll: Enroll;
  let client: Client;
  before(async () => {
    fixture = await createFixture();
    ({ enroll, client } = await fixture.start());
  });
  after(() => fixture.stop());

  const usedCount = async (id: string): Promise<number | undefined> =>
    (await fixture.store.provisioningTokens.get(fixture.organizationId, id))?.usedCount;
  const eventsOf = async (deviceId: string): Promise<string[]> => {
    const events = await fixture.store.events.list({
      organizationId: fixture.organizationId,
      deviceId,
      limit: 50,
    });
    return events.map((event) => event.kind).reverse();
  };

  describe("when the token approves automatically", () => {
    it("answers 201 with an identity that OpenSSL accepts and the store knows", async () => {
      const { secret, token } = await fixture.newToken({ labels: { site: "north" }, templateIds: ["tpl_1"] });
      const key = newKey();
      const labels = { site: "south", rack: "7" };
      const answer = await client.enroll(secret, { name: "edge-1", csr: key.csr, labels });
      assert.equal(answer.status, 201, answer.bytes.toString());
      assert.equal(answer.headers["cache-control"], "no-store");
      const identity = identityAnswer.parse(answer.body);
      await opensslVerify(identity.certificateChain, identity.caCertificates);
      const leaf = new X509Certificate(identity.certificateChain);
      assert.ok(leaf.checkPrivateKey(key.privateKey));
      const device = await fixture.device("edge-1");
      assert.equal(leaf.subjectAltName, `URI:rciots://org/${fixture.organizationId}/device/${device._id}`);
      assert.equal(device.status, "active");
      assert.deepEqual(device.labels, { site: "north", rack: "7" });
      assert.deepEqual(
        device.assignments.map((assignment) => assignment.templateId),
        ["tpl_1"],
      );
      assert.equal(device.certificate?.serial, leaf.serialNumber);
      const record = await fixture.store.certificates.get(leaf.serialNumber);
      assert.equal(record?.deviceId, device._id);
      assert.equal(identity.edgeUrl, "wss://edge.example.com:443");
      assert.equal(enroll.rootCertificates(), identity.caCertificates);
      assert.equal(await usedCount(token._id), 1);
      assert.deepEqual(await eventsOf(device._id), ["device.enrolled"]);
      await eventually(async () => {
        const { openClaims } = (await fixture.store.provisioningTokens.readForClaim(token._id)) ?? {};
        assert.equal(openClaims?.size, 0);
      });
    });

    it("gives a repeated call the same device and device token, and counts no second use", async () => {
      const { secret, token } = await fixture.newToken({ maxDevices: 1 });
      const body = { name: "repeated", csr: newKey().csr };
      const first = await client.enroll(secret, body);
      const second = await client.enroll(secret, body);
      assert.equal(first.status, 201);
      assert.equal(second.status, 201, second.bytes.toString());
      assert.equal(second.body.deviceId, first.body.deviceId);
      assert.equal(second.body.deviceToken, first.body.deviceToken);
      assert.notEqual(second.body.certificateChain, first.body.certificateChain);
      assert.equal(await usedCount(token._id), 1);
      await opensslVerify(second.body.certificateChain, second.body.caCertificates);
    });

    it("repeats also after the token was disabled, expired or is used up", async () => {
      const { secret, token } = await fixture.newToken({ maxDevices: 1 });
      const body = { name: "repeated-later", csr: newKey().csr };
      const first = await client.enroll(secret, body);
      const change = { enabled: false, expiresAt: new Date(0) };
      await fixture.store.provisioningTokens.update(fixture.organizationId, token._id, change);
      const second = await client.enroll(secret, body);
      assert.equal(second.status, 201);
      assert.equal(second.body.deviceId, first.body.deviceId);
    });

    it("gives twenty repetitions at once one device, under a cap of one", async () => {
      const { secret, token } = await fixture.newToken({ maxDevices: 1 });
      const body = { name: "impatient", csr: newKey().csr };
      const answers = await Promise.all(Array.from({ length: 20 }, () => client.enroll(secret, body)));
      assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [201]);
      assert.equal(new Set(answers.map((answer) => answer.body.deviceId)).size, 1);
      assert.equal(new Set(answers.map((answer) => answer.body.deviceToken)).size, 1);
      assert.equal(await usedCount(token._id), 1);
    });

    it("lets exactly 100 of 200 at once in under a cap of 100", async () => {
      const { secret, token } = await fixture.newToken({ maxDevices: 100 });
      const calls = Array.from({ length: 200 }, (_, index) =>
        client.enroll(secret, { name: `crowd-${index}`, csr: newKey().csr }),
      );
      const answers = await Promise.all(calls);
      const codes = answers.map((answer) => (answer.status === 201 ? "201" : String(answer.body.code)));
      assert.equal(codes.filter((code) => code === "201").length, 100);
      assert.equal(codes.filter((code) => code === "token_exhausted").length, 100);
      assert.equal(await usedCount(token._id), 100);
      const devices = await fixture.store.devices.list(
        fixture.organizationId,
        { nameMatches: "^crowd-" },
        { sort: "name", limit: 500 },
      );
      assert.equal(devices.length, 100);
    });

    it("lets a cap that is raised in between count", async () => {
      const { secret, token } = await fixture.newToken({ maxDevices: 1 });
      await client.enroll(secret, { name: "raised-1", csr: newKey().csr });
      const refused = await client.enroll(secret, { name: "raised-2", csr: newKey().csr });
      assert.equal(refused.body.code, "token_exhausted");
      await fixture.store.provisioningTokens.update(fixture.organizationId, token._id, { maxDevices: 2 });
      const answer = await client.enroll(secret, { name: "raised-2", csr: newKey().csr });
      assert.equal(answer.status, 201);
    });
  });

  describe("when the name is taken", () => {
    it("refuses another key with 409 and gives the use back", async () => {
      const { secret, token } = await fixture.newToken();
      await client.enroll(secret, { name: "taken", csr: newKey().csr });
      const answer = await client.enroll(secret, { name: "taken", csr: newKey().csr });
      assert.equal(answer.status, 409);
      assert.equal(answer.body.code, "device_name_taken");
      assert.equal(await usedCount(token._id), 1);
    });

    it("lets one of ten different keys at once have it", async () => {
      const { secret, token } = await fixture.newToken();
      const calls = Array.from({ length: 10 }, () =>
        client.enroll(secret, { name: "contested", csr: newKey().csr }),
      );
      const answers = await Promise.all(calls);
      const codes = answers.map((answer) => (answer.status === 201 ? "201" : String(answer.body.code)));
      assert.equal(codes.filter((code) => code === "201").length, 1);
      assert.equal(codes.filter((code) => code === "device_name_taken").length, 9);
      assert.equal(await usedCount(token._id), 1);
    });

    it("lets another organisation have the same name", async () => {
      const organizationId = await fixture.newOrganization();
      const [own, other] = [await fixture.newToken(), await fixture.newToken({ organizationId })];
      const first = await client.enroll(own.secret, { name: "shared-name", csr: newKey().csr });
      const second = await client.enroll(other.secret, { name: "shared-name", csr: newKey().csr });
      assert.equal(first.status, 201);
      assert.equal(second.status, 201);
      assert.equal(second.body.organizationId, organizationId);
    });

    it("takes the name of a decommissioned device over as a new device, and keeps the former's document", async () => {
      const { secret } = await fixture.newToken();
      const former = await client.enroll(secret, { name: "reused", csr: newKey().csr });
      await fixture.setStatus(former.body.deviceId, "decommissioned");
      const answer = await client.enroll(secret, { name: "reused", csr: newKey().csr });
      assert.equal(answer.status, 201, answer.bytes.toString());
      assert.notEqual(answer.body.deviceId, former.body.deviceId);
      const kept = await fixture.store.devices.find(fixture.organizationId, former.body.deviceId);
      assert.equal(kept?.name, `reused~${former.body.deviceId}`);
    });

    it("does not let the key of a decommissioned device back in", async () => {
      const { secret } = await fixture.newToken();
      const body = { name: "gone", csr: newKey().csr };
      const former = await client.enroll(secret, body);
      await fixture.setStatus(former.body.deviceId, "decommissioned");
      const answer = await client.enroll(secret, body);
      assert.equal(answer.status, 403);
      assert.equal(answer.body.code, "device_decommissioned");
    });
  });

  describe("when an operator has to approve", () => {
    it("answers 202 until approved, then 201 with the same device token", async () => {
      const { secret, token } = await fixture.newToken({ approval: "manual", maxDevices: 1 });
      const body = { name: "waiting", csr: newKey().csr };
      const first = await client.enroll(secret, body);
      assert.equal(first.status, 202, first.bytes.toString());
      assert.ok(first.headers["retry-after"]);
      const { deviceId, deviceToken } = pendingAnswer.parse(first.body);
      assert.equal((await fixture.device("waiting")).status, "pending");
      const again = await client.enroll(secret, { ...body, deviceId, deviceToken });
      assert.equal(again.status, 202);
      assert.deepEqual(await client.enroll(secret, body).then((answer) => answer.body.deviceId), deviceId);
      await fixture.setStatus(deviceId, "active");
      const approved = await client.enroll(secret, { ...body, deviceId, deviceToken });
      assert.equal(approved.status, 201, approved.bytes.toString());
      assert.equal(approved.body.deviceToken, deviceToken);
      await opensslVerify(approved.body.certificateChain, approved.body.caCertificates);
      assert.equal(await usedCount(token._id), 1);
      assert.deepEqual(await eventsOf(deviceId), ["device.pending", "device.enrolled"]);
    });

    it("lets a waiting device come back with another key, by its device token", async () => {
      const { secret } = await fixture.newToken({ approval: "manual" });
      const { body } = await client.enroll(secret, { name: "rekeyed", csr: newKey().csr });
      const { deviceId, deviceToken } = body;
      const next = newKey();
      const call = { name: "rekeyed", csr: next.csr, deviceId, deviceToken };
      assert.equal((await client.enroll(secret, call)).status, 202);
      await fixture.setStatus(deviceId, "active");
      const answer = await client.enroll(secret, call);
      assert.ok(new X509Certificate(answer.body.certificateChain).checkPrivateKey(next.privateKey));
    });

    for (const status of ["denied", "disabled", "decommissioned"] as const) {
      it(`refuses a ${status} device, by its key and by its device token`, async () => {
        const { secret } = await fixture.newToken({ approval: "manual" });
        const request = { name: `is-${status}`, csr: newKey().csr };
        const { deviceId, deviceToken } = (await client.enroll(secret, request)).body;
        await fixture.setStatus(deviceId, status);
        for (const extra of [{}, { deviceId, deviceToken }]) {
          const answer = await client.enroll(secret, { ...request, ...extra });
          assert.equal(answer.status, 403);
          assert.equal(answer.body.code, `device_${status}`);
        }
      });
    }

    it("refuses a wrong device token, an unknown device, and half of the pair", async () => {
      const { secret } = await fixture.newToken({ approval: "manual" });
      const request = { name: "half", csr: newKey().csr };
      const { deviceId, deviceToken } = (await client.enroll(secret, request)).body;
      const wrong = await client.enroll(secret, {
        ...request,
        deviceId,
        deviceToken: "rcd_wrong-wrong-wrong",
      });
      assert.deepEqual([wrong.status, wrong.body.code], [401, "device_token_invalid"]);
      const unknown = `${String(deviceId).slice(0, -4)}ZZZZ`;
      const missing = await client.enroll(secret, { ...request, deviceId: unknown, deviceToken });
      assert.deepEqual([missing.status, missing.body.code], [404, "device_not_found"]);
      const half = await client.enroll(secret, { ...request, deviceId });
      assert.deepEqual([half.status, half.body.code], [400, "invalid_input"]);
    });

    it("does not let another organisation's token poll the device", async () => {
      const own = await fixture.newToken({ approval: "manual" });
      const other = await fixture.newToken({ organizationId: await fixture.newOrganization() });
      const request = { name: "poached", csr: newKey().csr };
      const { deviceId, deviceToken } = (await client.enroll(own.secret, request)).body;
      const answer = await client.enroll(other.secret, { ...request, deviceId, deviceToken });
      assert.deepEqual([answer.status, answer.body.code], [404, "device_not_found"]);
    });
  });

  describe("when the process dies between counting a use and storing the device", () => {
    it("the same call finds its use again, also at the cap", async () => {
      const { secret, token } = await fixture.newToken({ maxDevices: 1 });
      const dying = await fixture.connect();
      const { client: dyingClient, enroll: dyingEnroll } = await fixture.start({
        store: { ...dying, deviceEnrollment: { ...dying.deviceEnrollment, insertMany: died } },
      });
      const body = { name: "survivor", csr: newKey().csr };
      const lost = await dyingClient.enroll(secret, body);
      assert.equal(lost.status, 500);
      await dyingEnroll.stop();
      assert.equal(await usedCount(token._id), 1);
      const other = await client.enroll(secret, { name: "too-late", csr: newKey().csr });
      assert.equal(other.body.code, "token_exhausted");
      const answer = await client.enroll(secret, body);
      assert.equal(answer.status, 201, answer.bytes.toString());
      assert.equal(await usedCount(token._id), 1);
    });

    it("a device that was stored without its certificate gets one, for the same use", async () => {
      const { secret, token } = await fixture.newToken({ maxDevices: 1 });
      const dying = await fixture.connect();
      const { client: dyingClient } = await fixture.start({
        store: { ...dying, certificates: { ...dying.certificates, insertMany: died } },
      });
      const body = { name: "unconfirmed", csr: newKey().csr };
      assert.equal((await dyingClient.enroll(secret, body)).status, 500);
      const answer = await client.enroll(secret, body);
      assert.equal(answer.status, 201);
      const { serialNumber } = new X509Certificate(answer.body.certificateChain);
      assert.ok(await fixture.store.certificates.get(serialNumber));
      assert.equal(await usedCount(token._id), 1);
    });
  });
});

async function died(): Promise<never> {
  throw new Error("The process has died here.");
}
