import assert from "node:assert/strict";
import { isMatch, tokenState, type Token } from "./token.ts";

const now = Date.parse("2026-01-02T00:00:00Z");
const fresh = { enabled: true, expiresAt: null, maxDevices: null, usedCount: 3 };

describe("when a provisioning token is shown", () => {
  it("says whether it lets devices in, and if not, why", () => {
    assert.equal(tokenState(fresh, now), "active");
    assert.equal(tokenState({ ...fresh, maxDevices: 4 }, now), "active");
    assert.equal(tokenState({ ...fresh, maxDevices: 3 }, now), "exhausted");
    assert.equal(tokenState({ ...fresh, expiresAt: "2026-01-02T00:00:01Z" }, now), "active");
    assert.equal(tokenState({ ...fresh, expiresAt: "2026-01-02T00:00:00Z", maxDevices: 3 }, now), "expired");
    assert.equal(tokenState({ ...fresh, enabled: false, maxDevices: 3 }, now), "disabled");
  });

  it("is found by part of its name and by what it is good for", () => {
    const token = { ...fresh, name: "Berlin till" } as Token;
    assert.equal(isMatch(token, { q: " TILL", states: [] }, now), true);
    assert.equal(isMatch(token, { q: "paris", states: [] }, now), false);
    assert.equal(isMatch(token, { q: "", states: ["active", "expired"] }, now), true);
    assert.equal(isMatch(token, { q: "", states: ["disabled"] }, now), false);
  });
});
