import { forbidden, notFound, type Bus } from "@rciots/runtime";
import type { SecondFactor, Store, User } from "@rciots/store";
import type { Audit } from "../audit/audit.ts";
import type { Caller } from "../auth/caller.ts";
import type { CredentialsService } from "../auth/credentials.service.ts";
import type { Passwords } from "../auth/password.ts";
import { secondFactorOf, type SecondFactorService } from "../auth/second-factor.service.ts";
import type { RequestContext } from "../http/route.ts";
import type { AccountMails } from "./account-mails.ts";
import { recordInAll } from "./account-records.ts";
import type { Background } from "./background.ts";
import type { OneTimeLinks } from "./one-time-links.ts";

export type ProfileService = ReturnType<typeof createProfileService>;

interface Proof {
  password: string;
  code: string;
}

/** How a person signs in, as they change it themselves: the password and the second factor. */
export function createProfileService(options: {
  store: Pick<Store, "accounts">;
  passwords: Pick<Passwords, "hash">;
  credentials: Pick<CredentialsService, "confirmPassword">;
  secondFactor: SecondFactorService;
  links: Pick<OneTimeLinks, "revokeAll">;
  mails: Pick<AccountMails, "notify">;
  background: Background;
  audit: Audit;
  bus: Bus;
}) {
  const { store, passwords, credentials, secondFactor, links, mails, background, audit, bus } = options;

  async function find(caller: Caller): Promise<User> {
    const user = await store.accounts.findUser(caller.userId);
    if (user === null) throw notFound({ message: "The account does not exist." });
    return user;
  }

  /** Records what was done, and tells the person by mail too: it may have been somebody else. */
  async function tell(user: User, context: RequestContext, kind: string, what: string): Promise<void> {
    background.run("notice by mail", () => mails.notify(user, what));
    const record = { kind, message: `${user.username}: the ${what}.`, severity: "warning" as const };
    await recordInAll({ audit, user, context, record });
  }

  return {
    /** Ends the person's other sessions, and links that were mailed before. */
    async changePassword(
      caller: Caller,
      input: { currentPassword: string; newPassword: string },
      context: RequestContext,
    ): Promise<void> {
      if (input.currentPassword === input.newPassword) {
        throw forbidden({ code: "password_unchanged", message: "The new password is the old one." });
      }
      const user = await credentials.confirmPassword(caller, input.currentPassword, context);
      await store.accounts.setPassword(user._id, await passwords.hash(input.newPassword));
      await store.accounts.deleteSessionsOf(user._id, caller.sessionHash ?? undefined);
      bus.publish("account:changed", { userId: user._id });
      await links.revokeAll(user._id);
      await tell(user, context, "user.password-changed", "password was changed");
    },

    async secondFactor(caller: Caller): Promise<SecondFactor | undefined> {
      return secondFactorOf(await find(caller));
    },

    async beginSecondFactor(caller: Caller, password: string, context: RequestContext) {
      const user = await credentials.confirmPassword(caller, password, context);
      const begun = await secondFactor.begin(user);
      const message = `${user.username} began to set up a second factor.`;
      await recordInAll({ audit, user, context, record: { kind: "user.second-factor-begun", message } });
      return begun;
    },

    /** Answers the recovery codes. */
    async confirmSecondFactor(caller: Caller, code: string, context: RequestContext): Promise<string[]> {
      const user = await find(caller);
      const recoveryCodes = await secondFactor.confirm(user, code);
      await tell(user, context, "user.second-factor-enabled", "second factor was turned on");
      return recoveryCodes;
    },

    async disableSecondFactor(caller: Caller, proof: Proof, context: RequestContext): Promise<void> {
      const user = await credentials.confirmPassword(caller, proof.password, context);
      await secondFactor.disable(user, proof.code);
      await tell(user, context, "user.second-factor-disabled", "second factor was turned off");
    },

    async renewRecoveryCodes(caller: Caller, proof: Proof, context: RequestContext): Promise<string[]> {
      const user = await credentials.confirmPassword(caller, proof.password, context);
      const recoveryCodes = await secondFactor.renewRecoveryCodes(user, proof.code);
      await tell(user, context, "user.recovery-codes-renewed", "recovery codes were replaced");
      return recoveryCodes;
    },
  };
}
