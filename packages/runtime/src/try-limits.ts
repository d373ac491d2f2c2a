import { createHmac, randomBytes } from "node:crypto";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";

export interface TryLimitOptions {
  /** Of its own within an installation, such as `sign-in.address`. */
  name: string;
  /** So many tries are let through within `windowMs` of the first one, in whole seconds. */
  tries: number;
  windowMs: number;
  /** From the first try that was too many; default: until the window ends. In whole seconds. */
  banMs?: number;
  /**
   * All keys share this many counters, chosen by a keyed hash: however many keys an attacker has, the memory is bounded, and
   * nobody can choose whose counter to share. Default: each key has its own.
   */
  counters?: number;
}

/** How often something may be tried, by key. Counting is atomic: tries at the same moment don't all slip through. */
export interface TryLimit {
  /** Counts one. Resolves with 0 where it is let through, else with milliseconds until it is worth trying again. */
  take(key: string): Promise<number>;
  /** What `take` would resolve with; counts nothing. */
  peek(key: string): Promise<number>;
  /** Takes one back. */
  giveBack(key: string): Promise<void>;
  forget(key: string): Promise<void>;
  /** Counters that this process holds. */
  readonly size: number;
}

/** Where tries are counted: by one process, or by all of an installation together. */
export interface TryLimits {
  limit(options: TryLimitOptions): TryLimit;
}

/** A counter that can be told what another one has counted. */
export interface MemoryTryLimit extends TryLimit {
  note(key: string, tries: number, leftMs: number): void;
}

/** Names of counters that say nothing of their keys, which are addresses of people. */
export function createCounterNames(
  salt: Buffer | string,
  { counters }: Pick<TryLimitOptions, "counters">,
): (key: string) => string {
  return (key) => {
    const digest = createHmac("sha256", salt).update(key).digest();
    return counters === undefined ? digest.toString("base64url") : String(digest.readUInt32BE(0) % counters);
  };
}

/** In the terms of the library: its times are in seconds. */
export const limiterOptionsOf = ({ tries, windowMs, banMs = 0 }: TryLimitOptions) => ({
  points: tries,
  duration: Math.ceil(windowMs / 1_000),
  blockDuration: Math.ceil(banMs / 1_000),
});

/** Resolves with the state and whether the try was let through: the library rejects with what is no error. */
export const consume = (limiter: Pick<RateLimiterMemory, "consume">, name: string) =>
  limiter.consume(name).then(
    (state) => ({ state, isLetThrough: true }),
    (rejected: unknown) => {
      if (rejected instanceof RateLimiterRes) return { state: rejected, isLetThrough: false };
      throw rejected;
    },
  );

/** Never 0, which would let the try through. */
export const waitOf = (state: Pick<RateLimiterRes, "msBeforeNext">): number =>
  Math.max(1, Math.ceil(state.msBeforeNext));

export function createMemoryTryLimit(
  options: TryLimitOptions,
  nameOf = createCounterNames(randomBytes(16), options),
): MemoryTryLimit {
  const limiter = new RateLimiterMemory(limiterOptionsOf(options));
  return {
    async take(key) {
      const { state, isLetThrough } = await consume(limiter, nameOf(key));
      return isLetThrough ? 0 : waitOf(state);
    },
    async peek(key) {
      const state = await limiter.get(nameOf(key));
      return state !== null && state.consumedPoints >= options.tries ? waitOf(state) : 0;
    },
    async giveBack(key) {
      const { consumedPoints } = await limiter.reward(nameOf(key));
      if (consumedPoints <= 0) await limiter.delete(nameOf(key));
    },
    async forget(key) {
      await limiter.delete(nameOf(key));
    },
    note(key, tries, leftMs) {
      if (tries <= 0 || leftMs <= 0) void limiter.delete(nameOf(key));
      else void limiter.set(nameOf(key), tries, leftMs / 1_000);
    },
    get size() {
      return limiter.dump().storage.length;
    },
  };
}

/** Of this process alone: a restart forgets them. */
export function createMemoryTryLimits(): TryLimits {
  return { limit: (options) => createMemoryTryLimit(options) };
}
