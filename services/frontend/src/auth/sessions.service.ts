import { AppError, forbidden, hashToken, newToken, notFound, type Bus } from "@rciots/runtime";
import type { Organization, Store, User } from "@rciots/store";
import type { Acting, Audit } from "../audit/audit.ts";
import type { RequestContext } from "../http/route.ts";
import type { Caller } from "./caller.ts";
import type { LoginGuard } from "./login-guard.ts";
import type { Passwords } from "./password.ts";

export interface SessionsOptions {
  store: Pick<Store, "accounts" | "organizations">;
  passwords: Passwords;
  guard: LoginGuard;
  audit: Audit;
  bus: Bus;
  /** How long a session lasts. */
  sessionMs: number;
}

export interface Account {
  user: User;
  organizations: Organization[];
}

export type SessionsService = ReturnType<typeof createSessionsService>;

/** Signing in and out, and what a person may know and change of the own account. */
export function createSessionsService({ store, passwords, guard, audit, bus, sessionMs }: SessionsOptions) {
  async function accountOf(user: User): Promise<Account> {
    const ids = user.memberships.map((membership) => membership.organizationId);
    return { user, organizations: await store.organizations.findMany(ids) };
  }

  async function recordInAll(
    user: User,
    context: RequestContext,
    kind: string,
    message: string,
  ): Promise<void> {
    const acting: Acting = {
      caller: { actor: { kind: "user", id: user._id, name: user.username } },
      context,
    };
    const records = user.memberships.map(({ organizationId }) => ({ organizationId, kind, message }));
    await audit.record(acting, ...records);
  }

  /** The user whose password this is. Throws 401 and 429, after the same work whether the user exists or not. */
  async function checkPassword(login: string, password: string, context: RequestContext): Promise<User> {
    const attempt = { login: login.trim().toLowerCase(), address: context.address };
    await guard.begin(attempt);
    const user = await store.accounts.findUserByLogin(attempt.login);
    const isRight = await passwords.verify(user?.passwordHash ?? null, password);
    if (user === null || !isRight || user.status !== "active") {
      throw new AppError({
        code: "login_failed",
        status: 401,
        message: "The user name or the password is wrong.",
      });
    }
    await guard.succeed(attempt);
    return user;
  }

  return {
    async login(input: { login: string; password: string }, context: RequestContext) {
      const user = await checkPassword(input.login, input.password, context);
      const token = newToken("rcs");
      const now = Date.now();
      const expiresAt = new Date(now + sessionMs);
      await store.accounts.insertSession({
        _id: hashToken(token),
        userId: user._id,
        createdAt: new Date(now),
        expiresAt,
      });
      await recordInAll(user, context, "session.created", `${user.username} signed in.`);
      return { token, expiresAt, sessionMs, account: await accountOf(user) };
    },

    /** Does nothing for an API token: that is revoked, not signed out. */
    async logout(caller: Caller): Promise<void> {
      if (caller.sessionHash === null) return;
      await store.accounts.deleteSession(caller.sessionHash);
      bus.publish("account:changed", { userId: caller.userId });
    },

    async account(caller: Caller): Promise<Account> {
      const user = await store.accounts.findUser(caller.userId);
      if (user === null) throw notFound({ message: "The account does not exist." });
      return accountOf(user);
    },

    /** Ends the person's other sessions too. */
    async changePassword(
      caller: Caller,
      input: { currentPassword: string; newPassword: string },
      context: RequestContext,
    ): Promise<void> {
      if (input.currentPassword === input.newPassword) {
        throw forbidden({ code: "password_unchanged", message: "The new password is the old one." });
      }
      const user = await checkPassword(caller.username, input.currentPassword, context);
      await store.accounts.setPassword(user._id, await passwords.hash(input.newPassword));
      await store.accounts.deleteSessionsOf(user._id, caller.sessionHash ?? undefined);
      bus.publish("account:changed", { userId: user._id });
      await recordInAll(user, context, "user.password-changed", `${user.username} changed the password.`);
    },
  };
}
