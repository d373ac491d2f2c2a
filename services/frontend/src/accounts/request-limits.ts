import { AppError } from "@rciots/runtime";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { addressKey } from "../auth/login-guard.ts";

export interface AccountLimits {
  /** Calls of what needs no account (sign-up, resend, password reset) from one network address. */
  requestsPerAddress: number;
  /** Mails of one kind to one address, whoever asks for them. */
  mailsPerRecipient: number;
  /** Both are counted this long. */
  windowMs: number;
}

export const defaultAccountLimits: AccountLimits = {
  requestsPerAddress: 30,
  mailsPerRecipient: 5,
  windowMs: 3_600_000,
};

export interface RequestLimits {
  /** Throws 429 where the network address asked too often. */
  admit(address: string): Promise<void>;
  /** Whether one more may be sent. Whoever asks isn't told: it would say what was asked before. */
  mayMail(kindAndRecipient: string): Promise<boolean>;
}

/** Kept in memory: a restart forgets it. */
export function createRequestLimits(limits: AccountLimits = defaultAccountLimits): RequestLimits {
  const duration = limits.windowMs / 1_000;
  const addresses = new RateLimiterMemory({ duration, points: limits.requestsPerAddress });
  const recipients = new RateLimiterMemory({ duration, points: limits.mailsPerRecipient });
  return {
    async admit(address) {
      try {
        await addresses.consume(addressKey(address));
      } catch (rejected) {
        if (!(rejected instanceof RateLimiterRes)) throw rejected;
        throw new AppError({
          code: "too_many_requests",
          status: 429,
          message: "Too many requests from your address. Wait before you try again.",
          details: { retryAfterMs: rejected.msBeforeNext },
        });
      }
    },
    async mayMail(kindAndRecipient) {
      try {
        await recipients.consume(kindAndRecipient);
        return true;
      } catch (rejected) {
        if (rejected instanceof RateLimiterRes) return false;
        throw rejected;
      }
    },
  };
}
