import { createHmac, randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { refuse } from "./refusals.ts";

/** Counts are per minute and per process. */
export interface RateLimitOptions {
  /** All calls of an address. A factory enrols thousands behind one address, so this is generous. */
  requestsPerAddress: number;
  /** All calls with one provisioning token. */
  requestsPerToken: number;
  /** Calls that name no valid token, or are malformed, of an address. Further ones with unknown tokens are refused. */
  failuresPerAddress: number;
  /** Refused calls with one provisioning token, such as those of a fleet whose token is exhausted. */
  failuresPerToken: number;
  /** Recoveries of one device that succeeded. */
  recoveriesPerDevice: number;
  /** Failed recoveries of one device from one address. */
  failuresPerDevice: number;
  /** Events about refusals, per organisation and kind of refusal. */
  refusalEventsPerOrganization: number;
}

export const defaultRateLimits: RateLimitOptions = {
  requestsPerAddress: 60_000,
  requestsPerToken: 60_000,
  failuresPerAddress: 30,
  failuresPerToken: 1_200,
  recoveriesPerDevice: 10,
  failuresPerDevice: 10,
  refusalEventsPerOrganization: 20,
};

export type RateLimitName = keyof RateLimitOptions;

export interface RateLimits {
  /** Counts one; throws `rate_limited` with `retryAfterMs` beyond the limit. */
  count(name: RateLimitName, key: string): Promise<void>;
  /** Throws as `count` does where the limit is reached, and counts nothing. */
  check(name: RateLimitName, key: string): Promise<void>;
  /** Counts one; false beyond the limit. */
  tryCount(name: RateLimitName, key: string): Promise<boolean>;
  /** How many counters there are. */
  size(name: RateLimitName): number;
}

/**
 * Keys share this many counters, chosen by a keyed hash: however many addresses an attacker has, the memory is
 * bounded, and nobody can choose whose counter to share.
 */
const bucketCount = 65_536;

export function createRateLimits(options: Partial<RateLimitOptions> = {}): RateLimits {
  const salt = randomBytes(16);
  const points = { ...defaultRateLimits, ...options };
  const limiters = new Map(
    Object.entries(points).map(([name, count]) => [
      name,
      new RateLimiterMemory({ points: count, duration: 60, keyPrefix: name }),
    ]),
  );

  const limiterOf = (name: RateLimitName): RateLimiterMemory => {
    const limiter = limiters.get(name);
    if (limiter === undefined) throw new Error(`There is no limit ${name}.`);
    return limiter;
  };
  const bucketOf = (key: string): string =>
    String(createHmac("sha256", salt).update(key).digest().readUInt32BE(0) % bucketCount);

  async function consume(name: RateLimitName, key: string): Promise<RateLimiterRes | undefined> {
    try {
      await limiterOf(name).consume(bucketOf(key));
      return undefined;
    } catch (refused) {
      if (refused instanceof RateLimiterRes) return refused;
      throw refused;
    }
  }

  return {
    async count(name, key) {
      const refused = await consume(name, key);
      if (refused !== undefined) throw rateLimited(refused.msBeforeNext);
    },
    async check(name, key) {
      const state = await limiterOf(name).get(bucketOf(key));
      if (state !== null && state.consumedPoints >= points[name]) throw rateLimited(state.msBeforeNext);
    },
    async tryCount(name, key) {
      return (await consume(name, key)) === undefined;
    },
    size: (name) => limiterOf(name).dump().storage.length,
  };
}

const rateLimited = (retryAfterMs: number): Error =>
  refuse("rate_limited", { details: { retryAfterMs: Math.max(1_000, Math.ceil(retryAfterMs)) } });

/** What counts as one client: an IPv4 address, or the /64 of an IPv6 address, which one subscriber has whole. */
export function clientKey(address: string | undefined): string {
  if (address === undefined) return "unknown";
  const plain = address.startsWith("::ffff:") && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
  if (isIP(plain) !== 6) return plain;
  const [head = "", tail = ""] = (plain.split("%")[0] ?? "").split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === "" ? [] : tail.split(":");
  const groups = [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0"), ...right];
  return `${groups.slice(0, 4).join(":")}::/64`;
}
