import assert from "node:assert/strict";
import { createMemoryTryLimit, createMemoryTryLimits } from "./try-limits.ts";

const options = { name: "test", tries: 3, windowMs: 60_000 };

describe("when tries are counted", () => {
  it("lets so many through, also of those that come at once, and says how long to wait", async () => {
    const limit = createMemoryTryLimits().limit(options);
    const waits = await Promise.all(Array.from({ length: 5 }, () => limit.take("a")));
    assert.equal(waits.filter((waitMs) => waitMs === 0).length, 3);
    for (const waitMs of waits) assert.ok(waitMs === 0 || (waitMs > 50_000 && waitMs <= 60_000));
    assert.equal(await limit.take("b"), 0, "another key has a count of its own");
  });

  it("looks without counting, gives back, and forgets", async () => {
    const limit = createMemoryTryLimits().limit(options);
    for (let round = 0; round < 5; round += 1) assert.equal(await limit.peek("a"), 0);
    for (let round = 0; round < 3; round += 1) await limit.take("a");
    assert.ok((await limit.peek("a")) > 0);
    await limit.giveBack("a");
    assert.equal(await limit.take("a"), 0);
    assert.ok((await limit.take("a")) > 0);
    await limit.forget("a");
    assert.equal(await limit.peek("a"), 0);
  });

  it("gives nobody more tries than there are", async () => {
    const limit = createMemoryTryLimits().limit(options);
    for (let round = 0; round < 5; round += 1) await limit.giveBack("a");
    for (let round = 0; round < 3; round += 1) assert.equal(await limit.take("a"), 0);
    assert.ok((await limit.take("a")) > 0);
  });

  it("bans from the try that was too many, for as long as it is told", async () => {
    const limit = createMemoryTryLimits().limit({ ...options, banMs: 600_000 });
    for (let round = 0; round < 3; round += 1) await limit.take("a");
    assert.ok((await limit.take("a")) > 500_000);
    assert.ok((await limit.peek("a")) > 500_000);
  });

  it("shares a bounded number of counters between however many keys", async () => {
    const limit = createMemoryTryLimits().limit({ ...options, counters: 16 });
    for (let key = 0; key < 500; key += 1) await limit.take(`key-${key}`);
    assert.equal(limit.size, 16);
    assert.ok((await limit.peek("a new one")) > 0);
  });

  it("goes on from what another counter has counted", async () => {
    const limit = createMemoryTryLimit(options);
    limit.note("a", 2, 60_000);
    assert.equal(await limit.take("a"), 0);
    assert.ok((await limit.take("a")) > 0);
    limit.note("a", 0, 60_000);
    assert.equal(await limit.peek("a"), 0);
  });
});
