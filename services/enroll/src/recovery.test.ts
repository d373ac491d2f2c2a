import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { isAppError } from "@rciots/runtime";
import { newKey, type Client } from "../test/client.ts";
import { createFixture, dayMs, opensslVerify, type Fixture } from "../test/fixture.ts";
import type { Enroll } from "./index.ts";

describe("a device that is enrolled", () => {
  let fixture: Fixture;
  let enroll: Enroll;
  let client: Client;
  let secret: string;
  let clockOffsetMs = 0;
  before(async () => {
    fixture = await createFixture();
    const now = (): Date => new Date(Date.now() + clockOffsetMs);
    const rateLimits = { failuresPerDevice: 5, recoveriesPerDevice: 5 };
    ({ enroll, client } = await fixture.start({ now, rateLimits, maintenanceIntervalMs: 60_000 }));
    ({ secret } = await fixture.newToken());
  });
  after(() => fixture.stop());
  afterEach(() => {
    clockOffsetMs = 0;
  });

  async function enrolled(name: string): Promise<{ deviceId: string; deviceToken: string; csr: string }> {
    const { csr } = newKey();
    const answer = await client.enroll(secret, { name, csr });
    assert.equal(answer.status, 201, answer.bytes.toString());
    return { deviceId: answer.body.deviceId, deviceToken: answer.body.deviceToken, csr };
  }
  const renew = (deviceId: string, csr: string) =>
    enroll.renewer.renew({ organizationId: fixture.organizationId, deviceId, csr });
  const refusal = (code: string) => (error: unknown) => isAppError(error) && error.code === code;

  describe("when its certificate expired while it was off", () => {
    it("recovers with its device token, and the token stays valid", async () => {
      const { deviceId, deviceToken } = await enrolled("slept");
      clockOffsetMs = 100 * dayMs;
      for (let round = 0; round < 2; round += 1) {
        const key = newKey();
        const answer = await client.recover(deviceToken, { deviceId, csr: key.csr });
        assert.equal(answer.status, 201, answer.bytes.toString());
        assert.equal(answer.body.deviceToken, deviceToken);
        const leaf = new X509Certificate(answer.body.certificateChain);
        assert.ok(leaf.checkPrivateKey(key.privateKey));
        assert.ok(new Date(leaf.validTo).getTime() > Date.now() + 180 * dayMs);
        assert.equal((await fixture.device("slept")).certificate?.serial, leaf.serialNumber);
      }
      const { organizationId } = fixture;
      const events = await fixture.store.events.list({ organizationId, deviceId, limit: 10 });
      assert.equal(events[0]?.kind, "device.recovered");
    });
  });

  describe("when an operator has stopped it", () => {
    for (const status of ["disabled", "denied", "decommissioned", "pending"] as const) {
      it(`neither recovers nor renews while ${status}`, async () => {
        const { deviceId, deviceToken } = await enrolled(`stopped-${status}`);
        await fixture.setStatus(deviceId, status);
        const answer = await client.recover(deviceToken, { deviceId, csr: newKey().csr });
        assert.deepEqual(
          [answer.status, answer.body.code],
          [status === "pending" ? 409 : 403, `device_${status}`],
        );
        await assert.rejects(renew(deviceId, newKey().csr), refusal(`device_${status}`));
      });
    }

    it("recovers once it is enabled again", async () => {
      const { deviceId, deviceToken } = await enrolled("enabled-again");
      await fixture.setStatus(deviceId, "disabled");
      await fixture.store.certificates.revokeForDevice(
        fixture.organizationId,
        deviceId,
        "privilegeWithdrawn",
      );
      await fixture.setStatus(deviceId, "active");
      const answer = await client.recover(deviceToken, { deviceId, csr: newKey().csr });
      assert.equal(answer.status, 201);
      const { serialNumber } = new X509Certificate(answer.body.certificateChain);
      assert.equal((await fixture.store.certificates.get(serialNumber))?.revokedAt, null);
    });

    it("does not recover in a suspended organisation", async () => {
      const organizationId = await fixture.newOrganization();
      const { secret: own } = await fixture.newToken({ organizationId });
      const { body } = await client.enroll(own, { name: "suspended", csr: newKey().csr });
      await fixture.store.organizations.update(organizationId, { status: "suspended" });
      fixture.bus.publish("organization:changed", { organizationId });
      await new Promise((resolve) => setImmediate(resolve));
      const call = { deviceId: body.deviceId, csr: newKey().csr };
      const answer = await client.recover(body.deviceToken, call);
      assert.deepEqual([answer.status, answer.body.code], [403, "organization_suspended"]);
    });

    it("leaves no valid certificate behind where it is disabled during issuance", async () => {
      const { deviceId, deviceToken } = await enrolled("raced");
      const store = await fixture.connect();
      const { deviceEnrollment } = store;
      const racing = {
        ...deviceEnrollment,
        noteCertificates: async (issued: Parameters<typeof deviceEnrollment.noteCertificates>[0]) => {
          await fixture.setStatus(deviceId, "disabled");
          return deviceEnrollment.noteCertificates(issued);
        },
      };
      const { client: other } = await fixture.start({ store: { ...store, deviceEnrollment: racing } });
      const answer = await other.recover(deviceToken, { deviceId, csr: newKey().csr });
      assert.deepEqual([answer.status, answer.body.code], [403, "device_disabled"]);
      const all = await fixture.store.certificates.listOfDevice(fixture.organizationId, deviceId);
      const inForce = (await fixture.device("raced")).certificate?.serial;
      const revoked = all.filter((certificate) => certificate.revokedAt !== null);
      assert.deepEqual([all.length, revoked.length], [2, 1]);
      assert.notEqual(revoked[0]?._id, inForce);
    });
  });

  describe("when somebody else calls for it", () => {
    it("refuses a wrong token, another device's token, and an unknown device", async () => {
      const { deviceId } = await enrolled("victim");
      const { deviceToken: foreign } = await enrolled("attacker");
      for (const token of ["rcd_wrong-wrong-wrong", foreign, secret]) {
        const answer = await client.recover(token, { deviceId, csr: newKey().csr });
        assert.deepEqual([answer.status, answer.body.code], [401, "device_token_invalid"]);
      }
      const unknown = "dev_00000000000000000000000000";
      const answer = await client.recover(foreign, { deviceId: unknown, csr: newKey().csr });
      assert.deepEqual([answer.status, answer.body.code], [404, "device_not_found"]);
    });

    it("stops answering after a few failures, with the time to wait", async () => {
      const { deviceId, deviceToken } = await enrolled("guessed");
      const codes: number[] = [];
      for (let guess = 0; guess < 7; guess += 1) {
        const answer = await client.recover(`rcd_guess-guess-guess-${guess}`, {
          deviceId,
          csr: newKey().csr,
        });
        codes.push(answer.status);
        if (answer.status === 429) assert.ok(Number(answer.headers["retry-after"]) >= 1);
      }
      assert.deepEqual(codes, [401, 401, 401, 401, 401, 429, 429]);
      const answer = await client.recover(deviceToken, { deviceId, csr: newKey().csr });
      assert.equal(answer.status, 429);
    });

    it("bounds recoveries that succeed", async () => {
      const { deviceId, deviceToken } = await enrolled("restless");
      const codes: number[] = [];
      for (let round = 0; round < 6; round += 1) {
        codes.push((await client.recover(deviceToken, { deviceId, csr: newKey().csr })).status);
      }
      assert.deepEqual(codes, [201, 201, 201, 201, 201, 429]);
    });

    it("refuses a request without a valid certificate request", async () => {
      const { deviceId, deviceToken } = await enrolled("no-request");
      const answer = await client.recover(deviceToken, { deviceId, csr: "x" });
      assert.deepEqual([answer.status, answer.body.code], [400, "csr_invalid"]);
      assert.equal((await client.recover(deviceToken, { deviceId })).status, 400);
    });
  });

  describe("when it renews over its channel", () => {
    it("gets a certificate for a new key; the former one stays valid", async () => {
      const { deviceId } = await enrolled("renewed");
      const former = (await fixture.device("renewed")).certificate?.serial ?? "";
      const key = newKey();
      const answer = await renew(deviceId, key.csr);
      await opensslVerify(answer.certificateChain, answer.caCertificates);
      const leaf = new X509Certificate(answer.certificateChain);
      assert.ok(leaf.checkPrivateKey(key.privateKey));
      assert.equal(new Date(leaf.validTo).getTime(), answer.notAfter.getTime());
      const device = await fixture.device("renewed");
      assert.equal(device.certificate?.serial, leaf.serialNumber);
      assert.equal((await fixture.store.certificates.get(former))?.revokedAt, null);
    });

    it("may repeat a renewal whose answer was lost, but not keep its key for good", async () => {
      const { deviceId } = await enrolled("lost-answer");
      const { csr } = newKey();
      await renew(deviceId, csr);
      await renew(deviceId, csr);
      clockOffsetMs = 60 * dayMs;
      await assert.rejects(renew(deviceId, csr), refusal("csr_invalid"));
      await renew(deviceId, newKey().csr);
    });

    it("is not served under another organisation's name", async () => {
      const { deviceId } = await enrolled("own-organisation");
      const organizationId = await fixture.newOrganization();
      const request = { organizationId, deviceId, csr: newKey().csr };
      await assert.rejects(enroll.renewer.renew(request), refusal("device_not_found"));
    });
  });
});
