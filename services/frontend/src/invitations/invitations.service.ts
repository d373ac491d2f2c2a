import { conflict, hashToken, newId, newToken, notFound } from "@rciots/runtime";
import { isDuplicateKey, type Invitation, type Role, type Store } from "@rciots/store";
import type { Acting, Audit } from "../audit/audit.ts";
import type { Member } from "../auth/caller.ts";
import type { Exclusively } from "../exclusive.ts";
import { readPage, type Page } from "../http/cursor.ts";
import type { Mailer } from "../mail/mailer.ts";
import { checkReach, roleIn } from "../members/members.service.ts";
import { invitationMail } from "./invitation-mail.ts";

const lifetimeMs = 7 * 86_400_000;
const maxPending = 100;

export interface MemberActing extends Acting {
  caller: Member;
}

export interface Offer {
  invitation: Invitation;
  /** To be handed over, where it was not sent by mail. */
  link: string | null;
}

export type InvitationsService = ReturnType<typeof createInvitationsService>;

const missing = (): Error =>
  notFound({ code: "invitation_not_found", message: "There is no such invitation." });

/** Offers to join an organisation. The token is in the mail or, where none can be sent, in the answer, once. */
export function createInvitationsService(options: {
  store: Pick<Store, "accounts" | "invitations" | "organizations">;
  audit: Audit;
  exclusively: Exclusively;
  mailer: Mailer | undefined;
  /** Of the console; absent: a link is a path of it. */
  consoleUrl: string | undefined;
}) {
  const { store, audit, exclusively, mailer, consoleUrl } = options;
  const sendsMail = mailer?.isConfigured === true && consoleUrl !== undefined;

  /** The token is behind the `#`: browsers keep that to themselves. */
  const linkOf = (token: string): string => `${consoleUrl ?? ""}/invitation#token=${token}`;

  async function deliver(invitation: Invitation, token: string): Promise<Offer> {
    const link = linkOf(token);
    if (mailer === undefined || !sendsMail) return { invitation, link };
    const organization = await store.organizations.find(invitation.organizationId);
    await mailer.send(invitationMail({ invitation, organizationName: organization?.name ?? "", link }));
    const sentAt = new Date();
    await store.invitations.setSent(invitation._id, invitation.tokenHash, sentAt);
    return { invitation: { ...invitation, sentAt }, link: null };
  }

  async function checkNoMember(organizationId: string, email: string): Promise<void> {
    const known = await store.accounts.findUserByLogin(email);
    if (known === null || roleIn(known, organizationId) === undefined) return;
    throw conflict({ code: "already_member", message: `${email} belongs to the organisation already.` });
  }

  /** Counted and stored by one at a time, so that the cap holds. */
  async function insert(invitation: Invitation): Promise<void> {
    const { organizationId, email } = invitation;
    await store.invitations.deleteExpired(organizationId, email);
    if ((await store.invitations.count(organizationId)) >= maxPending) {
      const message = `${maxPending} invitations are open; wait until some are accepted, or revoke some.`;
      throw conflict({ code: "too_many_invitations", message });
    }
    await store.invitations.insert(invitation).catch((error: unknown) => {
      if (!isDuplicateKey(error)) throw error;
      const message = `${email} is invited already; send that invitation again, or revoke it first.`;
      throw conflict({ code: "already_invited", message });
    });
  }

  async function find(acting: MemberActing, id: string): Promise<Invitation> {
    const found = await store.invitations.find(acting.caller.organizationId, id);
    if (found === null) throw missing();
    checkReach(acting.caller, found.role);
    return found;
  }

  return {
    async create(acting: MemberActing, input: { email: string; role: Role }): Promise<Offer> {
      const { organizationId, userId, username } = acting.caller;
      checkReach(acting.caller, input.role);
      await checkNoMember(organizationId, input.email);
      const token = newToken("rci");
      const now = Date.now();
      const invitation: Invitation = {
        _id: newId("inv"),
        organizationId,
        ...input,
        tokenHash: hashToken(token),
        invitedBy: { id: userId, name: username },
        sentAt: null,
        claimedUntil: null,
        createdAt: new Date(now),
        expiresAt: new Date(now + lifetimeMs),
      };
      await exclusively(`invitations:${organizationId}`, () => insert(invitation));
      const offer = await deliver(invitation, token).catch(async (error: unknown) => {
        // Nobody has the link: the address can be invited again at once.
        await store.invitations.delete(organizationId, invitation._id);
        throw error;
      });
      await audit.record(acting, {
        organizationId,
        kind: "invitation.created",
        message: `${input.email} was invited as ${input.role}.`,
        details: { invitationId: invitation._id, after: input, isMailed: offer.link === null },
      });
      return offer;
    },

    list: (caller: Member, page: { limit: number; cursor?: string | undefined }): Promise<Page<Invitation>> =>
      readPage({
        kind: "invitations",
        limit: page.limit,
        cursor: page.cursor,
        read: (before, limit) =>
          store.invitations.list(caller.organizationId, {
            limit,
            ...(before === undefined ? {} : { before }),
          }),
        positionOf: (invitation) => invitation._id,
      }),

    /** A new link for another seven days; the one before is worthless from now on. */
    async resend(acting: MemberActing, id: string): Promise<Offer> {
      const { organizationId } = acting.caller;
      const before = await find(acting, id);
      const token = newToken("rci");
      const renewed = await store.invitations.renew(organizationId, id, {
        tokenHash: hashToken(token),
        expiresAt: new Date(Date.now() + lifetimeMs),
        sentAt: null,
      });
      if (renewed === null) throw missing();
      await audit.record(acting, {
        organizationId,
        kind: "invitation.renewed",
        message: `The invitation of ${renewed.email} was renewed.`,
        details: {
          invitationId: id,
          before: { expiresAt: before.expiresAt },
          after: { expiresAt: renewed.expiresAt },
        },
      });
      return deliver(renewed, token);
    },

    async revoke(acting: MemberActing, id: string): Promise<void> {
      const { organizationId } = acting.caller;
      const { email, role } = await find(acting, id);
      if (!(await store.invitations.delete(organizationId, id))) return;
      await audit.record(acting, {
        organizationId,
        kind: "invitation.revoked",
        message: `The invitation of ${email} was revoked.`,
        details: { invitationId: id, before: { email, role } },
      });
    },
  };
}
