import assert from "node:assert/strict";
import { describeProxy, isProxyBypassed, parseProxy } from "./proxy.ts";

describe("when a proxy is named", () => {
  it("reads kind, host, port, user and password", () => {
    assert.deepEqual(parseProxy("http://user:p%40ss@proxy.test:3128"), {
      kind: "http",
      host: "proxy.test",
      port: 3128,
      user: "user",
      password: "p@ss",
    });
    assert.deepEqual(parseProxy("proxy.test:3128"), { kind: "http", host: "proxy.test", port: 3128 });
    assert.deepEqual(parseProxy("socks5://[::1]"), { kind: "socks", host: "::1", port: 1080, version: 5 });
    assert.equal(parseProxy("https://proxy.test").port, 443);
  });

  it("is described without its password", () => {
    assert.equal(describeProxy(parseProxy("socks5://user:secret@[::1]:9")), "socks [::1]:9");
  });

  it("is refused without showing its password", () => {
    for (const text of ["ftp://user:secret@host", "http://user:secret@:x", "socks5://"]) {
      assert.throws(
        () => parseProxy(text),
        (error: Error) => !error.message.includes("secret"),
      );
    }
  });
});

describe("when NO_PROXY takes hosts out", () => {
  const cases: [string, string, number, boolean][] = [
    ["*", "any.test", 443, true],
    ["platform.test", "platform.test", 443, true],
    ["platform.test", "edge.platform.test", 443, true],
    [".platform.test", "edge.platform.test", 443, true],
    ["platform.test", "otherplatform.test", 443, false],
    ["platform.test:8443", "platform.test", 443, false],
    ["platform.test:443", "platform.test", 443, true],
    ["10.0.0.1", "10.0.0.1", 443, true],
    ["0.0.1", "10.0.0.1", 443, false],
    ["[::1]:443", "::1", 443, true],
    ["localhost, PLATFORM.test", "platform.test", 443, true],
    ["", "platform.test", 443, false],
  ];
  for (const [list, host, port, expected] of cases) {
    it(`"${list}" ${expected ? "takes" : "leaves"} ${host}:${port}`, () => {
      assert.equal(isProxyBypassed(list, host, port), expected);
    });
  }
});
