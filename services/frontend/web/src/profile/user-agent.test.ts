import assert from "node:assert/strict";
import { describeUserAgent } from "./user-agent.ts";

describe("when a session's program is named", () => {
  it("knows browsers and systems, and shows what it doesn't know as it is", () => {
    const chrome =
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36";
    const iphone =
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1";
    assert.equal(describeUserAgent(chrome), "Chrome on Linux");
    assert.equal(describeUserAgent(`${chrome} Edg/140.0`), "Edge on Linux");
    assert.equal(describeUserAgent(iphone), "Safari on iOS");
    assert.equal(describeUserAgent("curl/8.5.0"), "curl");
    assert.equal(describeUserAgent("my-script/1"), "my-script/1");
    for (const nothing of [null, ""]) assert.equal(describeUserAgent(nothing), "An unknown program");
  });
});
