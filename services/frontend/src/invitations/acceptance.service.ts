import { conflict, forbidden, hashToken, notFound, type AppError } from "@rciots/runtime";
import type { Invitation, Organization, Store } from "@rciots/store";
import type { AccountsService } from "../accounts/accounts.service.ts";
import type { Acting, Audit } from "../audit/audit.ts";
import type { Caller } from "../auth/caller.ts";
import type { LoginGuard } from "../auth/login-guard.ts";
import type { Passwords } from "../auth/password.ts";
import type { RequestContext } from "../http/route.ts";
import type { MembersService } from "../members/members.service.ts";

/** Far above what accepting takes; ends the claim of a replica that died over it. */
const claimMs = 60_000;

export interface OpenInvitation {
  invitation: Invitation;
  organization: Organization;
  /** Whether nobody has an account of this e-mail address yet. */
  needsAccount: boolean;
}

export type AcceptanceService = ReturnType<typeof createAcceptanceService>;

const gone = (): AppError =>
  notFound({
    code: "invitation_not_found",
    message: "The invitation was used or revoked, or it has expired; ask for a new one.",
  });

const accountExists = (email: string): AppError =>
  conflict({
    code: "account_exists",
    message: `There is an account of ${email} already: sign in with it, then accept.`,
  });

/** What the person with the link may do. */
export function createAcceptanceService(options: {
  store: Pick<Store, "accounts" | "invitations" | "organizations">;
  accounts: Pick<AccountsService, "findTaken" | "insert">;
  members: Pick<MembersService, "join">;
  passwords: Pick<Passwords, "hash">;
  guard: LoginGuard;
  audit: Audit;
}) {
  const { store, accounts, members, passwords, guard, audit } = options;

  /** Throws 404, 429 after many wrong ones from an address, and 403 where the organisation is suspended. */
  async function open(token: string, context: RequestContext): Promise<OpenInvitation> {
    const tokenHash = hashToken(token);
    await guard.beginLink(context.address);
    const invitation = await store.invitations.findByToken(tokenHash);
    const organization =
      invitation === null ? null : await store.organizations.find(invitation.organizationId);
    if (invitation === null || organization === null) throw gone();
    await guard.succeedLink(context.address);
    if (organization.status === "suspended") {
      const message = "The organisation is suspended: nobody can join it.";
      throw forbidden({ code: "organization_suspended", message });
    }
    const account = await store.accounts.findUserByLogin(invitation.email);
    return { invitation, organization, needsAccount: account === null };
  }

  /** Does `work` for one of any number who accept at once; what fails leaves the invitation open. */
  async function once<Result>(tokenHash: string, work: (invitation: Invitation) => Promise<Result>) {
    const claimed = await store.invitations.claim(tokenHash, claimMs);
    if (claimed === null) throw gone();
    try {
      const result = await work(claimed);
      await store.invitations.delete(claimed.organizationId, claimed._id);
      return result;
    } catch (error) {
      await store.invitations.release(claimed);
      throw error;
    }
  }

  async function record(acting: Acting, { _id, organizationId, email, role }: Invitation): Promise<void> {
    await audit.record(acting, {
      organizationId,
      kind: "invitation.accepted",
      message: `${acting.caller.actor.name} (${email}) joined as ${role}.`,
      details: { invitationId: _id, userId: acting.caller.actor.id, after: { role } },
    });
  }

  return {
    inspect: open,

    /** Only for the person who was invited: a link that was passed on lets nobody else in. */
    async accept(
      acting: { caller: Caller; context: RequestContext },
      token: string,
    ): Promise<OpenInvitation> {
      const opened = await open(token, acting.context);
      const { email, tokenHash } = opened.invitation;
      const user = await store.accounts.findUser(acting.caller.userId);
      if (user?.email !== email) {
        const message = `The invitation is for ${email}; sign in with that account, or ask to be invited by your own address.`;
        throw forbidden({ code: "invitation_for_another", message });
      }
      await once(tokenHash, ({ organizationId, role }) => members.join(user._id, organizationId, role));
      await record(acting, opened.invitation);
      return opened;
    },

    /** Makes the account too, also where sign-up is closed. The e-mail address is the one that was invited. */
    async acceptWithAccount(
      input: { token: string; username: string; password: string },
      context: RequestContext,
    ): Promise<OpenInvitation> {
      const opened = await open(input.token, context);
      const { email, tokenHash } = opened.invitation;
      if (!opened.needsAccount) throw accountExists(email);
      const passwordHash = await passwords.hash(input.password);
      const user = await once(tokenHash, async ({ organizationId, role }) => {
        const { email: isKnown } = await accounts.findTaken({ email, username: input.username });
        if (isKnown) throw accountExists(email);
        const memberships = [{ organizationId, role }];
        return accounts.insert({ email, username: input.username, passwordHash, memberships });
      });
      const actor = { kind: "user" as const, id: user._id, name: user.username };
      await record({ caller: { actor }, context }, opened.invitation);
      return opened;
    },
  };
}
