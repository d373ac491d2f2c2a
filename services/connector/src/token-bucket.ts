/** Two numbers, so that ten thousand sessions can have one each. */
export interface TokenBucket {
  level: number;
  at: number;
}

export const fullBucket = (burst: number, now: number): TokenBucket => ({ level: burst, at: now });

/** Takes one token if there is one; `refillPerMs` tokens come back each millisecond, up to `burst`. */
export function takeToken(
  bucket: TokenBucket,
  rate: { burst: number; refillPerMs: number },
  now: number,
): boolean {
  const elapsedMs = Math.max(0, now - bucket.at);
  bucket.level = Math.min(rate.burst, bucket.level + elapsedMs * rate.refillPerMs);
  bucket.at = now;
  if (bucket.level < 1) return false;
  bucket.level -= 1;
  return true;
}
