import assert from "node:assert/strict";
import { height, runsOf, width } from "./sparkline-runs.ts";

const frame = { max: 10, from: 0, to: 100, maxGapMs: 10 };

describe("when a curve is laid out", () => {
  it("spans the frame, the largest value at the top and zero at the bottom", () => {
    const [run] = runsOf(
      [
        { at: 95, value: 0 },
        { at: 100, value: 10 },
      ],
      frame,
    );
    assert.deepEqual(run, [
      [width * 0.95, height - 2],
      [width, 2],
    ]);
  });

  it("is broken where nothing was measured, and leaves out what is not in the frame", () => {
    const points = [-5, 0, 10, 40, 50, 101].map((at) => ({ at, value: 1 }));
    const runs = runsOf(points, frame);
    assert.deepEqual(
      runs.map((run) => run.length),
      [2, 2],
    );
  });

  it("keeps to the bottom where there is nothing at all", () => {
    assert.deepEqual(runsOf([{ at: 0, value: 0 }], { ...frame, max: 0 }), [[[0, height - 2]]]);
  });
});
