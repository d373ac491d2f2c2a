import { conflict, forbidden, hashToken, isAppError, newId, newToken, type Vault } from "@rciots/runtime";
import { isDuplicateKey, type SignUp, type Store, type User } from "@rciots/store";
import type { Audit } from "../audit/audit.ts";
import type { LoginGuard } from "../auth/login-guard.ts";
import type { Passwords } from "../auth/password.ts";
import type { RequestContext } from "../http/route.ts";
import { newOrganization } from "../organization/organization.service.ts";
import type { AccountMails } from "./account-mails.ts";
import { actingAs } from "./account-records.ts";
import type { AccountsService } from "./accounts.service.ts";
import type { Background } from "./background.ts";
import { linkInvalid } from "./one-time-links.ts";
import type { RequestLimits } from "./request-limits.ts";

export type SignUpService = ReturnType<typeof createSignUpService>;

export interface SignUpInput {
  email: string;
  username: string;
  password: string;
  organizationName?: string | undefined;
}

const linkMs = 24 * 3_600_000;
/** Of one address at a time: somebody may begin anew with another user name, not without end. */
const maxWaiting = 5;

function organizationNameTaken(): Error {
  const message = "The name of the organisation is taken; choose another one.";
  return conflict({ code: "organization_name_taken", message });
}

/**
 * People who create their own accounts. Where the platform sends mail, nothing is created before the link in it is
 * opened: names can't be reserved with somebody else's address, and there is nothing to clear away.
 */
export function createSignUpService(options: {
  isOpen: boolean;
  store: Pick<Store, "accounts" | "accountLinks" | "organizations">;
  vault: Pick<Vault, "createDataKey" | "wrapDataKey">;
  accounts: Pick<AccountsService, "insert" | "findTaken">;
  passwords: Pick<Passwords, "hash">;
  guard: Pick<LoginGuard, "beginLink" | "succeedLink">;
  limits: Pick<RequestLimits, "admit">;
  mails: AccountMails;
  background: Background;
  audit: Audit;
}) {
  const { isOpen, store, vault, accounts, passwords, guard, limits, mails, background, audit } = options;

  /** False: another call of the same sign-up was faster. */
  async function insertOrganization({ id, name }: { id: string; name: string }): Promise<boolean> {
    try {
      await store.organizations.insert(newOrganization({ id, name, vault }));
      return true;
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      if ((await store.organizations.find(id)) !== null) return false;
      throw organizationNameTaken();
    }
  }

  /** The account of the sign-up; one that a call which died half-way left is taken up. */
  async function insertUser(signUp: SignUp): Promise<User> {
    const { organization } = signUp;
    const memberships: User["memberships"] =
      organization === null ? [] : [{ organizationId: organization.id, role: "owner" }];
    try {
      return await accounts.insert({ ...signUp, id: signUp._id, memberships });
    } catch (error) {
      const left = isAppError(error) ? await store.accounts.findUser(signUp._id) : null;
      if (left === null) throw error;
      if (organization === null) throw linkInvalid();
      return left;
    }
  }

  /**
   * Creates what was asked for. Of several calls at once one succeeds: the one that makes the organisation, or the
   * account where there is none.
   */
  async function create(signUp: SignUp, context: RequestContext): Promise<User> {
    const { organization } = signUp;
    const user = await insertUser(signUp);
    if (organization !== null) {
      if (!(await insertOrganization(organization))) throw linkInvalid();
      await audit.record(actingAs(user, context), {
        organizationId: organization.id,
        kind: "organization.created",
        message: `${user.username} signed up and created the organisation ${organization.name}.`,
      });
    }
    await store.accountLinks.deleteSignUps(user.email);
    return user;
  }

  function newSignUp(input: SignUpInput, passwordHash: string, token: string): SignUp {
    const createdAt = new Date();
    const { organizationName: name } = input;
    return {
      _id: newId("usr"),
      tokenHash: hashToken(token),
      email: input.email,
      username: input.username,
      passwordHash,
      organization: name === undefined ? null : { id: newId("org"), name },
      createdAt,
      expiresAt: new Date(createdAt.getTime() + linkMs),
    };
  }

  async function keep(signUp: SignUp, token: string): Promise<void> {
    const owner = await store.accounts.findUserByLogin(signUp.email);
    if (owner !== null) return mails.addressInUse(owner);
    if ((await store.accountLinks.countSignUps(signUp.email)) >= maxWaiting) return;
    await store.accountLinks.insertSignUp(signUp);
    await mails.confirmSignUp(signUp, token);
  }

  async function checkNames({ email, username, organizationName }: SignUpInput): Promise<void> {
    const is = await accounts.findTaken({ email, username });
    // That a user name is taken has to be told; that an address is goes to its owner alone, where there is mail.
    if (is.username || (is.email && !mails.isConfigured)) {
      const what = mails.isConfigured ? "user name" : "user name or the e-mail address";
      throw conflict({ code: "name_taken", message: `The ${what} is taken; choose another one.` });
    }
    if (organizationName !== undefined && (await store.organizations.findByName(organizationName)) !== null) {
      throw organizationNameTaken();
    }
  }

  async function resend(email: string): Promise<void> {
    const waiting = await store.accountLinks.findSignUpByLogin(email);
    if (waiting === null) return;
    const token = newToken("rcl");
    const change = { tokenHash: hashToken(token), expiresAt: new Date(Date.now() + linkMs) };
    if (await store.accountLinks.renewSignUp(waiting._id, change)) await mails.confirmSignUp(waiting, token);
  }

  return {
    isOpen,
    sendsMail: mails.isConfigured,

    /**
     * True: the account is there. False: it waits for the link, or the address is somebody's already, whom a mail
     * tells; who asks can't know which. Throws 403 `signup_closed`, 409 `name_taken`, 429.
     */
    async signUp(input: SignUpInput, context: RequestContext): Promise<boolean> {
      await limits.admit(context.address);
      if (!isOpen) {
        const message = "Nobody can sign up here; ask an administrator to invite you.";
        throw forbidden({ code: "signup_closed", message });
      }
      await checkNames(input);
      const token = newToken("rcl");
      const signUp = newSignUp(input, await passwords.hash(input.password), token);
      if (mails.isConfigured) background.run("sign-up", () => keep(signUp, token));
      else await create(signUp, context);
      return !mails.isConfigured;
    },

    /** A new link in place of the one before, where somebody waits for one. */
    async resend(email: string, context: RequestContext): Promise<void> {
      await limits.admit(context.address);
      background.run("resending a link", () => resend(email));
    },

    /** By the mailed link. Throws 404 `link_invalid`, 409 where a name was taken meanwhile. */
    async confirm(token: string, context: RequestContext): Promise<User> {
      await guard.beginLink(context.address);
      const signUp = await store.accountLinks.findSignUp(hashToken(token));
      if (signUp === null) throw linkInvalid();
      await guard.succeedLink(context.address);
      return create(signUp, context);
    },
  };
}
