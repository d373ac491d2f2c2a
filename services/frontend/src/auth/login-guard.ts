import { AppError, createMemoryTryLimits, type TryLimit } from "@rciots/runtime";

export interface LoginLimits {
  /** Failures of one account from one network address after which that address may not try it any more. */
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

/**
 * Failures of one account from all addresses it never signed in from, as a multiple of `accountFailures`. Guesses
 * that come from everywhere end there, and the person goes on from the usual place: nobody can lock somebody out.
 */
const strangersFactor = 10;

export interface LoginAttempt {
  /** The user's id, or what was typed where there is no such user. */
  account: string;
  address: string;
  /** Whether the account has signed in from there before. */
  isKnownAddress: boolean;
}

export interface LoginGuard {
  /**
   * Counts an attempt as failed, before it is known to be: attempts made at the same moment must not all slip
   * through. Throws 429 where the account or the address is banned.
   */
  begin(attempt: LoginAttempt): Promise<void>;
  /** Takes the attempt back, and what failed before on the account from there. */
  succeed(attempt: LoginAttempt): Promise<void>;
  /** Takes this attempt alone back: nothing was wrong with it, but the person isn't signed in either. */
  withdraw(attempt: LoginAttempt): Promise<void>;
  /** As `begin`, for a code of a second factor. Only who knows the password gets as far as to be counted here. */
  beginCode(account: string): Promise<void>;
  succeedCode(account: string): Promise<void>;
  /** As `begin`, for the token of a link: it counts against the address. */
  beginLink(address: string): Promise<void>;
  succeedLink(address: string): Promise<void>;
  /** Forgets what failed on the account, at the address it is about: its owner has shown who they are. */
  forgive(attempt: Pick<LoginAttempt, "account" | "address">): Promise<void>;
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

function banned(what: string, retryAfterMs: number): AppError {
  return new AppError({
    code: "too_many_failures",
    status: 429,
    message: `Too many failed attempts ${what}. Wait before you try again.`,
    details: { retryAfterMs },
  });
}

/** Bans after repeated failures, which are counted where `tryLimits` says; default: in this process alone. */
export function createLoginGuard(
  limits: LoginLimits = defaultLoginLimits,
  tryLimits = createMemoryTryLimits(),
): LoginGuard {
  const { accountFailures, addressFailures, windowMs } = limits;
  const limit = (name: string, tries: number): TryLimit =>
    tryLimits.limit({ name: `sign-in.${name}`, tries, windowMs, banMs: windowMs });
  const addresses = limit("address", addressFailures);
  const pairs = limit("account-at-address", accountFailures);
  const strangers = limit("account", accountFailures * strangersFactor);
  const codes = limit("code", accountFailures);

  /** An address has no space in it, and so no two pairs have the same key. */
  const pairKey = ({ account, address }: Pick<LoginAttempt, "account" | "address">): string =>
    `${addressKey(address)} ${account}`;

  async function consume(from: TryLimit, key: string, what: string): Promise<void> {
    const waitMs = await from.take(key);
    if (waitMs > 0) throw banned(what, waitMs);
  }

  return {
    async begin(attempt) {
      await consume(addresses, addressKey(attempt.address), "from your address");
      await consume(pairs, pairKey(attempt), "to sign in to this account");
      if (attempt.isKnownAddress) return;
      await consume(strangers, attempt.account, "to sign in to this account");
    },
    async succeed(attempt) {
      await pairs.forget(pairKey(attempt));
      await addresses.giveBack(addressKey(attempt.address));
      if (!attempt.isKnownAddress) await strangers.giveBack(attempt.account);
    },
    async withdraw(attempt) {
      await pairs.giveBack(pairKey(attempt));
      await addresses.giveBack(addressKey(attempt.address));
      if (!attempt.isKnownAddress) await strangers.giveBack(attempt.account);
    },
    beginCode: (account) => consume(codes, account, "with codes of this account"),
    async succeedCode(account) {
      await codes.forget(account);
    },
    beginLink: (address) => consume(addresses, addressKey(address), "from your address"),
    async succeedLink(address) {
      await addresses.giveBack(addressKey(address));
    },
    async forgive(attempt) {
      await pairs.forget(pairKey(attempt));
      await strangers.forget(attempt.account);
      await codes.forget(attempt.account);
    },
  };
}
