import {
  consume,
  createCounterNames,
  createMemoryTryLimit,
  errorMessage,
  limiterOptionsOf,
  waitOf,
  withTimeout,
  type Logger,
  type TryLimit,
  type TryLimitOptions,
  type TryLimits,
} from "@rciots/runtime";
import { RateLimiterRedis } from "rate-limiter-flexible";
import type { RedisClient } from "./redis-link.ts";

/** Somebody who signs in waits no longer for a Redis that doesn't answer. */
const answerMs = 250;
/** And after that nobody waits for this long. */
const retryMs = 1_000;

/**
 * Tries that all processes of an installation count together, so that more of them give a guesser no more tries, and a
 * restart forgets nothing. While Redis is away each process goes on by itself from what it knew last: nobody is locked
 * out for want of Redis, and nobody may guess without end.
 */
export function createRedisTryLimits(options: {
  client: RedisClient;
  /** Of the installation; counters are named by a hash with it as the key. */
  namespace: string;
  logger: Logger;
}): TryLimits {
  const { client, namespace, logger } = options;
  let awayUntil = Number.NEGATIVE_INFINITY;
  let isAway = false;

  function noteFailure(error: unknown): void {
    awayUntil = performance.now() + retryMs;
    if (!isAway)
      logger.warn({ error: errorMessage(error) }, "tries are counted by this process alone: Redis is away");
    isAway = true;
  }

  function noteSuccess(): void {
    if (isAway) logger.info({}, "tries are counted by all processes together again");
    isAway = false;
  }

  /** What Redis says, or what this process says by itself. */
  async function ask<T>(together: () => Promise<T>, alone: () => Promise<T>): Promise<T> {
    if (performance.now() < awayUntil) return alone();
    try {
      const answer = await withTimeout(together(), answerMs, () => new Error(`no answer in ${answerMs} ms`));
      noteSuccess();
      return answer;
    } catch (error) {
      noteFailure(error);
      return alone();
    }
  }

  function limit(given: TryLimitOptions): TryLimit {
    const nameOf = createCounterNames(namespace, given);
    const own = createMemoryTryLimit(given, nameOf);
    const limiter = new RateLimiterRedis({
      ...limiterOptionsOf(given),
      storeClient: client,
      keyPrefix: `rciots:${namespace}:tries:${given.name}`,
      useRedisPackage: true,
      rejectIfRedisNotReady: true,
    });

    async function take(key: string): Promise<number> {
      const { state, isLetThrough } = await consume(limiter, nameOf(key));
      own.note(key, state.consumedPoints, state.msBeforeNext);
      return isLetThrough ? 0 : waitOf(state);
    }

    async function peek(key: string): Promise<number> {
      const state = await limiter.get(nameOf(key));
      own.note(key, state?.consumedPoints ?? 0, state?.msBeforeNext ?? 0);
      return state !== null && state.consumedPoints >= given.tries ? waitOf(state) : 0;
    }

    async function giveBack(key: string): Promise<void> {
      const { consumedPoints, msBeforeNext } = await limiter.reward(nameOf(key));
      // Of a try that was counted while Redis was away: what is below nothing would be tries to spare.
      if (consumedPoints <= 0) await limiter.delete(nameOf(key));
      own.note(key, consumedPoints, msBeforeNext);
    }

    return {
      take: (key) =>
        ask(
          () => take(key),
          () => own.take(key),
        ),
      peek: (key) =>
        ask(
          () => peek(key),
          () => own.peek(key),
        ),
      giveBack: (key) =>
        ask(
          () => giveBack(key),
          () => own.giveBack(key),
        ),
      async forget(key) {
        await own.forget(key);
        await ask(
          async () => void (await limiter.delete(nameOf(key))),
          async () => undefined,
        );
      },
      get size() {
        return own.size;
      },
    };
  }

  return { limit };
}
