import assert from "node:assert/strict";
import type { AskedTunnel } from "@rciots/protocol";
import type { Tunnel } from "@rciots/store";
import { matchTunnels, mayListenOn } from "./match-tunnels.ts";

const asked = (
  port: number | undefined,
  targetPort: number,
  change: Partial<AskedTunnel> = {},
): AskedTunnel => ({
  target: { host: "127.0.0.1", port: targetPort },
  ...(port === undefined ? {} : { port }),
  ...change,
});
const found = (port: number, targetPort: number, change: Partial<Tunnel> = {}) =>
  ({
    _id: `tun_${port}`,
    target: { host: "127.0.0.1", port: targetPort },
    port,
    listenHost: null,
    ...change,
  }) as Tunnel;
const portsOf = ({ there, surplus }: ReturnType<typeof matchTunnels>) => ({
  there: there.map((tunnel) => tunnel?.port),
  surplus: surplus.map(({ port }) => port),
});

describe("when what a device wants is held against what it asked for before", () => {
  it("keeps what is the same, and finds what is missing and what is too much", () => {
    const matched = matchTunnels([asked(2_222, 22), asked(8_080, 80)], [found(2_222, 22), found(2_223, 23)]);
    assert.deepEqual(portsOf(matched), { there: [2_222, undefined], surplus: [2_223] });
    assert.deepEqual(portsOf(matchTunnels([], [found(1, 1)])), { there: [], surplus: [1] });
  });

  it("takes another target, port or address for another tunnel", () => {
    for (const other of [
      found(2_222, 23),
      found(2_223, 22),
      found(2_222, 22, { listenHost: "::1" }),
      found(2_222, 22, { target: { host: "nas", port: 22 } }),
    ])
      assert.deepEqual(portsOf(matchTunnels([asked(2_222, 22)], [other])).there, [undefined]);
    const kept = matchTunnels([asked(1, 22, { listenHost: "::1" })], [found(1, 22, { listenHost: "::1" })]);
    assert.deepEqual(portsOf(kept), { there: [1], surplus: [] });
  });

  it("lets one that may have any port keep its own, after those that ask for theirs", () => {
    const matched = matchTunnels(
      [asked(undefined, 22), asked(2_222, 22)],
      [found(2_222, 22), found(3_333, 22)],
    );
    assert.deepEqual(portsOf(matched), { there: [3_333, 2_222], surplus: [] });
    const one = matchTunnels([asked(undefined, 22), asked(2_222, 22)], [found(2_222, 22)]);
    assert.deepEqual(portsOf(one), { there: [undefined, 2_222], surplus: [] });
  });
});

describe("when a device names an address to listen on", () => {
  it("takes none that is reached from further away than where the platform is set up to listen", () => {
    assert.ok(mayListenOn("127.0.0.1", "127.0.0.1") && mayListenOn("::1", "10.0.0.1"));
    assert.ok(mayListenOn("10.0.0.1", "10.0.0.1") && mayListenOn("10.0.0.1", "0.0.0.0"));
    assert.ok(mayListenOn("fd00::1", "::") && mayListenOn("0.0.0.0", "::"));
    for (const address of ["0.0.0.0", "::", "10.0.0.1", "fd00::1"])
      assert.ok(!mayListenOn(address, "127.0.0.1"), address);
    assert.ok(!mayListenOn("::", "0.0.0.0") && !mayListenOn("fd00::1", "0.0.0.0"));
  });
});
