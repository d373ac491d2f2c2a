import assert from "node:assert/strict";
import { relativeTime } from "./relative-time.ts";

describe("when a time is shown relative to now", () => {
  const now = Date.UTC(2026, 0, 15, 12);
  const shown = (distanceMs: number): string => relativeTime(new Date(now + distanceMs), now);

  it("uses the largest unit that fits, in both directions", () => {
    assert.equal(shown(-5_000), "just now");
    assert.equal(shown(5_000), "in a moment");
    assert.equal(shown(-90_000), "1 minute ago");
    assert.equal(shown(3 * 3_600_000), "in 3 hours");
    assert.equal(shown(-26 * 3_600_000), "yesterday");
    assert.equal(shown(-40 * 86_400_000), "last month");
    assert.equal(shown(800 * 86_400_000), "in 2 years");
  });
});
