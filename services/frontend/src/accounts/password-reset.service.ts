import { conflict, notFound, type Bus } from "@rciots/runtime";
import type { Store, User } from "@rciots/store";
import type { Acting, Audit } from "../audit/audit.ts";
import type { Caller } from "../auth/caller.ts";
import type { LoginGuard } from "../auth/login-guard.ts";
import type { Passwords } from "../auth/password.ts";
import type { SecondFactorService } from "../auth/second-factor.service.ts";
import type { RequestContext } from "../http/route.ts";
import { linkTo, type AccountMails } from "./account-mails.ts";
import { recordInAll } from "./account-records.ts";
import type { Background } from "./background.ts";
import { linkInvalid, type OneTimeLinks } from "./one-time-links.ts";
import type { RequestLimits } from "./request-limits.ts";

export type PasswordResetService = ReturnType<typeof createPasswordResetService>;

interface AdminActing extends Acting {
  caller: Caller;
  context: RequestContext;
}

const resetLinkMs = 3_600_000;

/** The way back in for who forgot the password, or lost the second factor. */
export function createPasswordResetService(options: {
  store: Pick<Store, "accounts">;
  passwords: Pick<Passwords, "hash">;
  guard: Pick<LoginGuard, "forgive">;
  secondFactor: Pick<SecondFactorService, "remove">;
  links: OneTimeLinks;
  limits: Pick<RequestLimits, "admit">;
  mails: AccountMails;
  background: Background;
  audit: Audit;
  bus: Bus;
  consoleUrl: string | undefined;
}) {
  const { store, passwords, guard, secondFactor, links, limits, mails, background, audit, bus } = options;

  const issue = (user: User) =>
    links.issue(user, { purpose: "reset-password", email: user.email, lifetimeMs: resetLinkMs });

  async function mailLink(email: string): Promise<void> {
    const user = await store.accounts.findUserByLogin(email);
    if (user?.status !== "active") return;
    const { token } = await issue(user);
    await mails.resetPassword(user, token);
  }

  async function findUser(userId: string): Promise<User> {
    const user = await store.accounts.findUser(userId);
    if (user !== null) return user;
    throw notFound({ code: "user_not_found", message: "There is no such user." });
  }

  return {
    /** Mails a link where the address is somebody's. Says nothing about whether it is, not by its time either. */
    async request(email: string, context: RequestContext): Promise<void> {
      await limits.admit(context.address);
      if (!mails.isConfigured) {
        const message = "The platform sends no mail; ask an administrator of the platform for a link.";
        throw conflict({ code: "mail_not_configured", message });
      }
      background.run("mail of a password reset", () => mailLink(email));
    },

    /** Ends all sessions. The second factor stays in force. Throws 404 `link_invalid`. */
    async complete(input: { token: string; newPassword: string }, context: RequestContext): Promise<void> {
      const found = await links.check("reset-password", input.token, context.address);
      // A link to an address that is no longer the person's is worth nothing.
      if (found.link.email !== found.user.email) throw linkInvalid();
      // Before the link is used up: where too many people sign in, it is still good for the next try.
      const passwordHash = await passwords.hash(input.newPassword);
      const { user } = await links.take("reset-password", input.token);
      await store.accounts.setPassword(user._id, passwordHash);
      await store.accounts.deleteSessionsOf(user._id);
      bus.publish("account:changed", { userId: user._id });
      await links.revokeAll(user._id);
      await guard.forgive({ account: user._id, address: context.address });
      background.run("notice by mail", () => mails.notify(user, "password was reset"));
      const message = `${user.username} reset the password.`;
      const record = { kind: "user.password-reset", message, severity: "warning" as const };
      await recordInAll({ audit, user, context, record });
    },

    /** For an administrator to hand on. */
    async createLink(acting: AdminActing, userId: string): Promise<{ url: string; expiresAt: Date }> {
      const user = await findUser(userId);
      if (user.status !== "active") {
        throw conflict({ code: "user_disabled", message: "The user is disabled; enable them first." });
      }
      const { token, expiresAt } = await issue(user);
      const message = `A link to reset the password of ${user.username} was made.`;
      const record = { kind: "user.password-reset-link-created", message, severity: "warning" as const };
      await recordInAll({ audit, user, context: acting.context, acting, record });
      return { url: linkTo(options.consoleUrl, "reset-password", token), expiresAt };
    },

    /** For who lost both the phone and the recovery codes. */
    async removeSecondFactor(acting: AdminActing, userId: string): Promise<void> {
      const user = await findUser(userId);
      await secondFactor.remove(user);
      background.run("notice by mail", () =>
        mails.notify(user, "second factor was turned off by an administrator"),
      );
      const message = `The second factor of ${user.username} was turned off.`;
      const record = { kind: "user.second-factor-removed", message, severity: "warning" as const };
      await recordInAll({ audit, user, context: acting.context, acting, record });
    },
  };
}
