import { AppError, createMemoryTryLimits } from "@rciots/runtime";
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

/** Counted where `tryLimits` says; default: in this process alone. */
export function createRequestLimits(
  limits: AccountLimits = defaultAccountLimits,
  tryLimits = createMemoryTryLimits(),
): RequestLimits {
  const { requestsPerAddress, mailsPerRecipient, windowMs } = limits;
  const addresses = tryLimits.limit({ name: "account.request", tries: requestsPerAddress, windowMs });
  const recipients = tryLimits.limit({ name: "account.mail", tries: mailsPerRecipient, windowMs });
  return {
    async admit(address) {
      const retryAfterMs = await addresses.take(addressKey(address));
      if (retryAfterMs === 0) return;
      throw new AppError({
        code: "too_many_requests",
        status: 429,
        message: "Too many requests from your address. Wait before you try again.",
        details: { retryAfterMs },
      });
    },
    mayMail: async (kindAndRecipient) => (await recipients.take(kindAndRecipient)) === 0,
  };
}
