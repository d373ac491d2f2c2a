import { conflict, forbidden, notFound } from "@rciots/runtime";
import { isDuplicateKey, type Store, type User } from "@rciots/store";
import { difference, type Audit } from "../audit/audit.ts";
import type { Caller } from "../auth/caller.ts";
import type { CredentialsService } from "../auth/credentials.service.ts";
import type { RequestContext } from "../http/route.ts";
import type { AccountMails } from "./account-mails.ts";
import { recordInAll } from "./account-records.ts";
import type { Background } from "./background.ts";
import type { OneTimeLinks } from "./one-time-links.ts";

export type NamesService = ReturnType<typeof createNamesService>;

type Names = Partial<Pick<User, "username" | "email">>;

const emailLinkMs = 24 * 3_600_000;

function nameTaken({ email }: Names): Error {
  const what = email === undefined ? "user name" : "e-mail address";
  return conflict({ code: "name_taken", message: `The ${what} is taken; choose another one.` });
}

/** The names a person signs in by: the user name and the e-mail address. */
export function createNamesService(options: {
  store: Pick<Store, "accounts" | "accountLinks">;
  credentials: Pick<CredentialsService, "confirmPassword">;
  links: Pick<OneTimeLinks, "issue" | "check" | "take">;
  mails: AccountMails;
  background: Background;
  audit: Audit;
}) {
  const { store, credentials, links, mails, background, audit } = options;

  async function rename(user: User, change: Names, context: RequestContext): Promise<User> {
    const renamed = await store.accounts.rename(user._id, change).catch((error: unknown) => {
      throw isDuplicateKey(error) ? nameTaken(change) : error;
    });
    if (renamed === null) throw notFound({ message: "The account does not exist." });
    const details = difference(user, renamed, ["username", "email"]);
    const message = `${user.username} changed the ${change.email === undefined ? "user name" : "e-mail address"}.`;
    const record = { kind: "user.changed", message, details };
    await recordInAll({ audit, user: renamed, context, record });
    if (change.email !== undefined) {
      // To the old address: its owner is the one to whom a change by somebody else matters.
      background.run("notice by mail", () => mails.notify(user, `e-mail address is ${renamed.email} now`));
    }
    return renamed;
  }

  async function mailChange(user: User, email: string): Promise<void> {
    const owner = await store.accounts.findUserByLogin(email);
    if (owner !== null) return mails.addressInUse(owner);
    await store.accountLinks.deleteOf(user._id, "change-email");
    const link = await links.issue(user, { purpose: "change-email", email, lifetimeMs: emailLinkMs });
    await mails.changeEmail({ email, username: user.username }, link.token);
  }

  async function checkPassword(
    caller: Caller,
    password: string | undefined,
    context: RequestContext,
  ): Promise<void> {
    if (password !== undefined) return void (await credentials.confirmPassword(caller, password, context));
    const message = "Send the password: changing the e-mail address takes it.";
    throw forbidden({ code: "password_required", message });
  }

  return {
    /**
     * The user name is changed at once; so is the e-mail address where the platform sends no mail, else it waits for
     * the link that is mailed to it: whether somebody else has that address isn't told. Throws 409 `name_taken`.
     */
    async update(
      caller: Caller,
      input: { username?: string | undefined; email?: string | undefined; password?: string | undefined },
      context: RequestContext,
    ): Promise<{ user: User; mailedTo: string | null }> {
      let user = await store.accounts.findUser(caller.userId);
      if (user === null) throw notFound({ message: "The account does not exist." });
      const email = input.email === user.email ? undefined : input.email;
      if (email !== undefined) await checkPassword(caller, input.password, context);
      if (input.username !== undefined && input.username !== user.username) {
        user = await rename(user, { username: input.username }, context);
      }
      if (email === undefined) return { user, mailedTo: null };
      if (!mails.isConfigured) return { user: await rename(user, { email }, context), mailedTo: null };
      const person = user;
      background.run("change of an e-mail address", () => mailChange(person, email));
      return { user, mailedTo: email };
    },

    /** By the link that was mailed to the new address. Throws 404 `link_invalid`, 409 `name_taken`. */
    async completeEmailChange(token: string, context: RequestContext): Promise<void> {
      await links.check("change-email", token, context.address);
      const { link, user } = await links.take("change-email", token);
      await rename(user, { email: link.email }, context);
    },

    /** The new address that still has to be confirmed. */
    async pendingEmail(caller: Caller): Promise<string | null> {
      return (await store.accountLinks.findOf(caller.userId, "change-email"))?.email ?? null;
    },
  };
}
