import assert from "node:assert/strict";
import { createRandom } from "./link-pair.fixture.ts";
import { createInFlight, type InFlight } from "./in-flight.ts";

/**
 * A path of so many bytes a millisecond, with a round trip and a buffer without end, on a clock of its own. What is
 * lost is sent again, and whatever comes behind it waits for that, as with TCP.
 */
function createPath(path: { bytesPerMs: number; roundTripMs: number; loss?: number }) {
  const random = createRandom(1);
  let nowMs = 0;
  const inFlight: InFlight = createInFlight(() => nowMs);
  const underWay: { bytes: number; arrivesAt: number }[] = [];
  let busyUntil = 0;
  let longestQueueMs = 0;
  return {
    inFlight,
    path,
    /** Sends whatever is allowed for so long. Returns the bytes that arrived. */
    saturate(durationMs: number): number {
      const end = nowMs + durationMs;
      let arrived = 0;
      longestQueueMs = 0;
      for (; nowMs < end; nowMs += 1) {
        for (let room = inFlight.room(); room > 0; room = inFlight.room()) {
          const bytes = Math.min(room, 16_384);
          busyUntil = Math.max(busyUntil, nowMs) + bytes / path.bytesPerMs;
          longestQueueMs = Math.max(longestQueueMs, busyUntil - nowMs);
          inFlight.sent(bytes);
          const isLost = random() < (path.loss ?? 0);
          const arrivesAt = busyUntil + path.roundTripMs * (isLost ? 2 : 1);
          underWay.push({ bytes, arrivesAt: Math.max(arrivesAt, underWay.at(-1)?.arrivesAt ?? 0) });
        }
        while (underWay[0] !== undefined && underWay[0].arrivesAt <= nowMs) {
          const { bytes } = underWay.shift() ?? { bytes: 0 };
          arrived += bytes;
          assert.ok(inFlight.received(bytes));
        }
      }
      return arrived;
    },
    /** Sends so few, whose arrival is told with what comes later. */
    trickle(bytes: number, durationMs: number): void {
      inFlight.sent(bytes);
      underWay.push({ bytes, arrivesAt: nowMs + durationMs });
      nowMs += durationMs;
    },
    longestQueueMs: () => longestQueueMs,
  };
}

describe("the bytes a session may have under way", () => {
  it("fill a fast long path", () => {
    const { saturate } = createPath({ bytesPerMs: 40_000, roundTripMs: 80 });
    saturate(3_000);
    const arrived = saturate(5_000);
    assert.ok(arrived > 0.9 * 5_000 * 40_000, `${arrived} bytes arrived`);
  });

  it("leave no long queue on a slow path, also where it was faster before", () => {
    const slow = createPath({ bytesPerMs: 8_000, roundTripMs: 40 });
    slow.saturate(3_000);
    slow.path.bytesPerMs = 2_000;
    slow.saturate(20_000);
    const arrived = slow.saturate(5_000);
    assert.ok(slow.longestQueueMs() < 125, `a queue of ${slow.longestQueueMs()} ms`);
    assert.ok(arrived > 0.9 * 5_000 * 2_000, `${arrived} bytes arrived`);
  });

  it("keep a path at work that loses packets", () => {
    // A tenth of the pieces of 16 KiB: one packet in a hundred.
    const lossy = createPath({ bytesPerMs: 10_000, roundTripMs: 50, loss: 0.1 });
    lossy.saturate(5_000);
    const arrived = lossy.saturate(10_000);
    assert.ok(arrived > 0.5 * 10_000 * 10_000, `${arrived} bytes arrived`);
  });

  it("grow on a path that loses packets, also after a long while of few words", () => {
    const lossy = createPath({ bytesPerMs: 10_000, roundTripMs: 200, loss: 0.1 });
    for (let count = 0; count < 10; count += 1) lossy.trickle(10, 3_000);
    const arrived = lossy.saturate(4_000);
    assert.ok(arrived > 0.4 * 4_000 * 10_000, `${arrived} bytes arrived`);
  });

  it("learn a path that has become longer", () => {
    const moved = createPath({ bytesPerMs: 20_000, roundTripMs: 10 });
    moved.saturate(3_000);
    moved.path.roundTripMs = 200;
    moved.saturate(30_000);
    const arrived = moved.saturate(10_000);
    assert.ok(arrived > 0.8 * 10_000 * 20_000, `${arrived} bytes arrived`);
  });

  it("are not judged by a sender that has little to say", () => {
    let nowMs = 0;
    const inFlight = createInFlight(() => nowMs);
    const before = inFlight.limitBytes;
    for (let count = 0; count < 1_000; count += 1) {
      inFlight.sent(10);
      nowMs += 5;
      inFlight.received(10);
    }
    assert.equal(inFlight.limitBytes, before);
  });

  it("are no more than were sent", () => {
    const inFlight = createInFlight(() => 0);
    inFlight.sent(10);
    assert.equal(inFlight.received(11), false);
  });
});
