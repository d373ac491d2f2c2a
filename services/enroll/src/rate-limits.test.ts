import assert from "node:assert/strict";
import { isAppError } from "@rciots/runtime";
import { newKey } from "../test/client.ts";
import { createFixture, type Fixture } from "../test/fixture.ts";
import { clientKey, createRateLimits } from "./rate-limits.ts";

describe("rate limits", () => {
  describe("when tokens are guessed from one address", () => {
    let fixture: Fixture;
    before(async () => {
      fixture = await createFixture();
    });
    after(() => fixture.stop());

    it("stops the guessing with 429, and still serves tokens that are known", async () => {
      const { client } = await fixture.start({ rateLimits: { failuresPerAddress: 5 } });
      const { secret } = await fixture.newToken();
      const fresh = await fixture.newToken();
      const enrolled = await client.enroll(secret, { name: "honest-1", csr: newKey().csr });
      assert.equal(enrolled.status, 201);
      const codes: number[] = [];
      for (let guess = 0; guess < 7; guess += 1) {
        const token = `rcp_guess-guess-guess-${guess}`;
        const answer = await client.enroll(token, { name: "guess", csr: newKey().csr });
        codes.push(answer.status);
        if (answer.status === 429) {
          assert.equal(answer.body.code, "rate_limited");
          assert.ok(Number(answer.headers["retry-after"]) >= 1);
        }
      }
      assert.deepEqual(codes, [404, 404, 404, 404, 404, 429, 429]);
      assert.equal((await client.enroll(secret, { name: "honest-2", csr: newKey().csr })).status, 201);
      assert.equal((await client.enroll(fresh.secret, { name: "honest-3", csr: newKey().csr })).status, 429);
    });

    it("counts malformed calls as failures, but not as the token's neighbours'", async () => {
      const { client } = await fixture.start({ rateLimits: { failuresPerAddress: 3 } });
      for (let n = 0; n < 3; n += 1) {
        assert.equal((await client.call("/v1/nothing")).status, 404);
      }
      assert.equal((await client.enroll("rcp_unknown-unknown-unknown", {})).status, 429);
      assert.equal((await client.call("/v1/ca")).status, 200);
    });

    it("bounds the refusals of one token and their events", async () => {
      const { client } = await fixture.start({
        rateLimits: { failuresPerToken: 4, refusalEventsPerOrganization: 2 },
      });
      const { secret } = await fixture.newToken({ maxDevices: 0 });
      const codes: number[] = [];
      for (let n = 0; n < 6; n += 1) {
        codes.push((await client.enroll(secret, { name: `full-${n}`, csr: newKey().csr })).status);
      }
      assert.deepEqual(codes, [403, 403, 403, 403, 429, 429]);
      const { organizationId } = fixture;
      const kinds = ["device.enrollment-refused"];
      assert.equal((await fixture.store.events.list({ organizationId, kinds, limit: 50 })).length, 2);
    });

    it("takes the client's address from a proxy only where that is trusted", async () => {
      const guess = { name: "guess", csr: newKey().csr };
      const rateLimits = { failuresPerAddress: 1 };
      const trusting = await fixture.start({ rateLimits, trustProxy: ["127.0.0.1/32"] });
      const distrusting = await fixture.start({ rateLimits });
      const statuses = async (client: typeof trusting.client): Promise<number[]> => {
        const found: number[] = [];
        for (const address of ["198.51.100.1", "198.51.100.2", "198.51.100.1"]) {
          const headers = { "x-forwarded-for": address };
          found.push((await client.enroll("rcp_unknown-unknown-unknown", guess, headers)).status);
        }
        return found;
      };
      assert.deepEqual(await statuses(trusting.client), [404, 404, 429]);
      assert.deepEqual(await statuses(distrusting.client), [404, 429, 429]);
    });
  });

  describe("when counted", () => {
    it("admits up to the limit, and checks without counting", async () => {
      const limits = createRateLimits({ failuresPerAddress: 2 });
      await limits.check("failuresPerAddress", "a");
      await limits.count("failuresPerAddress", "a");
      await limits.check("failuresPerAddress", "a");
      await limits.count("failuresPerAddress", "a");
      await assert.rejects(
        limits.check("failuresPerAddress", "a"),
        (error) => isAppError(error) && error.status === 429,
      );
      await assert.rejects(
        limits.count("failuresPerAddress", "a"),
        (error) => isAppError(error) && error.status === 429,
      );
      assert.equal(await limits.tryCount("failuresPerAddress", "a"), false);
      assert.equal(await limits.tryCount("failuresPerToken", "a"), true);
    });

    it("keeps a bounded number of counters, whatever the keys", async () => {
      const limits = createRateLimits();
      for (let n = 0; n < 200_000; n += 1) await limits.tryCount("failuresPerAddress", `10.0.${n}`);
      assert.ok(limits.size("failuresPerAddress") <= 65_536);
      assert.ok(limits.size("failuresPerAddress") > 60_000);
    });
  });

  describe("when addresses are told apart", () => {
    it("takes IPv4 whole, in either writing, and the /64 of IPv6", () => {
      assert.equal(clientKey("192.0.2.1"), "192.0.2.1");
      assert.equal(clientKey("::ffff:192.0.2.1"), "192.0.2.1");
      assert.equal(clientKey("2001:db8:1:2:3:4:5:6"), clientKey("2001:db8:1:2::9"));
      assert.notEqual(clientKey("2001:db8:1:2::9"), clientKey("2001:db8:1:3::9"));
      assert.equal(clientKey("fe80::1%eth0"), "fe80:0:0:0::/64");
      assert.equal(clientKey("::1"), "0:0:0:0::/64");
      assert.equal(clientKey(undefined), "unknown");
    });
  });
});
