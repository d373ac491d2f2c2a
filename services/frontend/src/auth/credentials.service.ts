import type { AppError } from "@rciots/runtime";
import { forbidden, unauthorized } from "@rciots/runtime";
import type { Store, User } from "@rciots/store";
import type { RequestContext } from "../http/route.ts";
import type { Caller } from "./caller.ts";
import { addressKey, type LoginAttempt, type LoginGuard } from "./login-guard.ts";
import type { Passwords } from "./password.ts";
import { secondFactorOf, type SecondFactorService } from "./second-factor.service.ts";

export type CredentialsService = ReturnType<typeof createCredentialsService>;

interface Proof {
  password: string;
  code?: string | undefined;
}

function wrongPassword(): AppError {
  return unauthorized({ code: "login_failed", message: "The user name or the password is wrong." });
}

/** Checks who somebody is, and counts what fails. */
export function createCredentialsService(options: {
  store: Pick<Store, "accounts" | "accountLinks">;
  passwords: Pick<Passwords, "verify">;
  guard: LoginGuard;
  secondFactor: Pick<SecondFactorService, "take">;
}) {
  const { store, passwords, guard, secondFactor } = options;

  function attemptOf(user: User | null, login: string, context: RequestContext): LoginAttempt {
    const isKnownAddress = user?.signInNetworks?.includes(addressKey(context.address)) ?? false;
    return { account: user?._id ?? login, address: context.address, isKnownAddress };
  }

  async function checkPassword(
    user: User | null,
    password: string,
    attempt: LoginAttempt,
    waitingHash?: string,
  ): Promise<User> {
    await guard.begin(attempt);
    const isRight = await passwords.verify(user?.passwordHash ?? waitingHash ?? null, password);
    if (isRight && user === null) {
      await guard.withdraw(attempt);
      const message = "Confirm your e-mail address first: open the link that was mailed to you.";
      throw forbidden({ code: "email_unconfirmed", message });
    }
    if (!isRight || user?.status !== "active") throw wrongPassword();
    return user;
  }

  return {
    /**
     * The user whose name or e-mail address, password and, where there is a second factor, code these are. Throws
     * 401 `login_failed` after the same work whether the user exists or not, `second_factor_required` where the
     * password is right and the code is missing, `second_factor_invalid`; 403 `email_unconfirmed`; 429.
     */
    async checkLogin(login: string, { password, code }: Proof, context: RequestContext): Promise<User> {
      const name = login.trim().toLowerCase();
      const [found, waiting] = await Promise.all([
        store.accounts.findUserByLogin(name),
        store.accountLinks.findSignUpByLogin(name),
      ]);
      const attempt = attemptOf(found, name, context);
      const user = await checkPassword(found, password, attempt, waiting?.passwordHash);
      if (secondFactorOf(user) !== undefined && code === undefined) {
        await guard.withdraw(attempt);
        throw unauthorized({
          code: "second_factor_required",
          message: "Send the code of your authenticator app, or a recovery code, with the password.",
        });
      }
      if (secondFactorOf(user) !== undefined && code !== undefined) await secondFactor.take(user, code);
      await guard.succeed(attempt);
      return user;
    },

    /** Has somebody who is signed in say the password again. Throws 401 and 429. */
    async confirmPassword(caller: Caller, password: string, context: RequestContext): Promise<User> {
      const found = await store.accounts.findUser(caller.userId);
      const attempt = attemptOf(found, caller.userId, context);
      const user = await checkPassword(found, password, attempt);
      await guard.succeed(attempt);
      return user;
    },
  };
}
