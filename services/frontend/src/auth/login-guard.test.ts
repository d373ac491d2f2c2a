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
    const attempt = { login: "a", address: "192.0.2.1" };
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
    for (const login of ["a", "b", "c", "d"]) await guard.begin({ login, address: "192.0.2.2" });
    await assert.rejects(guard.begin({ login: "e", address: "192.0.2.2" }), { code: "too_many_failures" });
    await guard.begin({ login: "e", address: "192.0.2.3" });
  });
});
