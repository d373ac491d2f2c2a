import type { Role, User } from "@rciots/store";
import { z } from "zod";
import { emailField, usernameField } from "../accounts/account-fields.ts";
import { hasRole, type Member } from "../auth/caller.ts";
import { newPasswordField } from "../auth/password.ts";
import { secondFactorOf } from "../auth/second-factor.service.ts";
import { mapPage, pageOf, pageQuery } from "../http/cursor.ts";
import { idParams, roleField } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { roleIn, type MembersService } from "./members.service.ts";

const memberSchema = z
  .object({
    id: z.string(),
    username: z.string(),
    email: z.string(),
    role: roleField,
    status: z.enum(["active", "disabled"]),
    secondFactor: z
      .boolean()
      .nullable()
      .describe("Whether signing in takes a code beside the password; null for who is no admin."),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: "Member" });

/** Whose account is the easier one to break into is for admins alone. */
const view = ({ user, role }: { user: User; role: Role }, caller: Member): z.input<typeof memberSchema> => ({
  id: user._id,
  username: user.username,
  email: user.email,
  role,
  status: user.status,
  secondFactor: hasRole(caller.role, "admin") ? secondFactorOf(user) !== undefined : null,
  createdAt: user.createdAt.toISOString(),
});

const tag = "Members";
const params = idParams("usr");

export function memberRoutes({ members }: { members: MembersService }): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/members",
      id: "listMembers",
      tag,
      summary: "List the people of the organisation",
      access: "viewer",
      query: z.strictObject(pageQuery),
      success: { status: 200, about: "A page.", schema: pageOf(memberSchema) },
      async handler({ caller, query }) {
        const page = await members.list(caller, query);
        return {
          body: mapPage(page, (user) =>
            view({ user, role: roleIn(user, caller.organizationId) ?? "viewer" }, caller),
          ),
        };
      },
    }),
    defineRoute({
      method: "post",
      path: "/members",
      id: "createMember",
      tag,
      summary: "Create an account in the organisation",
      description: "Nobody can give a role above the own one.",
      access: "admin",
      sessionOnly: true,
      body: z.strictObject({
        username: usernameField,
        email: emailField,
        password: newPasswordField,
        role: roleField,
      }),
      success: { status: 201, about: "Created.", schema: memberSchema },
      problems: [409, 503],
      async handler({ caller, body, context }) {
        return { body: view(await members.create({ caller, context }, body), caller) };
      },
    }),
    defineRoute({
      method: "patch",
      path: "/members/{id}",
      id: "setMemberRole",
      tag,
      summary: "Change a member's role",
      access: "admin",
      sessionOnly: true,
      params,
      body: z.strictObject({ role: roleField }),
      success: { status: 200, about: "Changed.", schema: memberSchema },
      problems: [404, 409],
      async handler({ caller, params: { id }, body, context }) {
        return { body: view(await members.setRole({ caller, context }, id, body.role), caller) };
      },
    }),
    defineRoute({
      method: "delete",
      path: "/members/{id}",
      id: "removeMember",
      tag,
      summary: "Remove somebody from the organisation",
      description:
        "The API tokens of this membership stop working at once; invitations from this person are revoked.",
      access: "admin",
      sessionOnly: true,
      params,
      success: { status: 204, about: "Removed." },
      problems: [404, 409],
      async handler({ caller, params: { id }, context }) {
        await members.remove({ caller, context }, id);
        return { body: undefined };
      },
    }),
  ];
}
