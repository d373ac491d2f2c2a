import type { Organization } from "@rciots/store";
import { z } from "zod";
import { titleField } from "../http/fields.ts";
import { defineAccountRoute, defineRoute, type Route } from "../http/route.ts";
import type { MembersService } from "../members/members.service.ts";
import type { OrganizationService } from "./organization.service.ts";

export const organizationSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    status: z.enum(["active", "suspended"]),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: "Organization" });

export const viewOrganization = ({
  _id,
  name,
  status,
  createdAt,
}: Organization): z.input<typeof organizationSchema> => ({
  id: _id,
  name,
  status,
  createdAt: createdAt.toISOString(),
});

const tag = "Organisation";

export function organizationRoutes({
  organizations,
  members,
}: {
  organizations: OrganizationService;
  members: Pick<MembersService, "leave">;
}): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/organization",
      id: "getOrganization",
      tag,
      summary: "The organisation of this request",
      access: "viewer",
      success: { status: 200, about: "The organisation.", schema: organizationSchema },
      async handler({ caller }) {
        return { body: viewOrganization(await organizations.get(caller.organizationId)) };
      },
    }),
    defineRoute({
      method: "patch",
      path: "/organization",
      id: "updateOrganization",
      tag,
      summary: "Rename the organisation",
      access: "admin",
      body: z.strictObject({ name: titleField }),
      success: { status: 200, about: "Renamed.", schema: organizationSchema },
      problems: [409],
      async handler({ caller, body, context }) {
        return { body: viewOrganization(await organizations.rename({ caller, context }, body.name)) };
      },
    }),
    defineRoute({
      method: "post",
      path: "/organization/leave",
      id: "leaveOrganization",
      tag,
      summary: "Leave the organisation",
      description:
        "Your API tokens in it stop working, your invitations are revoked. The last owner can't leave.",
      access: "viewer",
      sessionOnly: true,
      success: { status: 204, about: "Left." },
      problems: [409],
      async handler({ caller, context }) {
        await members.leave({ caller, context });
        return { body: undefined };
      },
    }),
    defineRoute({
      method: "post",
      path: "/organization/certificate-authority/rotate",
      id: "rotateCertificateAuthority",
      tag,
      summary: "Make a new intermediate certificate authority",
      description: "Certificates of the old one stay good until they expire; renewals come from the new one.",
      access: "owner",
      success: {
        status: 202,
        about: "Will be made within moments.",
        schema: z.object({ requested: z.boolean() }),
      },
      problems: [409],
      async handler({ caller, context }) {
        await organizations.rotateAuthority({ caller, context });
        return { body: { requested: true } };
      },
    }),
    defineAccountRoute({
      method: "post",
      path: "/organizations",
      id: "createOrganization",
      tag,
      summary: "Create an organisation of your own",
      description:
        "Where sign-up is closed, for administrators of the platform only. Nobody else owns more than twenty.",
      access: "signed-in",
      sessionOnly: true,
      body: z.strictObject({ name: titleField }),
      success: { status: 201, about: "Created.", schema: organizationSchema },
      problems: [409],
      async handler({ caller, body, context }) {
        return { body: viewOrganization(await organizations.create({ caller, context }, body.name)) };
      },
    }),
  ];
}
