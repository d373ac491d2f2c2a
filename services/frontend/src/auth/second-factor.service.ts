import { AppError, conflict, type Vault } from "@rciots/runtime";
import type { SecondFactor, Store, User } from "@rciots/store";
import type { LoginGuard } from "./login-guard.ts";
import {
  describeTotp,
  hashRecoveryCode,
  isTotpCode,
  newRecoveryCodes,
  newTotpSecret,
  normalCode,
  totpStep,
} from "./totp.ts";

export type SecondFactorService = ReturnType<typeof createSecondFactorService>;

/** What is asked for beside the password, or undefined. */
export function secondFactorOf(user: User): SecondFactor | undefined {
  const { secondFactor } = user;
  return secondFactor?.confirmedAt ? secondFactor : undefined;
}

function invalidCode(): AppError {
  return new AppError({
    code: "second_factor_invalid",
    status: 401,
    message: "The code is wrong, too old, or was used before. Wait for the next one, and check your clock.",
  });
}

const notEnabled = (): AppError =>
  conflict({ code: "second_factor_disabled", message: "The account has no second factor." });
const alreadyEnabled = (): AppError =>
  conflict({
    code: "second_factor_enabled",
    message: "The account has a second factor already; turn it off first.",
  });

/** Codes beside the password: enrolling, checking, and codes for the day the phone is gone. */
export function createSecondFactorService(options: {
  store: Pick<Store, "accounts" | "secondFactors">;
  vault: Pick<Vault, "seal" | "open">;
  guard: Pick<LoginGuard, "beginCode" | "succeedCode">;
}) {
  const { store, vault, guard } = options;
  const aadOf = (userId: string): string => `second-factor:${userId}`;
  const hashes = (userId: string, codes: string[]): string[] =>
    codes.map((code) => hashRecoveryCode(userId, code));

  async function takeTotp(user: User, sealedSecret: string, code: string): Promise<boolean> {
    const step = totpStep(vault.open(sealedSecret, aadOf(user._id)), code);
    return step !== undefined && (await store.secondFactors.takeStep(user._id, sealedSecret, step));
  }

  /** Uses the code up. Throws 401 where it is not good, 429 after many that were not. */
  async function take(user: User, typed: string): Promise<void> {
    const secondFactor = secondFactorOf(user);
    if (secondFactor === undefined) throw notEnabled();
    await guard.beginCode(user._id);
    const code = normalCode(typed);
    const isGood = isTotpCode(code)
      ? await takeTotp(user, secondFactor.sealedSecret, code)
      : await store.secondFactors.takeRecoveryCode(user._id, hashRecoveryCode(user._id, code));
    if (!isGood) throw invalidCode();
    await guard.succeedCode(user._id);
  }

  return {
    take,

    /** A new secret, not asked for before `confirm`. Throws 409 where there is a second factor. */
    async begin(user: User): Promise<{ secret: string; uri: string }> {
      const secret = newTotpSecret();
      const sealed = vault.seal(secret, aadOf(user._id));
      if (!(await store.secondFactors.begin(user._id, sealed))) throw alreadyEnabled();
      return describeTotp(secret, user.email);
    },

    /** Answers the recovery codes, which are shown this once. The code is used up by it. */
    async confirm(user: User, typed: string): Promise<string[]> {
      if (secondFactorOf(user) !== undefined) throw alreadyEnabled();
      const sealedSecret = user.secondFactor?.sealedSecret;
      if (sealedSecret === undefined) {
        throw conflict({ code: "second_factor_not_begun", message: "Begin with the second factor first." });
      }
      await guard.beginCode(user._id);
      const step = totpStep(vault.open(sealedSecret, aadOf(user._id)), normalCode(typed));
      if (step === undefined) throw invalidCode();
      await guard.succeedCode(user._id);
      const codes = newRecoveryCodes();
      const recoveryCodeHashes = hashes(user._id, codes);
      const proof = { sealedSecret, step, recoveryCodeHashes, now: new Date() };
      if (!(await store.secondFactors.confirm(user._id, proof))) throw alreadyEnabled();
      return codes;
    },

    /** New recovery codes in place of the old ones; takes a code. */
    async renewRecoveryCodes(user: User, typed: string): Promise<string[]> {
      await take(user, typed);
      const codes = newRecoveryCodes();
      if (!(await store.secondFactors.replaceRecoveryCodes(user._id, hashes(user._id, codes)))) {
        throw notEnabled();
      }
      return codes;
    },

    /** Takes a code, and asks for none from then on. */
    async disable(user: User, typed: string): Promise<void> {
      await take(user, typed);
      if (!(await store.secondFactors.remove(user._id))) throw notEnabled();
    },

    /** Without a code: for the administrator who has made sure who asks. */
    async remove(user: User): Promise<void> {
      if (!(await store.secondFactors.remove(user._id))) throw notEnabled();
    },
  };
}
