import assert from "node:assert/strict";
import { addressKey, createLoginGuard } from "./login-guard.ts";

describe("when failed sign-ins are counted", () => {
  const limits = { accountFailures: 2, addressFailures: 4, windowMs: 60_000 };

  it("counts a host's IPv6 addresses as one, and IPv4 in either form as one", () => {
    assert.equal(addressKey("2001:db8:1:2:3:4:5:6"), addressKey("2001:DB8:1:2::9"));
    assert.equal(addressKey("2001:0db8:0001:0002::1"), addressKey("2001:db8:1:2::1"));
    assert.notEqual(addressKey("2001:db8:1:2::1"), addressKey("2001:db8:1:3::1"));
    assert.equal(addressKey("::1"), "0:0:0:0::/64");
    assert.equal(addressKey("fe80::1%eth0"), addressKey("fe80::2"));
    assert.equal(addressKey("::ffff:192.0.2.1"), "192.0.2.1");
  });

  it("forgets an account's failures when it signs in, and gives the address its attempt back", async () => {
    const guard = createLoginGuard(limits);
    const attempt = { account: "a", address: "192.0.2.1", isKnownAddress: false };
    for (let round = 0; round < 6; round += 1) {
      await guard.begin(attempt);
      await guard.succeed(attempt);
    }
    await guard.begin(attempt);
    await guard.begin(attempt);
    await assert.rejects(guard.begin(attempt), { code: "too_many_failures", status: 429 });
  });

  it("bans an address that tries one account after the other", async () => {
    const guard = createLoginGuard(limits);
    const attempt = { address: "192.0.2.2", isKnownAddress: false };
    for (const account of ["a", "b", "c", "d"]) await guard.begin({ ...attempt, account });
    await assert.rejects(guard.begin({ ...attempt, account: "e" }), { code: "too_many_failures" });
    await guard.begin({ ...attempt, account: "e", address: "192.0.2.3" });
  });

  it("ends guesses at one account from everywhere, and lets its owner in from the usual place", async () => {
    const guard = createLoginGuard(limits);
    const from = (host: number) => ({ account: "a", address: `192.0.2.${host}`, isKnownAddress: false });
    for (let host = 1; host <= 20; host += 1) await guard.begin(from(host));
    await assert.rejects(guard.begin(from(21)), { code: "too_many_failures" });
    await guard.begin({ ...from(22), isKnownAddress: true });
    await guard.forgive({ account: "a", address: "192.0.2.23" });
    await guard.begin(from(23));
  });

  it("takes back an attempt that was not wrong, and nothing that failed before", async () => {
    const guard = createLoginGuard(limits);
    const attempt = { account: "a", address: "192.0.2.1", isKnownAddress: false };
    await guard.begin(attempt);
    for (let round = 0; round < 6; round += 1) {
      await guard.begin(attempt);
      await guard.withdraw(attempt);
    }
    await guard.begin(attempt);
    await assert.rejects(guard.begin(attempt), { code: "too_many_failures" });
  });

  it("counts codes by account wherever they come from, and links by address", async () => {
    const guard = createLoginGuard(limits);
    await guard.beginCode("a");
    await guard.succeedCode("a");
    for (let round = 0; round < 2; round += 1) await guard.beginCode("a");
    await assert.rejects(guard.beginCode("a"), { code: "too_many_failures" });
    await guard.beginCode("b");
    for (let round = 0; round < 6; round += 1) {
      await guard.beginLink("192.0.2.9");
      await guard.succeedLink("192.0.2.9");
    }
    for (let round = 0; round < 4; round += 1) await guard.beginLink("192.0.2.9");
    await assert.rejects(guard.beginLink("192.0.2.9"), { code: "too_many_failures" });
  });
});
