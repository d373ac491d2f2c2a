import { z } from "zod";
import { newPasswordField } from "../auth/password.ts";
import { titleField } from "../http/fields.ts";
import { definePublicRoute, type Route } from "../http/route.ts";
import { emailField, linkTokenField, usernameField } from "./account-fields.ts";
import type { SignUpService } from "./sign-up.service.ts";

const tag = "Account";

export function signUpRoutes({ signUps }: { signUps: SignUpService }): Route[] {
  return [
    definePublicRoute({
      method: "get",
      path: "/signin-options",
      id: "getSigninOptions",
      tag,
      summary: "What the sign-in page may offer",
      access: "public",
      success: {
        status: 200,
        about: "Whether people may create their own accounts, and whether the platform sends mail.",
        schema: z.object({ signup: z.enum(["open", "closed"]), mail: z.boolean() }),
      },
      async handler() {
        const signup = signUps.isOpen ? ("open" as const) : ("closed" as const);
        return { body: { signup, mail: signUps.sendsMail } };
      },
    }),
    definePublicRoute({
      method: "post",
      path: "/signup",
      id: "signUp",
      tag,
      summary: "Create an account, and an organisation of one's own",
      description:
        "Where the platform sends mail, the account is created by the link that is mailed; the answer is the same " +
        "where somebody has the address already. Without mail it is there at once: `created`.",
      access: "public",
      body: z.strictObject({
        email: emailField,
        username: usernameField,
        password: newPasswordField,
        organizationName: titleField.optional(),
      }),
      success: { status: 202, about: "Mailed, or created.", schema: z.object({ created: z.boolean() }) },
      problems: [403, 409, 429, 503],
      async handler({ body, context }) {
        return { body: { created: await signUps.signUp(body, context) } };
      },
    }),
    definePublicRoute({
      method: "post",
      path: "/signup/resend",
      id: "resendSignUp",
      tag,
      summary: "Have the link of a sign-up mailed again",
      description:
        "The answer is the same whether a sign-up waits or not. The link before is worthless then.",
      access: "public",
      body: z.strictObject({ email: emailField }),
      success: { status: 202, about: "Mailed, where a sign-up waits.", schema: z.object({}) },
      problems: [429],
      async handler({ body, context }) {
        await signUps.resend(body.email, context);
        return { body: {} };
      },
    }),
    definePublicRoute({
      method: "post",
      path: "/signup/confirm",
      id: "confirmSignUp",
      tag,
      summary: "Create the account by the token of the mailed link",
      access: "public",
      body: z.strictObject({ token: linkTokenField }),
      success: {
        status: 201,
        about: "Created; sign in with the password that was chosen.",
        schema: z.object({ username: z.string() }),
      },
      problems: [404, 409, 429],
      async handler({ body, context }) {
        const { username } = await signUps.confirm(body.token, context);
        return { body: { username } };
      },
    }),
  ];
}
