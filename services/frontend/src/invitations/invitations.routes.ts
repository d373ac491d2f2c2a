import type { Invitation } from "@rciots/store";
import { z } from "zod";
import { emailField, linkTokenField, usernameField } from "../accounts/account-fields.ts";
import { newPasswordField } from "../auth/password.ts";
import { mapPage, pageOf, pageQuery } from "../http/cursor.ts";
import { dateOrNull, idParams, isoOrNull, roleField } from "../http/fields.ts";
import { defineAccountRoute, definePublicRoute, defineRoute, type Route } from "../http/route.ts";
import type { AcceptanceService, OpenInvitation } from "./acceptance.service.ts";
import type { InvitationsService, Offer } from "./invitations.service.ts";

const invitationSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    role: roleField,
    status: z.enum(["pending", "expired"]),
    invitedBy: z.object({ id: z.string(), name: z.string() }),
    sentAt: dateOrNull.describe("When the link was mailed; null where it was handed over."),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: "Invitation" });

const offerSchema = invitationSchema.extend({
  link: z
    .string()
    .nullable()
    .describe(
      "To be handed over, shown this once; null where it was mailed. A path where no console URL is set.",
    ),
});

const openSchema = z
  .object({
    organization: z.object({ id: z.string(), name: z.string() }),
    email: z.string(),
    role: roleField,
    invitedBy: z.string(),
    expiresAt: z.iso.datetime(),
    needsAccount: z.boolean().describe("Whether there is no account of this e-mail address yet."),
  })
  .meta({ id: "OpenInvitation" });

const membershipSchema = z.object({
  organization: z.object({ id: z.string(), name: z.string() }),
  role: roleField,
});

const tokenField = linkTokenField.describe("What is behind `#token=` in the link.");

function view(invitation: Invitation): z.input<typeof invitationSchema> {
  return {
    id: invitation._id,
    email: invitation.email,
    role: invitation.role,
    status: invitation.expiresAt.getTime() > Date.now() ? "pending" : "expired",
    invitedBy: invitation.invitedBy,
    sentAt: isoOrNull(invitation.sentAt),
    createdAt: invitation.createdAt.toISOString(),
    expiresAt: invitation.expiresAt.toISOString(),
  };
}

const viewOffer = ({ invitation, link }: Offer) => ({ ...view(invitation), link });
const viewOrganization = ({ organization: { _id, name } }: OpenInvitation) => ({ id: _id, name });

function viewOpen(opened: OpenInvitation): z.input<typeof openSchema> {
  const { email, role, invitedBy, expiresAt } = opened.invitation;
  return {
    organization: viewOrganization(opened),
    email,
    role,
    invitedBy: invitedBy.name,
    expiresAt: expiresAt.toISOString(),
    needsAccount: opened.needsAccount,
  };
}

const viewMembership = (opened: OpenInvitation): z.input<typeof membershipSchema> => ({
  organization: viewOrganization(opened),
  role: opened.invitation.role,
});

const tag = "Invitations";
const params = idParams("inv");

function adminRoutes(invitations: InvitationsService): Route[] {
  return [
    defineRoute({
      method: "post",
      path: "/invitations",
      id: "createInvitation",
      tag,
      summary: "Invite somebody by e-mail address",
      description:
        "The link is good for seven days, works once, and for this address only. It is mailed where the platform can " +
        "send mail, else answered for you to hand over. Nobody can give a role above the own one.",
      access: "admin",
      sessionOnly: true,
      body: z.strictObject({ email: emailField, role: roleField }),
      success: { status: 201, about: "Invited.", schema: offerSchema },
      problems: [409, 502, 503],
      async handler({ caller, body, context }) {
        return { body: viewOffer(await invitations.create({ caller, context }, body)) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/invitations",
      id: "listInvitations",
      tag,
      summary: "List open and expired invitations",
      access: "admin",
      query: z.strictObject(pageQuery),
      success: { status: 200, about: "A page, newest first.", schema: pageOf(invitationSchema) },
      async handler({ caller, query }) {
        return { body: mapPage(await invitations.list(caller, query), view) };
      },
    }),
    defineRoute({
      method: "post",
      path: "/invitations/{id}/resend",
      id: "resendInvitation",
      tag,
      summary: "Send an invitation again",
      description: "With a new link for another seven days; the one before stops working.",
      access: "admin",
      sessionOnly: true,
      params,
      success: { status: 200, about: "Sent, or answered to be handed over.", schema: offerSchema },
      problems: [404, 502, 503],
      async handler({ caller, params: { id }, context }) {
        return { body: viewOffer(await invitations.resend({ caller, context }, id)) };
      },
    }),
    defineRoute({
      method: "delete",
      path: "/invitations/{id}",
      id: "revokeInvitation",
      tag,
      summary: "Revoke an invitation; its link stops working at once",
      access: "admin",
      sessionOnly: true,
      params,
      success: { status: 204, about: "Revoked." },
      problems: [404],
      async handler({ caller, params: { id }, context }) {
        await invitations.revoke({ caller, context }, id);
        return { body: undefined };
      },
    }),
  ];
}

function acceptanceRoutes(acceptance: AcceptanceService): Route[] {
  return [
    definePublicRoute({
      method: "post",
      path: "/invitations/inspect",
      id: "inspectInvitation",
      tag,
      summary: "See what an invitation offers",
      access: "public",
      body: z.strictObject({ token: tokenField }),
      success: { status: 200, about: "It is good.", schema: openSchema },
      problems: [403, 404, 429],
      async handler({ body, context }) {
        return { body: viewOpen(await acceptance.inspect(body.token, context)) };
      },
    }),
    defineAccountRoute({
      method: "post",
      path: "/invitations/accept",
      id: "acceptInvitation",
      tag,
      summary: "Accept an invitation with the account you are signed in with",
      description: "Its e-mail address must be the one that was invited.",
      access: "signed-in",
      sessionOnly: true,
      body: z.strictObject({ token: tokenField }),
      success: { status: 200, about: "You belong to the organisation.", schema: membershipSchema },
      problems: [404, 409, 429],
      async handler({ caller, body, context }) {
        return { body: viewMembership(await acceptance.accept({ caller, context }, body.token)) };
      },
    }),
    definePublicRoute({
      method: "post",
      path: "/invitations/accept-with-account",
      id: "acceptInvitationWithAccount",
      tag,
      summary: "Accept an invitation with a new account",
      description: "Also where sign-up is closed. The account's e-mail address is the one that was invited.",
      access: "public",
      body: z.strictObject({ token: tokenField, username: usernameField, password: newPasswordField }),
      success: { status: 201, about: "The account is made; sign in with it.", schema: membershipSchema },
      problems: [403, 404, 409, 429, 503],
      async handler({ body, context }) {
        return { body: viewMembership(await acceptance.acceptWithAccount(body, context)) };
      },
    }),
  ];
}

export function invitationRoutes(services: {
  invitations: InvitationsService;
  acceptance: AcceptanceService;
}): Route[] {
  return [...adminRoutes(services.invitations), ...acceptanceRoutes(services.acceptance)];
}
