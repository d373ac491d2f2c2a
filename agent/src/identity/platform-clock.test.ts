import assert from "node:assert/strict";
import { createPlatformClock } from "./platform-clock.ts";

describe("when a device learns the platform's time", () => {
  it("takes half of the way for each direction", () => {
    let local = 1_000_000;
    const clock = createPlatformClock({ localNow: () => local });
    assert.equal(clock.offsetMs(), undefined);
    const sentAt = local;
    local += 200;
    clock.learn(900_100, sentAt);
    assert.equal(clock.offsetMs(), 100_000);
    assert.equal(clock.now(), local - 100_000);
  });

  it("says so once where it is far off, and again when that changes", () => {
    let local = Date.UTC(2020, 0, 1);
    const said: number[] = [];
    const clock = createPlatformClock({ localNow: () => local, onOffset: (offsetMs) => said.push(offsetMs) });
    clock.learn(Date.UTC(2020, 0, 11), local);
    clock.learn(Date.UTC(2020, 0, 11) + 500, local);
    assert.equal(said.length, 1);
    assert.match(clock.describeError() ?? "", /10 days behind the platform's/);
    local = Date.UTC(2020, 0, 11);
    clock.learn(local, local);
    assert.equal(said.length, 2);
    assert.equal(clock.describeError(), undefined);
  });

  it("ignores nonsense", () => {
    const clock = createPlatformClock({ localNow: () => 5_000 });
    clock.learn(Number.NaN, 4_000);
    clock.learn(4_000, 6_000);
    assert.equal(clock.offsetMs(), undefined);
  });
});
