import assert from "node:assert/strict";
import { createReceiveWindow, createWindowPool } from "./receive-window.ts";

const kibibyte = 1_024;
const limits = {
  leastWindowBytes: 8 * kibibyte,
  firstWindowBytes: 256 * kibibyte,
  mostWindowBytes: 1_024 * kibibyte,
  farWindowBytes: 4_096 * kibibyte,
};

/** A window, and a peer that sends whatever it has credit for, over a path of its own. */
function createSide({ poolBytes = 16_384 * kibibyte, roundTripMs = 0 } = {}) {
  let nowMs = 0;
  const pool = createWindowPool(poolBytes);
  const window = createReceiveWindow(limits, pool, () => nowMs);
  let credit = window.firstBytes;
  return {
    pool,
    window,
    pass: (ms: number) => void (nowMs += ms),
    /** Sends all, says that it waits, and gets credit a round trip later. Returns what it sent. */
    round({ isRead = true } = {}): number {
      const sent = credit;
      assert.ok(window.received(sent));
      let returned = isRead ? window.consumed(sent) : 0;
      returned += window.blocked();
      nowMs += roundTripMs;
      credit = returned;
      return sent;
    },
  };
}

describe("the window of a stream", () => {
  it("doubles while the peer waits and the reader keeps up, to a megabyte on a short path", () => {
    const { round } = createSide({ roundTripMs: 1 });
    const sent = Array.from({ length: 5 }, () => round() / kibibyte);
    assert.deepEqual(sent, [256, 512, 1_024, 1_024, 1_024]);
  });

  it("grows to four on a far one", () => {
    const { round } = createSide({ roundTripMs: 50 });
    const sent = Array.from({ length: 6 }, () => round() / kibibyte);
    assert.deepEqual(sent, [256, 512, 1_024, 2_048, 4_096, 4_096]);
  });

  it("takes a far path for one also where credit was on its way when the peer said that it waits", () => {
    const { window, pass } = createSide({ roundTripMs: 50 });
    const quarter = 64 * kibibyte;
    assert.ok(window.received(3 * quarter));
    const early = window.consumed(3 * quarter);
    assert.equal(early, 3 * quarter);
    assert.ok(window.received(quarter));
    // The peer has used up what it knew of; the early credit gets there right after.
    const granted = window.blocked();
    pass(1);
    assert.ok(window.received(early));
    pass(49);
    assert.ok(window.received(granted));
    let size = granted + early;
    for (let round = 0; round < 5; round += 1) {
      size = window.consumed(size) + window.blocked();
      pass(50);
      assert.ok(window.received(size));
    }
    assert.ok(size > limits.mostWindowBytes, `${size} bytes`);
  });

  it("stays as it is where the reader is what the peer waits for", () => {
    const { round } = createSide({ roundTripMs: 50 });
    assert.equal(round({ isRead: false }), 256 * kibibyte);
    assert.equal(round({ isRead: false }), 0);
  });

  it("grows no further than the session has room, and gives it back", () => {
    const { round, window, pool } = createSide({ poolBytes: 400 * kibibyte, roundTripMs: 50 });
    const sent = Array.from({ length: 8 }, () => round() / kibibyte);
    assert.deepEqual(sent.slice(-2), [408, 408]);
    window.close();
    assert.equal(pool.freeBytes, 400 * kibibyte);
    assert.equal(window.blocked(), 0);
  });
});
