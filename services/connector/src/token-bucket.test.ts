import assert from "node:assert/strict";
import { fullBucket, takeToken } from "./token-bucket.ts";

describe("a token bucket", () => {
  const rate = { burst: 3, refillPerMs: 1 / 100 };

  it("gives its burst at once and then what time brings", () => {
    const bucket = fullBucket(3, 0);
    const takes = [0, 0, 0, 0, 50, 100, 100, 200].map((now) => takeToken(bucket, rate, now));
    assert.deepEqual(takes, [true, true, true, false, false, true, false, true]);
  });

  it("holds no more than its burst, and is not emptied by a clock that goes back", () => {
    const bucket = fullBucket(3, 0);
    const later = [1e9, 1e9, 1e9, 1e9].map((now) => takeToken(bucket, rate, now));
    assert.deepEqual(later, [true, true, true, false]);
    assert.equal(takeToken(bucket, rate, 0), false);
    assert.equal(takeToken(bucket, rate, 100), true);
  });
});
