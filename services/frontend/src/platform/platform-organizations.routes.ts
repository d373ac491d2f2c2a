import type { Organization, OrganizationCounts, OrganizationFilter } from "@rciots/store";
import { z } from "zod";
import type { AllowListsService } from "../allow-list/allow-lists.service.ts";
import { mapPage, pageOf, pageQuery } from "../http/cursor.ts";
import { idParams, titleField } from "../http/fields.ts";
import { defineAccountRoute, type Route } from "../http/route.ts";
import { nameSearch } from "../http/search.ts";
import { organizationSchema, viewOrganization } from "../organization/organization.routes.ts";
import type { OrganizationService } from "../organization/organization.service.ts";
import { platformLimitField, searchField } from "./platform-fields.ts";

const statusField = z.enum(["active", "suspended"]);
const countField = z.int().min(0);

const countedSchema = organizationSchema
  .extend({
    members: countField,
    devices: countField,
    online: countField.describe("Devices that are connected now."),
    hasAllowLists: z.boolean(),
  })
  .meta({ id: "PlatformOrganization" });

const viewCounted = ({
  organization,
  counts,
}: {
  organization: Organization;
  counts: OrganizationCounts;
}): z.input<typeof countedSchema> => ({
  ...viewOrganization(organization),
  ...counts,
  hasAllowLists:
    (organization.allowLists?.console.length ?? 0) + (organization.allowLists?.apiTokens.length ?? 0) > 0,
});

const tag = "Platform";
const params = idParams("org");

export function platformOrganizationRoutes({
  organizations,
  allowLists,
}: {
  organizations: OrganizationService;
  allowLists: AllowListsService;
}): Route[] {
  return [
    defineAccountRoute({
      method: "get",
      path: "/platform/organizations",
      id: "listOrganizations",
      tag,
      summary: "List all organisations of the platform",
      access: "platform-admin",
      query: z.strictObject({
        ...pageQuery,
        limit: platformLimitField,
        q: searchField.describe("Part of the name, in any case."),
        status: statusField.optional(),
      }),
      success: { status: 200, about: "A page, oldest first.", schema: pageOf(countedSchema) },
      async handler({ query: { q, status, ...page } }) {
        const filter: OrganizationFilter = {
          ...(q === undefined ? {} : { nameMatches: nameSearch(q, "any-case") }),
          ...(status === undefined ? {} : { status }),
        };
        return { body: mapPage(await organizations.list(filter, page), viewCounted) };
      },
    }),
    defineAccountRoute({
      method: "post",
      path: "/platform/organizations",
      id: "createPlatformOrganization",
      tag,
      summary: "Create an organisation, also by a program",
      description: "You are its first owner: invite another, then leave it.",
      access: "platform-admin",
      body: z.strictObject({ name: titleField }),
      success: { status: 201, about: "Created.", schema: organizationSchema },
      problems: [409],
      async handler({ caller, body, context }) {
        return { body: viewOrganization(await organizations.create({ caller, context }, body.name)) };
      },
    }),
    defineAccountRoute({
      method: "patch",
      path: "/platform/organizations/{id}",
      id: "setOrganizationStatus",
      tag,
      summary: "Suspend or resume an organisation",
      description:
        "A suspended organisation's devices are cut and refused; its operators may look, not change.",
      access: "platform-admin",
      params,
      body: z.strictObject({ status: statusField }),
      success: { status: 200, about: "Changed.", schema: organizationSchema },
      problems: [404],
      async handler({ caller, params: { id }, body, context }) {
        return {
          body: viewOrganization(await organizations.setStatus({ caller, context }, id, body.status)),
        };
      },
    }),
    defineAccountRoute({
      method: "post",
      path: "/platform/organizations/{id}/allow-lists/clear",
      id: "clearAllowLists",
      tag,
      summary: "Let an organisation be worked with from every address again",
      description: "For one that has locked itself out.",
      access: "platform-admin",
      sessionOnly: true,
      params,
      success: { status: 204, about: "Both lists are empty." },
      problems: [404],
      async handler({ caller, params: { id }, context }) {
        await allowLists.clear({ caller, context }, id);
        return { body: undefined };
      },
    }),
  ];
}
