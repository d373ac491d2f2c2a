import { AppError } from "@rciots/runtime";
import { createHash } from "node:crypto";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";

export interface LoginLimits {
  /** Failures of one account after which it is banned. */
  accountFailures: number;
  /** Failures from one network address after which it is banned. */
  addressFailures: number;
  /** Failures are counted, and bans last, this long. */
  windowMs: number;
}

export const defaultLoginLimits: LoginLimits = {
  accountFailures: 10,
  addressFailures: 40,
  windowMs: 15 * 60_000,
};

export interface LoginGuard {
  /**
   * Counts an attempt as failed, before it is known to be: attempts made at the same moment must not all slip
   * through. Throws 429 where the account or the address is banned.
   */
  begin(attempt: LoginAttempt): Promise<void>;
  /** Takes the attempt back, and what failed before on the account. */
  succeed(attempt: LoginAttempt): Promise<void>;
}

export interface LoginAttempt {
  /** As it was typed, in lower case; known to the platform or not. */
  login: string;
  address: string;
}

/** IPv6 hosts own a /64: counting single addresses would let one of them try for ever. */
export function addressKey(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "");
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.toLowerCase().split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...Array.from({ length: zeros }, () => "0"), ...back];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}

function banned(what: string, rejected: RateLimiterRes): AppError {
  return new AppError({
    code: "too_many_failures",
    status: 429,
    message: `Too many failed attempts ${what}. Wait before you try again.`,
    details: { retryAfterMs: rejected.msBeforeNext },
  });
}

/** Bans after repeated failures, per account and per address. Kept in memory: a restart forgets them. */
export function createLoginGuard(limits: LoginLimits = defaultLoginLimits): LoginGuard {
  const durationS = limits.windowMs / 1_000;
  const settings = { duration: durationS, blockDuration: durationS };
  const accounts = new RateLimiterMemory({ ...settings, points: limits.accountFailures });
  const addresses = new RateLimiterMemory({ ...settings, points: limits.addressFailures });
  const accountKey = (login: string): string => createHash("sha256").update(login).digest("base64url");

  async function consume(limiter: RateLimiterMemory, key: string, what: string): Promise<void> {
    try {
      await limiter.consume(key);
    } catch (rejected) {
      throw rejected instanceof RateLimiterRes ? banned(what, rejected) : rejected;
    }
  }

  return {
    async begin({ login, address }) {
      await consume(addresses, addressKey(address), "from your address");
      await consume(accounts, accountKey(login), "to sign in to this account");
    },
    async succeed({ login, address }) {
      await accounts.delete(accountKey(login));
      await addresses.reward(addressKey(address));
    },
  };
}
