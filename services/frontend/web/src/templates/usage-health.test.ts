import assert from "node:assert/strict";
import { countOf, healthParts, healthText } from "./usage-health.ts";

describe("when the health of many devices is shown", () => {
  it("puts states together, and leaves out what there is none of", () => {
    const found = healthParts({ failed: 1, rolled_back: 2, applying: 3, healthy: 4, degraded: 0 });
    assert.equal(healthText(found), "4 healthy, 3 in progress, 3 failed");
    assert.deepEqual(healthParts({}), []);
  });

  it("counts in words", () => {
    assert.deepEqual(
      [countOf(0, "device"), countOf(1, "device"), countOf(2, "device")],
      ["no device", "1 device", "2 devices"],
    );
  });
});
