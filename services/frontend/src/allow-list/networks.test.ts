import assert from "node:assert/strict";
import { isInNetworks, networkField, plainAddress } from "./networks.ts";

describe("when networks are listed", () => {
  it("takes addresses and CIDR of both families, and writes mapped ones as the IPv4 they mean", () => {
    for (const [given, expected] of [
      ["192.0.2.1", "192.0.2.1"],
      [" 192.0.2.1/32 ", "192.0.2.1"],
      ["10.0.0.0/8", "10.0.0.0/8"],
      ["0.0.0.0/0", "0.0.0.0/0"],
      ["2001:DB8:0:0::1", "2001:db8::1"],
      ["2001:db8::/32", "2001:db8::/32"],
      ["::/0", "::/0"],
      ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
      ["::FFFF:c000:0201", "192.0.2.1"],
      ["0:0:0:0:0:ffff:192.0.2.1/128", "192.0.2.1"],
    ] as const) {
      assert.equal(networkField.parse(given), expected, given);
    }
  });

  it("refuses anything else", () => {
    for (const text of [
      "",
      "/",
      "10.0.0.0/",
      "10.0.0.0/33",
      "10.0.0.0/-1",
      "10.0.0.0/08",
      "10.0.0.0/8/8",
      "10.0.0",
      "010.0.0.1",
      "example.com",
      "2001:db8::/129",
      "fe80::1%eth0",
      "::ffff:10.0.0.0/8",
      "1.2.3.4 5.6.7.8",
      "::1]/x",
    ]) {
      assert.equal(networkField.safeParse(text).success, false, text);
    }
  });

  it("finds an address in a network of its family, in whatever form it comes", () => {
    const networks = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "2001:db9::1"];
    for (const inside of [
      "10.255.0.1",
      "::ffff:10.1.2.3",
      "::ffff:a01:203",
      "192.0.2.7",
      "2001:db8:ffff::1",
      "2001:0DB9:0::0001",
      "2001:db9::1%eth0",
    ]) {
      assert.equal(isInNetworks(networks, inside), true, inside);
    }
    for (const outside of ["11.0.0.1", "192.0.2.8", "2001:db9::2", "::1", "::ffff:11.0.0.1", "unknown", ""]) {
      assert.equal(isInNetworks(networks, outside), false, outside);
    }
    assert.equal(isInNetworks(["0.0.0.0/0"], "2001:db8::1"), false);
    assert.equal(isInNetworks([], "10.0.0.1"), false);
  });

  it("shows people the address they know", () => {
    assert.equal(plainAddress("::ffff:10.1.2.3"), "10.1.2.3");
    assert.equal(plainAddress("fe80::1%eth0"), "fe80::1");
    assert.equal(plainAddress("unknown"), "unknown");
  });
});
