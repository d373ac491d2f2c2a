import assert from "node:assert/strict";
import { adoptRevision, enforcedRevision, giveUp, markGood } from "./revision-state.ts";
import type { RevisionRecord } from "./revision.ts";

const record = (revision: number, content = String(revision)): RevisionRecord => ({
  revision,
  digest: content.repeat(64).slice(0, 64),
  deadlineMs: 1_000,
  prune: true,
});
const numbers = (records: readonly RevisionRecord[]) => records.map(({ revision }) => revision);

describe("when a revision's state changes", () => {
  it("keeps the two newest good revisions", () => {
    let state = markGood(adoptRevision([], record(1), "t"), "t");
    state = markGood(adoptRevision(state.good, record(2), "t"), "t");
    state = markGood(adoptRevision(state.good, record(3), "t"), "t");
    assert.deepEqual(numbers(state.good), [3, 2]);
    assert.equal(enforcedRevision(state).revision, 3);
  });

  it("falls back to the last good one, and tells why", () => {
    const good = markGood(adoptRevision([], record(1), "t"), "t");
    const state = giveUp(adoptRevision(good.good, record(2), "t"), "broken", "t");
    assert.deepEqual(
      [state.phase, state.reason, enforcedRevision(state).revision],
      ["rolled_back", "broken", 1],
    );
  });

  it("falls back from a good one to the good one before it", () => {
    const first = markGood(adoptRevision([], record(1), "t"), "t");
    const second = markGood(adoptRevision(first.good, record(2), "t"), "t");
    assert.equal(enforcedRevision(giveUp(second, "asked", "t")).revision, 1);
  });

  it("stays with the failed one where there is none to go back to", () => {
    const state = giveUp(adoptRevision([], record(1), "t"), "broken", "t");
    assert.deepEqual([state.phase, enforcedRevision(state).revision], ["failed", 1]);
  });

  it("does not go back to the very content that failed", () => {
    const good = markGood(adoptRevision([], record(1, "x"), "t"), "t");
    const state = giveUp(adoptRevision(good.good, record(2, "x"), "t"), "broken", "t");
    assert.equal(state.phase, "failed");
  });

  it("takes the same content under a new number as one good revision, not two", () => {
    const good = markGood(adoptRevision([], record(1, "x"), "t"), "t");
    assert.deepEqual(numbers(markGood(adoptRevision(good.good, record(2, "x"), "t"), "t").good), [2]);
  });
});
