import { z } from "zod";
import { newPasswordField } from "../auth/password.ts";
import { accountSchema, viewAccount } from "../auth/sessions.routes.ts";
import type { SessionsService } from "../auth/sessions.service.ts";
import { defineAccountRoute, definePublicRoute, type Route } from "../http/route.ts";
import { emailField, linkTokenField, passwordField, usernameField } from "./account-fields.ts";
import type { NamesService } from "./names.service.ts";
import type { ProfileService } from "./profile.service.ts";

const roleField = z.enum(["owner", "admin", "operator", "viewer"]);
const pendingEmailField = z
  .string()
  .nullable()
  .describe("A new address that waits for the link that was mailed to it.");
const tag = "Account";

export function profileRoutes({
  sessions,
  names,
  profile,
}: {
  sessions: SessionsService;
  names: NamesService;
  profile: ProfileService;
}): Route[] {
  return [
    defineAccountRoute({
      method: "get",
      path: "/me",
      id: "getAccount",
      tag,
      summary: "Who am I, and where",
      access: "signed-in",
      success: {
        status: 200,
        about: "The account, and what this very credential may do in the organisation chosen.",
        schema: accountSchema.extend({
          pendingEmail: pendingEmailField,
          credential: z.enum(["session", "api-token"]),
          organizationId: z.string().nullable(),
          role: roleField.nullable(),
          csrfToken: z.string().nullable().describe("Only where the session cookie was sent."),
        }),
      },
      async handler({ caller, context }) {
        const account = viewAccount(await sessions.account(caller));
        const pendingEmail = await names.pendingEmail(caller);
        const { kind, organizationId, role } = caller;
        const { csrfToken } = context;
        return { body: { ...account, pendingEmail, credential: kind, organizationId, role, csrfToken } };
      },
    }),
    defineAccountRoute({
      method: "patch",
      path: "/me",
      id: "updateAccount",
      tag,
      summary: "Change the own user name or e-mail address",
      description:
        "The address takes the password. Where the platform sends mail, it is changed by the link that is mailed to " +
        "it (`pendingEmail`); the answer is the same where somebody else has it.",
      access: "signed-in",
      sessionOnly: true,
      body: z
        .strictObject({
          username: usernameField.optional(),
          email: emailField.optional(),
          password: passwordField.optional().describe("The current one; for the e-mail address."),
        })
        .refine(
          ({ username, email }) => username !== undefined || email !== undefined,
          "give username, email or both",
        ),
      success: {
        status: 200,
        about: "Changed, or mailed.",
        schema: accountSchema.extend({ pendingEmail: pendingEmailField }),
      },
      problems: [409, 429, 503],
      async handler({ caller, body, context }) {
        const { mailedTo } = await names.update(caller, body, context);
        return { body: { ...viewAccount(await sessions.account(caller)), pendingEmail: mailedTo } };
      },
    }),
    definePublicRoute({
      method: "post",
      path: "/email-change/complete",
      id: "completeEmailChange",
      tag,
      summary: "Confirm a new e-mail address by the token of the mailed link",
      access: "public",
      body: z.strictObject({ token: linkTokenField }),
      success: { status: 204, about: "Changed." },
      problems: [404, 409, 429],
      async handler({ body, context }) {
        await names.completeEmailChange(body.token, context);
        return { body: undefined };
      },
    }),
    defineAccountRoute({
      method: "post",
      path: "/me/password",
      id: "changePassword",
      tag,
      summary: "Change the own password",
      description: "All other sessions of the account end.",
      access: "signed-in",
      sessionOnly: true,
      body: z.strictObject({ currentPassword: passwordField, newPassword: newPasswordField }),
      success: { status: 204, about: "Changed." },
      problems: [429, 503],
      async handler({ caller, body, context }) {
        await profile.changePassword(caller, body, context);
        return { body: undefined };
      },
    }),
  ];
}
