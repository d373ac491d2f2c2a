import type { Session } from "@rciots/store";
import { z } from "zod";
import { passwordField, secondFactorCodeField } from "../accounts/account-fields.ts";
import { dateOrNull, isoOrNull } from "../http/fields.ts";
import { defineAccountRoute, definePublicRoute, type Route } from "../http/route.ts";
import { secondFactorOf } from "./second-factor.service.ts";
import { csrfTokenOf, sessionCookie } from "./session-cookie.ts";
import { maxSessions, sessionIdOf, type Account, type SessionsService } from "./sessions.service.ts";

const roleField = z.enum(["owner", "admin", "operator", "viewer"]);

export const accountSchema = z
  .object({
    id: z.string(),
    username: z.string(),
    email: z.string(),
    isPlatformAdmin: z.boolean(),
    secondFactor: z.boolean().describe("Whether signing in takes a code beside the password."),
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

const sessionSchema = z
  .object({
    id: z.string(),
    createdAt: z.iso.datetime(),
    lastUsedAt: dateOrNull.describe("To the minute."),
    expiresAt: z.iso.datetime(),
    address: z.string().nullable().describe("Where it was opened from."),
    userAgent: z.string().nullable(),
    isCurrent: z.boolean().describe("Whether it is the one of this call."),
  })
  .meta({ id: "Session" });

function viewSession(session: Session, currentHash: string | null): z.input<typeof sessionSchema> {
  return {
    id: sessionIdOf(session._id),
    createdAt: session.createdAt.toISOString(),
    lastUsedAt: isoOrNull(session.lastUsedAt ?? null),
    expiresAt: session.expiresAt.toISOString(),
    address: session.address ?? null,
    userAgent: session.userAgent ?? null,
    isCurrent: session._id === currentHash,
  };
}

const loginBody = z
  .strictObject({
    username: z.string().min(1).max(254).optional().describe("Or the e-mail address."),
    email: z.string().min(1).max(254).optional(),
    password: passwordField,
    code: secondFactorCodeField.optional().describe("Where the account has a second factor."),
  })
  .refine((body) => (body.username === undefined) !== (body.email === undefined), "give username or email");

const tag = "Account";

export function viewAccount({ user, organizations }: Account): z.input<typeof accountSchema> {
  const byId = new Map(organizations.map((organization) => [organization._id, organization]));
  return {
    id: user._id,
    username: user.username,
    email: user.email,
    isPlatformAdmin: user.isPlatformAdmin,
    secondFactor: secondFactorOf(user) !== undefined,
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
        "writes that rely on the cookie must send `csrfToken` as `X-CSRF-Token`. A 401 `second_factor_required` " +
        "means: the password is right, call again with `code`.",
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
          { login, password: body.password, code: body.code },
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
      path: "/me/sessions",
      id: "listSessions",
      tag,
      summary: "List the own sessions",
      access: "signed-in",
      sessionOnly: true,
      success: {
        status: 200,
        about: `All of them, at most ${maxSessions}, the newest first.`,
        schema: z.object({ items: z.array(sessionSchema) }),
      },
      async handler({ caller }) {
        const items = await sessions.list(caller);
        return { body: { items: items.map((session) => viewSession(session, caller.sessionHash)) } };
      },
    }),
    defineAccountRoute({
      method: "delete",
      path: "/me/sessions/{id}",
      id: "revokeSession",
      tag,
      summary: "End one of the own sessions",
      access: "signed-in",
      sessionOnly: true,
      params: z.strictObject({ id: z.string().regex(/^[0-9a-f]{32}$/, "must be the id of a session") }),
      success: { status: 204, about: "Ended." },
      problems: [404],
      async handler({ caller, params, context }) {
        await sessions.revoke(caller, params.id, context);
        return { body: undefined };
      },
    }),
    defineAccountRoute({
      method: "delete",
      path: "/me/sessions",
      id: "revokeOtherSessions",
      tag,
      summary: "End all own sessions but this one",
      access: "signed-in",
      sessionOnly: true,
      success: { status: 204, about: "Ended." },
      async handler({ caller, context }) {
        await sessions.revokeOthers(caller, context);
        return { body: undefined };
      },
    }),
  ];
}
