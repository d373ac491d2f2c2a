export interface BackoffOptions {
  /** First ceiling. */
  minMs: number;
  /** Last ceiling. */
  maxMs: number;
  /** 0 to 1, injected by tests. */
  random?: () => number;
}

export interface Backoff {
  /** The next delay in milliseconds: full jitter under a doubling ceiling. */
  next(): number;
  reset(): void;
  readonly attempts: number;
}

/** Exponential backoff with full jitter: a fleet that fails together does not come back together. */
export function createBackoff({ minMs, maxMs, random = Math.random }: BackoffOptions): Backoff {
  let attempts = 0;
  return {
    next() {
      const ceilingMs = Math.min(maxMs, minMs * 2 ** Math.min(attempts, 30));
      attempts += 1;
      return Math.round(random() * ceilingMs);
    },
    reset() {
      attempts = 0;
    },
    get attempts() {
      return attempts;
    },
  };
}
