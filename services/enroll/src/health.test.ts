import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { enrollLeasePrefix } from "@rciots/process";
import { createLogger } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import { eventually } from "../test/eventually.ts";
import { newKey } from "../test/client.ts";
import { createFixture, dayMs, type Fixture } from "../test/fixture.ts";
import { createEnroll } from "./index.ts";

describe("the enrolment service", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await createFixture();
  });
  after(() => fixture.stop());

  describe("when all is well", () => {
    it("is alive and ready", async () => {
      const { client, enroll } = await fixture.start();
      await eventually(async () => {
        const ready = await client.call("/readyz");
        assert.equal(ready.status, 200, ready.bytes.toString());
        assert.ok(Object.values(ready.body.checks).every((check) => check === "ok"));
      });
      assert.equal((await client.call("/healthz")).status, 200);
      assert.equal((await enroll.health.ready()).ok, true);
    });
  });

  describe("when the store does not answer", () => {
    it("stays alive, is not ready, answers 500 without its reasons, and is ready again afterwards", async () => {
      const own = await fixture.connect();
      let isAway = false;
      const orFail = async <T>(work: () => Promise<T>): Promise<T> => {
        if (isAway) throw new Error("connection refused by mongodb://user:secret@db");
        return work();
      };
      const store = {
        ...own,
        ping: () => orFail(own.ping),
        provisioningTokens: {
          ...own.provisioningTokens,
          findByHash: (hash: string) => orFail(() => own.provisioningTokens.findByHash(hash)),
        },
      };
      const { client } = await fixture.start({ store, maintenanceIntervalMs: 60_000 });
      isAway = true;
      const ready = await client.call("/readyz");
      assert.equal(ready.status, 503);
      assert.match(ready.body.checks.store, /does not answer/);
      assert.equal((await client.call("/healthz")).status, 200);
      const { secret } = await fixture.newToken();
      const body = { name: "unlucky", csr: newKey().csr };
      const answer = await client.enroll(secret, body);
      assert.equal(answer.status, 500);
      assert.ok(!answer.bytes.toString().includes("secret@"));
      isAway = false;
      assert.equal((await client.enroll(secret, body)).status, 201);
      await eventually(async () => assert.equal((await client.call("/readyz")).status, 200));
    });
  });

  describe("when its loops make no progress", () => {
    it("asks to be restarted", async () => {
      const own = await fixture.connect();
      const claim: Store["leases"]["claim"] = (name, ...rest) =>
        name.startsWith(enrollLeasePrefix)
          ? own.leases.claim(name, ...rest)
          : Promise.reject(new Error("no"));
      const leases = { ...own.leases, claim };
      const { enroll } = await fixture.start({ store: { ...own, leases }, maintenanceIntervalMs: 1_000 });
      assert.equal(enroll.health.live().ok, true);
      const real = performance.now.bind(performance);
      try {
        enroll.health.live();
        performance.now = () => real() + 10 * 60_000;
        const report = enroll.health.live();
        assert.equal(report.ok, false);
        assert.match(report.checks["authorities"] ?? "", /no success for/);
        assert.equal(report.checks["enroll certificate"], "ok");
      } finally {
        performance.now = real;
      }
    });
  });

  describe("when its server certificate could not be renewed", () => {
    it("says so", async () => {
      let offsetMs = 0;
      const now = (): Date => new Date(Date.now() + offsetMs);
      const { enroll } = await fixture.start({ now, maintenanceIntervalMs: 600_000 });
      offsetMs = 91 * dayMs;
      const { ok, checks } = await enroll.health.ready();
      assert.equal(ok, false);
      assert.match(checks["certificate"] ?? "", /expired/);
    });
  });

  describe("when the port is taken", () => {
    it("says so in one sentence, and can be stopped", async () => {
      const { enroll } = await fixture.start();
      const second = createEnroll(fixture.options({ port: enroll.address().port }));
      await assert.rejects(
        second.start(),
        /Can't listen on 127\.0\.0\.1:\d+: another process uses this port/,
      );
      await second.stop();
    });
  });

  describe("when it logs", () => {
    it("never shows tokens, requests, keys or private keys", async () => {
      const lines: string[] = [];
      const logger = createLogger({ level: "debug", write: (line) => lines.push(line) });
      const { client } = await fixture.start({ logger, allowServerKeys: true });
      const { secret } = await fixture.newToken();
      const { csr } = newKey();
      const { body } = await client.enroll(secret, { name: "logged", csr });
      await client.enroll(secret, { name: "logged", csr: newKey().csr });
      await client.enroll("rcp_unknown-unknown-unknown", { name: "logged", csr });
      await client.enroll(secret, { name: "logged-2", csr: "broken" });
      await client.recover(body.deviceToken, { deviceId: body.deviceId, csr });
      const made = await client.enroll(secret, { name: "logged-3", generateKey: true });
      const log = lines.join("");
      assert.match(log, /"path":"\/v1\/enroll"/);
      const secrets = [secret, "rcp_unknown-unknown-unknown", String(body.deviceToken), csr.slice(40, 80)];
      for (const text of [...secrets, String(made.body.privateKey).slice(30, 60), "broken"]) {
        assert.ok(!log.includes(text), `the log shows ${text.slice(0, 6)}...`);
      }
      assert.ok(new X509Certificate(body.certificateChain).serialNumber.length > 0);
    });
  });
});
