import type { UserFilter } from "@rciots/store";
import { z } from "zod";
import { mapPage, pageOf, pageQuery } from "../http/cursor.ts";
import { idParams, roleField } from "../http/fields.ts";
import { defineAccountRoute, type Route } from "../http/route.ts";
import { nameSearch } from "../http/search.ts";
import { platformLimitField, searchField } from "./platform-fields.ts";
import type { KnownUser, PlatformUsersService } from "./platform-users.service.ts";

const statusField = z.enum(["active", "disabled"]);

const userSchema = z
  .object({
    id: z.string(),
    username: z.string(),
    email: z.string(),
    status: statusField,
    isPlatformAdmin: z.boolean(),
    hasSecondFactor: z.boolean(),
    memberships: z.array(z.object({ organizationId: z.string(), name: z.string(), role: roleField })),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: "PlatformUser" });

function view({ user, organizationNames }: KnownUser): z.input<typeof userSchema> {
  return {
    id: user._id,
    username: user.username,
    email: user.email,
    status: user.status,
    isPlatformAdmin: user.isPlatformAdmin,
    hasSecondFactor: (user.secondFactor?.confirmedAt ?? null) !== null,
    memberships: user.memberships.flatMap(({ organizationId, role }) => {
      const name = organizationNames.get(organizationId);
      return name === undefined ? [] : [{ organizationId, name, role }];
    }),
    createdAt: user.createdAt.toISOString(),
  };
}

const tag = "Platform";

export function platformUserRoutes({ users }: { users: PlatformUsersService }): Route[] {
  return [
    defineAccountRoute({
      method: "get",
      path: "/platform/users",
      id: "listPlatformUsers",
      tag,
      summary: "List all people of the platform",
      access: "platform-admin",
      query: z.strictObject({
        ...pageQuery,
        limit: platformLimitField,
        q: searchField.describe("Part of the user name or the e-mail address, in any case."),
        status: statusField.optional(),
      }),
      success: { status: 200, about: "A page, oldest first.", schema: pageOf(userSchema) },
      async handler({ query: { q, status, ...page } }) {
        const filter: UserFilter = {
          ...(q === undefined ? {} : { nameMatches: nameSearch(q, "any-case") }),
          ...(status === undefined ? {} : { status }),
        };
        return { body: mapPage(await users.list(filter, page), view) };
      },
    }),
    defineAccountRoute({
      method: "patch",
      path: "/platform/users/{id}",
      id: "updatePlatformUser",
      tag,
      summary: "Disable or enable a person, make or unmake an administrator of the platform",
      description:
        "Disabling ends the person's sessions at once, and no API token of theirs is taken until they are enabled. " +
        "Nobody changes their own account this way, and an administrator always remains.",
      access: "platform-admin",
      sessionOnly: true,
      params: idParams("usr"),
      body: z
        .strictObject({ status: statusField.optional(), isPlatformAdmin: z.boolean().optional() })
        .refine((body) => Object.keys(body).length > 0, "give status or isPlatformAdmin"),
      success: { status: 200, about: "Changed.", schema: userSchema },
      problems: [404, 409],
      async handler({ caller, params, body, context }) {
        const { status, isPlatformAdmin } = body;
        const change = {
          ...(status === undefined ? {} : { status }),
          ...(isPlatformAdmin === undefined ? {} : { isPlatformAdmin }),
        };
        return { body: view(await users.change({ caller, context }, params.id, change)) };
      },
    }),
  ];
}
