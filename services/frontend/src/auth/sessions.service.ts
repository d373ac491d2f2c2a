import { hashToken, isAppError, newToken, notFound, type Bus } from "@rciots/runtime";
import type { Organization, Session, Store, User } from "@rciots/store";
import { createHash } from "node:crypto";
import { recordInAll } from "../accounts/account-records.ts";
import { platformScope, type Audit } from "../audit/audit.ts";
import type { RequestContext } from "../http/route.ts";
import type { Caller } from "./caller.ts";
import type { CredentialsService } from "./credentials.service.ts";
import { addressKey } from "./login-guard.ts";

export interface SessionsOptions {
  store: Pick<Store, "accounts" | "organizations">;
  credentials: Pick<CredentialsService, "checkLogin">;
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

/** Of one person. Signing in once more ends the oldest. */
export const maxSessions = 100;
/** Networks that are remembered as the usual ones of a person. */
const maxNetworks = 10;

/** Failures that say that somebody guesses. Refusals of those who are banned are not recorded: they could be many. */
const recordedRefusals = ["login_failed", "second_factor_invalid"];
const unknownActor = { kind: "platform" as const, id: "platform", name: "Platform" };

/** Names a session without being of any use to whoever reads it. */
export const sessionIdOf = (hash: string): string =>
  createHash("sha256").update(`session:${hash}`).digest("hex").slice(0, 32);

/** Signing in and out, and the sessions that are open. */
export function createSessionsService({ store, credentials, audit, bus, sessionMs }: SessionsOptions) {
  async function accountOf(user: User): Promise<Account> {
    const ids = user.memberships.map((membership) => membership.organizationId);
    return { user, organizations: await store.organizations.findMany(ids) };
  }

  async function record(user: User, context: RequestContext, kind: string, message: string): Promise<void> {
    await recordInAll({ audit, user, context, record: { kind, message } });
  }

  /** A name that nobody has is not written down: people type passwords into the wrong field. */
  async function recordRefusal(login: string, error: unknown, context: RequestContext): Promise<void> {
    if (!isAppError(error) || !recordedRefusals.includes(error.code)) return;
    const acting = { caller: { actor: unknownActor }, context };
    const user = await store.accounts.findUserByLogin(login.trim().toLowerCase());
    const shared = { kind: "session.refused", severity: "warning" as const };
    if (user === null) {
      const message = "Somebody tried to sign in by a name that nobody has.";
      return audit.record(acting, { ...shared, organizationId: platformScope, message });
    }
    const details = { userId: user._id, reason: error.code };
    const message = `Somebody failed to sign in as ${user.username}.`;
    return recordInAll({ audit, user, context, acting, record: { ...shared, message, details } });
  }

  async function find(caller: Caller): Promise<User> {
    const user = await store.accounts.findUser(caller.userId);
    if (user === null) throw notFound({ message: "The account does not exist." });
    return user;
  }

  async function endOldest(userId: string): Promise<void> {
    const open = await store.accounts.listSessions(userId, maxSessions + 20);
    for (const session of open.slice(maxSessions)) await store.accounts.deleteSession(session._id);
  }

  async function open(user: User, context: RequestContext): Promise<{ token: string; expiresAt: Date }> {
    const token = newToken("rcs");
    const createdAt = new Date();
    const expiresAt = new Date(createdAt.getTime() + sessionMs);
    await store.accounts.insertSession({
      _id: hashToken(token),
      userId: user._id,
      createdAt,
      expiresAt,
      lastUsedAt: createdAt,
      address: context.address,
      userAgent: context.userAgent,
    });
    await endOldest(user._id);
    await store.accounts.addSignInNetwork(user._id, addressKey(context.address), maxNetworks);
    return { token, expiresAt };
  }

  return {
    async login(
      input: { login: string; password: string; code?: string | undefined },
      context: RequestContext,
    ) {
      const user = await credentials.checkLogin(input.login, input, context).catch(async (error: unknown) => {
        await recordRefusal(input.login, error, context);
        throw error;
      });
      const session = await open(user, context);
      await record(user, context, "session.created", `${user.username} signed in.`);
      return { ...session, sessionMs, account: await accountOf(user) };
    },

    /** Does nothing for an API token: that is revoked, not signed out. */
    async logout(caller: Caller): Promise<void> {
      if (caller.sessionHash === null) return;
      await store.accounts.deleteSession(caller.sessionHash);
      bus.publish("account:changed", { userId: caller.userId });
    },

    async account(caller: Caller): Promise<Account> {
      return accountOf(await find(caller));
    },

    /** The caller's own, the newest first. */
    list: (caller: Caller): Promise<Session[]> => store.accounts.listSessions(caller.userId, maxSessions),

    async revoke(caller: Caller, id: string, context: RequestContext): Promise<void> {
      const sessions = await store.accounts.listSessions(caller.userId, maxSessions);
      const found = sessions.find((session) => sessionIdOf(session._id) === id);
      if (found === undefined) {
        throw notFound({ code: "session_not_found", message: "You have no such session, or no longer." });
      }
      await store.accounts.deleteSession(found._id);
      bus.publish("account:changed", { userId: caller.userId });
      const user = await find(caller);
      await record(user, context, "session.revoked", `${user.username} ended a session.`);
    },

    async revokeOthers(caller: Caller, context: RequestContext): Promise<void> {
      await store.accounts.deleteSessionsOf(caller.userId, caller.sessionHash ?? undefined);
      bus.publish("account:changed", { userId: caller.userId });
      const user = await find(caller);
      await record(user, context, "session.revoked", `${user.username} ended all other sessions.`);
    },
  };
}
