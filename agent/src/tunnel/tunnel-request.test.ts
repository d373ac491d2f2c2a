import assert from "node:assert/strict";
import { limits } from "@rciots/protocol";
import { describeRequest, parseTunnelRequest, parseTunnelRequests } from "./tunnel-request.ts";

const own = (port: number) => ({ host: "127.0.0.1", port });

describe("when a tunnel is asked for on the agent's command line", () => {
  it("reads every form that rport has", () => {
    assert.deepEqual(parseTunnelRequest("22"), { target: own(22) });
    assert.deepEqual(parseTunnelRequest("2222:22"), { target: own(22), port: 2_222 });
    assert.deepEqual(parseTunnelRequest("nas.local:443"), { target: { host: "nas.local", port: 443 } });
    assert.deepEqual(parseTunnelRequest("2222:192.168.1.20:22"), {
      target: { host: "192.168.1.20", port: 22 },
      port: 2_222,
    });
    assert.deepEqual(parseTunnelRequest("2222:0.0.0.0:22"), {
      target: { host: "0.0.0.0", port: 22 },
      port: 2_222,
    });
    assert.deepEqual(parseTunnelRequest("10.0.0.1:2222:22"), {
      target: own(22),
      port: 2_222,
      listenHost: "10.0.0.1",
    });
    assert.deepEqual(parseTunnelRequest("10.0.0.1:2222:nas:22"), {
      target: { host: "nas", port: 22 },
      port: 2_222,
      listenHost: "10.0.0.1",
    });
  });

  it("reads IPv6 addresses in brackets", () => {
    assert.deepEqual(parseTunnelRequest("[fd00::7]:80"), { target: { host: "fd00::7", port: 80 } });
    assert.deepEqual(parseTunnelRequest("[::1]:8080:[fd00::7]:80"), {
      target: { host: "fd00::7", port: 80 },
      port: 8_080,
      listenHost: "::1",
    });
    assert.deepEqual(parseTunnelRequest("[::]:8080:80"), { target: own(80), port: 8_080, listenHost: "::" });
  });

  it("says what is wrong with what it can't read", () => {
    for (const [text, reason] of [
      ["", /must be PORT, LPORT:PORT/],
      [":22", /must be PORT/],
      ["22:", /must be PORT/],
      ["fd00::7:80", /brackets/],
      ["1:2:3:4:5", /must be PORT/],
      ["[::1]8080:80", /must be PORT/],
      ["0", /no number from 1 to 65535 .*: "0"/],
      ["70000", /"70000"/],
      ["ssh", /"ssh"/],
      ["0:22", /"0"/],
      ["70000:nas:22", /"70000"/],
      ["nas:ssh", /"ssh"/],
      ["platform.example.com:2222:22", /an address of the platform/],
      ["127.0.0.1:x:22", /"x"/],
      ["22:80:90", /neither a name nor an address .*: "80"/],
      ["2222:a b:22", /neither a name/],
      ["[nas]:22", /neither a name/],
      [`${"h".repeat(254)}:22`, /neither a name/],
    ] as const)
      assert.throws(() => parseTunnelRequest(text), reason, text);
  });

  it("takes no port twice, nothing twice, and no more than a device may ask for", () => {
    assert.equal(parseTunnelRequests(["22", "80", "2222:22", "2223:22"]).length, 4);
    assert.throws(() => parseTunnelRequests(["2222:22", "2222:nas:80"]), /port 2222 twice/);
    assert.throws(() => parseTunnelRequests(["22", "127.0.0.1:22"]), /127\.0\.0\.1:22 twice/);
    const many = Array.from({ length: limits.askedTunnels + 1 }, (_, index) => `${index + 1}`);
    assert.throws(() => parseTunnelRequests(many), /33 tunnels/);
  });

  it("is told of in the order in which it was written", () => {
    assert.equal(describeRequest(parseTunnelRequest("22")), "127.0.0.1:22");
    assert.equal(describeRequest(parseTunnelRequest("2222:nas:22")), "2222 to nas:22");
    assert.equal(
      describeRequest(parseTunnelRequest("[::1]:2222:[fd00::7]:22")),
      "[::1]:2222 to [fd00::7]:22",
    );
  });
});
