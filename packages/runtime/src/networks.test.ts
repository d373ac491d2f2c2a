import assert from "node:assert/strict";
import { createNetworkMatcher, parseNetwork } from "./networks.ts";

const matcher = (...texts: string[]) => createNetworkMatcher(texts.map(parseNetwork));

describe("networks", () => {
  it("hold addresses of their own family, to the bit", () => {
    const isIn = matcher("10.1.0.0/20", "192.0.2.7", "fd00::/8", "2001:db8::1");
    for (const address of ["10.1.0.0", "10.1.15.255", "192.0.2.7", "fdff::1", "2001:db8::1"])
      assert.ok(isIn(address), address);
    for (const address of ["10.1.16.0", "192.0.2.8", "fe80::1", "2001:db8::2", "", "localhost", "1"])
      assert.ok(!isIn(address), address);
  });

  it("hold everything where they are everything, and nothing where there are none", () => {
    assert.ok(matcher("0.0.0.0/0")("8.8.8.8"));
    assert.ok(!matcher("0.0.0.0/0")("2001:db8::1"));
    assert.ok(matcher("::/0")("2001:db8::1"));
    assert.ok(!matcher()("127.0.0.1"));
  });

  it("take an IPv4 address for what it is, however it is written, and ignore zones", () => {
    assert.ok(matcher("127.0.0.0/8")("::ffff:127.0.0.1"));
    assert.ok(!matcher("10.0.0.0/8")("::ffff:127.0.0.1"));
    assert.ok(matcher("fe80::/10")("fe80::1%eth0"));
  });

  it("are refused where they are none", () => {
    for (const text of [
      "",
      "10.0.0.0/33",
      "::/129",
      "10.0.0/8",
      "host",
      "10.0.0.0/",
      "10.0.0.0/8/9",
      "fe80::1%eth0",
      "1.2.3.4/-1",
    ])
      assert.throws(() => parseNetwork(text), /must be an IPv4 or IPv6/, text);
  });
});
