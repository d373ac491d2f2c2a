import { z } from "zod";
import { scopes } from "../auth/caller.ts";
import { mapPage, pageOf, pageQuery } from "../http/cursor.ts";
import { dateOrNull, expiryField, idParams, isoOrNull, titleField } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { maxLifetimeMs, type ApiTokensService, type OwnedToken } from "./api-tokens.service.ts";

const apiTokenSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    userId: z.string(),
    username: z.string().describe("Whose it is."),
    scopes: z.array(z.string()),
    expiresAt: dateOrNull,
    lastUsedAt: dateOrNull.describe("To the minute."),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: "ApiToken" });

function view({ token, username }: OwnedToken): z.input<typeof apiTokenSchema> {
  return {
    id: token._id,
    name: token.name,
    userId: token.userId,
    username,
    scopes: token.scopes,
    expiresAt: isoOrNull(token.expiresAt),
    lastUsedAt: isoOrNull(token.lastUsedAt),
    createdAt: token.createdAt.toISOString(),
  };
}

const tag = "API tokens";

export function apiTokenRoutes({ apiTokens }: { apiTokens: ApiTokensService }): Route[] {
  return [
    defineRoute({
      method: "post",
      path: "/api-tokens",
      id: "createApiToken",
      tag,
      summary: "Create an API token for this organisation",
      description:
        "`read` may look, `write` may also do what an operator may, `admin` all that you may; never more than " +
        "your own role. The token is shown this once.",
      access: "viewer",
      sessionOnly: true,
      body: z.strictObject({
        name: titleField,
        scopes: z.array(z.enum(scopes)).min(1).max(scopes.length),
        expiresAt: expiryField
          .refine((text) => Date.parse(text) - Date.now() <= maxLifetimeMs, "must be within two years")
          .nullable()
          .optional()
          .describe("Within two years. Absent: in 90 days; null: never."),
      }),
      success: { status: 201, about: "Created.", schema: apiTokenSchema.extend({ token: z.string() }) },
      problems: [409],
      async handler({ caller, body, context }) {
        const expiresAt = typeof body.expiresAt === "string" ? new Date(body.expiresAt) : body.expiresAt;
        const { token, stored } = await apiTokens.create({ caller, context }, { ...body, expiresAt });
        return { body: { ...view({ token: stored, username: caller.username }), token } };
      },
    }),
    defineRoute({
      method: "get",
      path: "/api-tokens",
      id: "listApiTokens",
      tag,
      summary: "List API tokens: your own, or as an admin all of the organisation",
      access: "viewer",
      query: z.strictObject(pageQuery),
      success: { status: 200, about: "A page, newest first.", schema: pageOf(apiTokenSchema) },
      async handler({ caller, query }) {
        return { body: mapPage(await apiTokens.list(caller, query), view) };
      },
    }),
    defineRoute({
      method: "delete",
      path: "/api-tokens/{id}",
      id: "revokeApiToken",
      tag,
      summary: "Revoke an API token; it stops working at once",
      description: "Your own, or as an admin anybody's.",
      access: "viewer",
      sessionOnly: true,
      params: idParams("tok"),
      success: { status: 204, about: "Revoked." },
      problems: [404],
      async handler({ caller, params, context }) {
        await apiTokens.revoke({ caller, context }, params.id);
        return { body: undefined };
      },
    }),
  ];
}
