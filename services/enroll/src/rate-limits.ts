import { isIP } from "node:net";
import { createMemoryTryLimits, type TryLimit } from "@rciots/runtime";
import { refuse } from "./refusals.ts";

/** Counts are per minute. */
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
  /** How many counters this process holds. */
  size(name: RateLimitName): number;
}

/** However many addresses an attacker has, the memory is bounded. */
const counters = 65_536;
/** What a guesser runs into: counted by all processes together. The others bound the work of each process. */
const sharedNames: readonly RateLimitName[] = [
  "failuresPerAddress",
  "failuresPerToken",
  "recoveriesPerDevice",
  "failuresPerDevice",
];

export function createRateLimits(
  options: Partial<RateLimitOptions> = {},
  shared = createMemoryTryLimits(),
): RateLimits {
  const own = createMemoryTryLimits();
  const limitOf = (name: RateLimitName): TryLimit => {
    const tries = options[name] ?? defaultRateLimits[name];
    const from = sharedNames.includes(name) ? shared : own;
    return from.limit({ name: `enrolment.${name}`, tries, windowMs: 60_000, counters });
  };
  const names = Object.keys(defaultRateLimits) as RateLimitName[];
  const limits = Object.fromEntries(names.map((name) => [name, limitOf(name)])) as Record<
    RateLimitName,
    TryLimit
  >;
  const refuseFor = (waitMs: number): void => {
    if (waitMs > 0) throw rateLimited(waitMs);
  };
  return {
    count: async (name, key) => refuseFor(await limits[name].take(key)),
    check: async (name, key) => refuseFor(await limits[name].peek(key)),
    tryCount: async (name, key) => (await limits[name].take(key)) === 0,
    size: (name) => limits[name].size,
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
