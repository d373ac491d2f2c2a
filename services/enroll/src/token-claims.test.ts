import assert from "node:assert/strict";
import { eventually } from "../test/eventually.ts";
import { newKey } from "../test/client.ts";
import { createFixture, type Fixture } from "../test/fixture.ts";
import { staleClaimMs } from "./enrollment/token-claims.ts";

describe("the count of a token's uses", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await createFixture();
  });
  after(() => fixture.stop());

  const longAgo = () => new Date(Date.now() - staleClaimMs - 1_000);
  const deviceId = "dev_00000000000000000000000001";
  const state = async (id: string): Promise<{ used: number; open: number }> => {
    const found = await fixture.store.provisioningTokens.readForClaim(id);
    assert.ok(found);
    return { used: found.token.usedCount, open: found.openClaims.size };
  };

  describe("when a process died after counting, and its client never came back", () => {
    it("takes the use back after a while, not at once", async () => {
      const { store } = fixture;
      const { token } = await fixture.newToken({ maxDevices: 2 });
      const claim = (key: string, now: Date) =>
        store.provisioningTokens.claim(token._id, { claims: [{ key, deviceId }], maxDevices: 2, now });
      assert.equal((await claim("dead", longAgo()))?.usedCount, 1);
      assert.equal((await claim("alive", new Date()))?.usedCount, 2);
      assert.equal(await claim("third", new Date()), undefined);
      await fixture.start();
      await eventually(async () => assert.deepEqual(await state(token._id), { used: 1, open: 1 }));
      assert.equal(await store.provisioningTokens.release(token._id, { key: "dead", deviceId }), false);
      assert.deepEqual(await state(token._id), { used: 1, open: 1 });
    });

    it("keeps the use where the device was stored", async () => {
      const { store } = fixture;
      const { client } = await fixture.start();
      const { secret, token } = await fixture.newToken({ maxDevices: 5 });
      const { body } = await client.enroll(secret, { name: "stored", csr: newKey().csr });
      const claims = [{ key: "stored", deviceId: String(body.deviceId) }];
      await store.provisioningTokens.claim(token._id, { claims, maxDevices: 5, now: longAgo() });
      await eventually(async () => assert.deepEqual(await state(token._id), { used: 2, open: 0 }));
    });
  });

  describe("when a use was taken back while its device was being stored", () => {
    async function enrollWhileTakenBack(maxDevices: number, fillUp: boolean) {
      const own = await fixture.connect();
      const { secret, token } = await fixture.newToken({ maxDevices });
      let offsetMs = 0;
      const taken = {
        ...own.deviceEnrollment,
        insertMany: async (devices: Parameters<typeof own.deviceEnrollment.insertMany>[0]) => {
          const open = (await own.provisioningTokens.readForClaim(token._id))?.openClaims ?? new Map();
          for (const [key, id] of open as Map<string, string>) {
            await own.provisioningTokens.release(token._id, { key, deviceId: id });
          }
          const other = { claims: [{ key: "other", deviceId }], maxDevices, now: new Date() };
          // So late that the use may be gone.
          offsetMs = staleClaimMs;
          if (fillUp) await own.provisioningTokens.claim(token._id, other);
          return own.deviceEnrollment.insertMany(devices);
        },
      };
      const { client } = await fixture.start({
        store: { ...own, deviceEnrollment: taken },
        now: () => new Date(Date.now() + offsetMs),
        maintenanceIntervalMs: 60_000,
      });
      const name = fillUp ? "slow-loser" : "slow-winner";
      return { token, answer: await client.enroll(secret, { name, csr: newKey().csr }) };
    }

    it("counts it again where there is room", async () => {
      const { token, answer } = await enrollWhileTakenBack(1, false);
      assert.equal(answer.status, 201, answer.bytes.toString());
      assert.deepEqual(await state(token._id), { used: 1, open: 0 });
    });

    it("takes the device back where there is none, so that the cap holds", async () => {
      const { token, answer } = await enrollWhileTakenBack(1, true);
      assert.deepEqual([answer.status, answer.body.code], [403, "token_exhausted"]);
      assert.deepEqual(await state(token._id), { used: 1, open: 1 });
      await assert.rejects(fixture.device("slow-loser"));
    });
  });

  describe("when several claim at once", () => {
    it("counts all of a batch or none, and each key once", async () => {
      const { store } = fixture;
      const { token } = await fixture.newToken({ maxDevices: 3 });
      const claims = (keys: string[]) => keys.map((key) => ({ key, deviceId }));
      const claim = (keys: string[]) =>
        store.provisioningTokens.claim(token._id, { claims: claims(keys), maxDevices: 3, now: new Date() });
      assert.equal((await claim(["a", "b"]))?.usedCount, 2);
      assert.equal(await claim(["c", "d"]), undefined);
      assert.equal(await claim(["a"]), undefined);
      assert.equal((await claim(["c"]))?.usedCount, 3);
      assert.deepEqual(await store.provisioningTokens.settle(token._id, ["a", "zz"]), new Set(["a"]));
      assert.deepEqual(await state(token._id), { used: 3, open: 2 });
    });

    it("shows operators the token without its bookkeeping", async () => {
      const { token } = await fixture.newToken({ maxDevices: 3 });
      const claims = [{ key: "x", deviceId }];
      await fixture.store.provisioningTokens.claim(token._id, { claims, maxDevices: 3, now: new Date() });
      const shown = await fixture.store.provisioningTokens.get(fixture.organizationId, token._id);
      assert.ok(shown && !("claims" in shown));
      const { organizationId } = fixture;
      const [listed] = await fixture.store.provisioningTokens.list({ organizationId, limit: 1 });
      assert.ok(listed && !("claims" in listed));
    });
  });
});
