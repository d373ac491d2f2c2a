import type { Invitation } from "@rciots/store";
import type { Mail } from "../mail/mailer.ts";

/** The mail with the link. Names are one line each, as the API takes them. */
export function invitationMail(options: {
  invitation: Pick<Invitation, "email" | "role" | "invitedBy" | "expiresAt">;
  organizationName: string;
  link: string;
}): Mail {
  const { invitation, organizationName, link } = options;
  return {
    to: invitation.email,
    subject: `Invitation to ${organizationName}`,
    text: [
      `${invitation.invitedBy.name} invites you to join the organisation ${organizationName} as ${invitation.role}.`,
      "",
      "To accept, open this link:",
      "",
      link,
      "",
      `It works once, until ${invitation.expiresAt.toUTCString()}. Whoever has it can join in your place: don't pass it on.`,
      "If you did not expect this mail, you need not do anything.",
      "",
    ].join("\n"),
  };
}
