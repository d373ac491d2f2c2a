import { hashToken, newToken, notFound } from "@rciots/runtime";
import type { AccountLink, Store, User } from "@rciots/store";
import type { LoginGuard } from "../auth/login-guard.ts";

type Purpose = AccountLink["purpose"];

export type OneTimeLinks = ReturnType<typeof createOneTimeLinks>;

/** One answer for a link that never was, was used, or is too old. */
export const linkInvalid = (): Error =>
  notFound({ code: "link_invalid", message: "The link is unknown, was used already, or is too old." });

/** Tokens of links that stand in for a person; stored as their hash, good once and for a while. */
export function createOneTimeLinks(options: {
  store: Pick<Store, "accounts" | "accountLinks">;
  guard: Pick<LoginGuard, "beginLink" | "succeedLink">;
}) {
  const { store, guard } = options;

  /** A link of a person who may not sign in any more is worth nothing. */
  async function userOf(link: AccountLink | null): Promise<{ link: AccountLink; user: User }> {
    const user = link === null ? null : await store.accounts.findUser(link.userId);
    if (link === null || user?.status !== "active") throw linkInvalid();
    return { link, user };
  }

  return {
    async issue(
      user: Pick<User, "_id">,
      link: { purpose: Purpose; email: string; lifetimeMs: number },
    ): Promise<{ token: string; expiresAt: Date }> {
      const token = newToken("rcl");
      const createdAt = new Date();
      const expiresAt = new Date(createdAt.getTime() + link.lifetimeMs);
      await store.accountLinks.insert({
        _id: hashToken(token),
        userId: user._id,
        purpose: link.purpose,
        email: link.email,
        createdAt,
        expiresAt,
      });
      return { token, expiresAt };
    },

    /** Finds a link without using it up. Throws 404 `link_invalid`, and 429 after many that were. */
    async check(
      purpose: Purpose,
      token: string,
      address: string,
    ): Promise<{ link: AccountLink; user: User }> {
      await guard.beginLink(address);
      const found = await userOf(await store.accountLinks.find(purpose, hashToken(token)));
      await guard.succeedLink(address);
      return found;
    },

    /** Uses a link up that `check` found: of several callers at once one gets it, the others 404. */
    async take(purpose: Purpose, token: string): Promise<{ link: AccountLink; user: User }> {
      return userOf(await store.accountLinks.take(purpose, hashToken(token)));
    },

    /** After the password changed: whoever knew the old one may have asked for these. */
    async revokeAll(userId: string): Promise<void> {
      await store.accountLinks.deleteOf(userId, "reset-password");
      await store.accountLinks.deleteOf(userId, "change-email");
    },
  };
}
