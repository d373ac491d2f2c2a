import assert from "node:assert/strict";
import { isAppError } from "@rciots/runtime";
import { parseLocal, parseRemote } from "./rport-remote.ts";

const isRefused = (error: unknown): boolean => isAppError(error) && error.status === 400;

describe("when a tunnel is asked for as rport writes it", () => {
  it("reads ports, hosts with ports, and the two numbers of rport's own example", () => {
    assert.deepEqual(parseRemote("22"), { host: "0.0.0.0", port: 22 });
    assert.deepEqual(parseRemote("22:80"), { host: "0.0.0.0", port: 22 });
    assert.deepEqual(parseRemote("192.168.178.1:80"), { host: "192.168.178.1", port: 80 });
    assert.deepEqual(parseRemote("nas.local:443"), { host: "nas.local", port: 443 });
    assert.deepEqual(parseRemote("[fd00::1]:80"), { host: "fd00::1", port: 80 });
    assert.deepEqual(parseLocal("4000"), { listenHost: null, port: 4000 });
    assert.deepEqual(parseLocal("0.0.0.0:4000"), { listenHost: "0.0.0.0", port: 4000 });
    assert.deepEqual(parseLocal("[::1]:4000"), { listenHost: "::1", port: 4000 });
    assert.deepEqual(parseLocal("127.0.0.1"), { listenHost: "127.0.0.1", port: undefined });
    assert.deepEqual(parseLocal(undefined), { listenHost: null, port: undefined });
  });

  it("refuses what is none of them", () => {
    for (const text of ["", "0", "70000", "host", "host:x", "a b:1", "fd00::1:80", "22:80:90"])
      assert.throws(() => parseRemote(text), isRefused, text);
    for (const text of ["0", "name:4000", "127.0.0.1:0", "1:2:3"])
      assert.throws(() => parseLocal(text), isRefused, text);
  });
});
