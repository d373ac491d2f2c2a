import assert from "node:assert/strict";
import type { Template } from "@rciots/store";
import { nextPauseMs } from "./git-sync.service.ts";

const minuteMs = 60_000;
const failedAfter = (pauseMs: number): Template["sync"] => ({
  status: "failed",
  message: "x",
  commit: null,
  checkedAt: new Date(0),
  nextAt: new Date(pauseMs),
});

describe("when a repository keeps failing", () => {
  it("waits the interval, then twice as long each time, up to an hour", () => {
    const never: Template["sync"] = {
      status: "never",
      message: null,
      commit: null,
      checkedAt: null,
      nextAt: null,
    };
    assert.equal(nextPauseMs(never, 5 * minuteMs), 5 * minuteMs);
    assert.equal(nextPauseMs(failedAfter(5 * minuteMs), 5 * minuteMs), 10 * minuteMs);
    assert.equal(nextPauseMs(failedAfter(40 * minuteMs), 5 * minuteMs), 60 * minuteMs);
    assert.equal(
      nextPauseMs(failedAfter(1), 5 * minuteMs),
      10 * minuteMs,
      "an interval that was made longer counts",
    );
    assert.equal(
      nextPauseMs(failedAfter(60 * minuteMs), 120 * minuteMs),
      120 * minuteMs,
      "never below the interval",
    );
  });
});
