import { z } from "zod";
import { defineAccountRoute, definePublicRoute, type Route } from "../http/route.ts";
import { newPasswordField } from "./password.ts";
import { csrfTokenOf, sessionCookie } from "./session-cookie.ts";
import type { Account, SessionsService } from "./sessions.service.ts";

const roleField = z.enum(["owner", "admin", "operator", "viewer"]);
const passwordField = z.string().min(1).max(256);

const accountSchema = z
  .object({
    id: z.string(),
    username: z.string(),
    email: z.string(),
    isPlatformAdmin: z.boolean(),
    organizations: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        status: z.enum(["active", "suspended"]),
        role: roleField,
      }),
    ),
  })
  .meta({ id: "Account" });

const loginBody = z
  .strictObject({
    username: z.string().min(1).max(254).optional().describe("Or the e-mail address."),
    email: z.string().min(1).max(254).optional(),
    password: passwordField,
  })
  .refine((body) => (body.username === undefined) !== (body.email === undefined), "give username or email");

const tag = "Account";

function viewAccount({ user, organizations }: Account): z.input<typeof accountSchema> {
  const byId = new Map(organizations.map((organization) => [organization._id, organization]));
  return {
    id: user._id,
    username: user.username,
    email: user.email,
    isPlatformAdmin: user.isPlatformAdmin,
    organizations: user.memberships.flatMap(({ organizationId, role }) => {
      const organization = byId.get(organizationId);
      return organization === undefined
        ? []
        : [{ id: organizationId, name: organization.name, status: organization.status, role }];
    }),
  };
}

export function sessionRoutes({
  sessions,
  isHttps,
}: {
  sessions: SessionsService;
  isHttps: boolean;
}): Route[] {
  return [
    definePublicRoute({
      method: "post",
      path: "/login",
      id: "login",
      tag,
      summary: "Sign in",
      description:
        "The session token is for `Authorization: Bearer`. Browsers also get it as a cookie that scripts can't read; " +
        "writes that rely on the cookie must send `csrfToken` as `X-CSRF-Token`.",
      access: "public",
      body: loginBody,
      success: {
        status: 200,
        about: "Signed in.",
        schema: z.object({
          token: z.string(),
          csrfToken: z.string(),
          expiresAt: z.iso.datetime(),
          account: accountSchema,
        }),
      },
      problems: [401, 403, 429, 503],
      async handler({ body, context }) {
        const login = body.username ?? body.email ?? "";
        const { token, expiresAt, sessionMs, account } = await sessions.login(
          { login, password: body.password },
          context,
        );
        const cookie = sessionCookie(token, { maxAgeMs: sessionMs, isSecure: isHttps || context.isSecure });
        return {
          body: {
            token,
            csrfToken: csrfTokenOf(token),
            expiresAt: expiresAt.toISOString(),
            account: viewAccount(account),
          },
          headers: { "set-cookie": cookie },
        };
      },
    }),
    defineAccountRoute({
      method: "post",
      path: "/logout",
      id: "logout",
      tag,
      summary: "End this session",
      access: "signed-in",
      success: { status: 204, about: "Signed out." },
      async handler({ caller, context }) {
        await sessions.logout(caller);
        const cookie = sessionCookie("", { maxAgeMs: 0, isSecure: isHttps || context.isSecure });
        return { body: undefined, headers: { "set-cookie": cookie } };
      },
    }),
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
          credential: z.enum(["session", "api-token"]),
          organizationId: z.string().nullable(),
          role: roleField.nullable(),
          csrfToken: z.string().nullable().describe("Only where the session cookie was sent."),
        }),
      },
      async handler({ caller, context }) {
        const account = viewAccount(await sessions.account(caller));
        const { kind, organizationId, role } = caller;
        return {
          body: { ...account, credential: kind, organizationId, role, csrfToken: context.csrfToken },
        };
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
        await sessions.changePassword(caller, body, context);
        return { body: undefined };
      },
    }),
  ];
}
