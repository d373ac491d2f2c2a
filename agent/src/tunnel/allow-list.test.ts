import assert from "node:assert/strict";
import { parseAllowList } from "./allow-list.ts";

describe("the list of what a device may be asked to connect to", () => {
  it("is the device itself where it says loopback", () => {
    const { allows, isOpen } = parseAllowList(["loopback"]);
    assert.ok(isOpen && allows("127.0.0.1", 22) && allows("127.8.9.1", 65_535) && allows("::1", 80));
    assert.ok(allows("::ffff:127.0.0.1", 22));
    for (const address of ["10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fe80::1", "0.0.0.0", "::"])
      assert.ok(!allows(address, 22), address);
  });

  it("names networks and ports", () => {
    const { allows } = parseAllowList([
      "192.168.1.0/24:22+8000-8080",
      "10.0.0.5:443",
      "[fd00::]/8:80",
      "2001:db8::/32",
      "[::1]:5432",
    ]);
    assert.ok(allows("192.168.1.7", 22) && allows("192.168.1.7", 8_000) && allows("192.168.1.7", 8_080));
    assert.ok(!allows("192.168.1.7", 23) && !allows("192.168.2.7", 22) && !allows("192.168.1.7", 8_081));
    assert.ok(allows("10.0.0.5", 443) && !allows("10.0.0.6", 443));
    assert.ok(allows("fd12::1", 80) && !allows("fd12::1", 81));
    assert.ok(allows("2001:db8::9", 1) && allows("::1", 5_432) && !allows("::1", 5_433));
  });

  it("can be everything, or nothing", () => {
    const all = parseAllowList(["any"]);
    assert.ok(all.allows("203.0.113.1", 1) && all.allows("2001:db8::1", 65_535));
    const none = parseAllowList(["none"]);
    assert.ok(!none.isOpen && !none.allows("127.0.0.1", 22));
    assert.ok(!parseAllowList([]).isOpen);
  });

  it("is refused where it can't be read", () => {
    for (const entry of [
      "host.example.com",
      "10.0.0.0/8:0",
      "10.0.0.0/8:70000",
      "10.0.0.0/8:9-2",
      "10.0.0.0/8:ssh",
      "10.0.0.0/40",
      "[::1",
      ":22",
      "loopback:",
    ])
      assert.throws(() => parseAllowList([entry]), Error, entry);
    assert.throws(() => parseAllowList(["none", "loopback"]), /excludes/);
  });
});
