/**
 * A bucket of tokens: `take` says whether one more is allowed now. `burst` at once, and `perSecond` after that.
 */
export function createAllowance({
  burst,
  perSecond,
  now = () => performance.now(),
}: {
  burst: number;
  perSecond: number;
  /** Milliseconds of a clock that never goes back. */
  now?: () => number;
}): { take(): boolean } {
  let tokens = burst;
  let filledAt = now();
  return {
    take() {
      const at = now();
      tokens = Math.min(burst, tokens + ((at - filledAt) / 1_000) * perSecond);
      filledAt = at;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
