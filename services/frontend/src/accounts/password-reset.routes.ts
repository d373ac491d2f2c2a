import { z } from "zod";
import { newPasswordField } from "../auth/password.ts";
import { idParams } from "../http/fields.ts";
import { defineAccountRoute, definePublicRoute, type Route } from "../http/route.ts";
import { emailField, linkTokenField } from "./account-fields.ts";
import type { PasswordResetService } from "./password-reset.service.ts";

const tag = "Account";
const params = idParams("usr");

export function passwordResetRoutes({ passwordReset }: { passwordReset: PasswordResetService }): Route[] {
  return [
    definePublicRoute({
      method: "post",
      path: "/password-reset",
      id: "requestPasswordReset",
      tag,
      summary: "Have a link mailed to reset a forgotten password",
      description:
        "The answer is the same whether somebody has the address or not. The link is good for an hour.",
      access: "public",
      body: z.strictObject({ email: emailField }),
      success: { status: 202, about: "Mailed, where the address is somebody's.", schema: z.object({}) },
      problems: [409, 429],
      async handler({ body, context }) {
        await passwordReset.request(body.email, context);
        return { body: {} };
      },
    }),
    definePublicRoute({
      method: "post",
      path: "/password-reset/complete",
      id: "completePasswordReset",
      tag,
      summary: "Set a new password by the token of the link",
      description: "All sessions of the account end. A second factor is still asked for at the next sign-in.",
      access: "public",
      body: z.strictObject({ token: linkTokenField, newPassword: newPasswordField }),
      success: { status: 204, about: "Set." },
      problems: [404, 429, 503],
      async handler({ body, context }) {
        await passwordReset.complete(body, context);
        return { body: undefined };
      },
    }),
    defineAccountRoute({
      method: "post",
      path: "/platform/users/{id}/password-reset-link",
      id: "createPasswordResetLink",
      tag: "Platform",
      summary: "Make a link for somebody who forgot the password",
      description: "To hand on to the person, in a way that nobody else reads. Good once, for an hour.",
      access: "platform-admin",
      sessionOnly: true,
      params,
      success: {
        status: 201,
        about: "Made. Shown this once.",
        schema: z.object({
          url: z.string().describe("Without scheme and host where the console's address is not configured."),
          expiresAt: z.iso.datetime(),
        }),
      },
      problems: [404, 409],
      async handler({ caller, params: { id }, context }) {
        const { url, expiresAt } = await passwordReset.createLink({ caller, context }, id);
        return { body: { url, expiresAt: expiresAt.toISOString() } };
      },
    }),
    defineAccountRoute({
      method: "delete",
      path: "/platform/users/{id}/second-factor",
      id: "removeSecondFactor",
      tag: "Platform",
      summary: "Turn somebody's second factor off",
      description: "For who lost the phone and the recovery codes. The password is still asked for.",
      access: "platform-admin",
      sessionOnly: true,
      params,
      success: { status: 204, about: "Off from now." },
      problems: [404, 409],
      async handler({ caller, params: { id }, context }) {
        await passwordReset.removeSecondFactor({ caller, context }, id);
        return { body: undefined };
      },
    }),
  ];
}
