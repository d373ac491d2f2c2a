import { idField } from "@rciots/protocol";
import type { ProvisioningToken } from "@rciots/store";
import { z } from "zod";
import { deviceSchema, viewDevice } from "../devices/device.view.ts";
import { mapPage, pageOf, pageQuery } from "../http/cursor.ts";
import { dateOrNull, expiryField, idParams, isoOrNull, labelsField, titleField } from "../http/fields.ts";
import { defineRoute, type RequestContext, type Route } from "../http/route.ts";
import { installCommands, installCommandsSchema, type PublicUrls } from "./install-commands.ts";
import type { ProvisioningTokensService, TokenChoices } from "./provisioning-tokens.service.ts";

const tokenSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    hint: z.string().describe("The first characters of the token."),
    approval: z.enum(["automatic", "manual"]),
    enabled: z.boolean(),
    maxDevices: z.number().int().nullable(),
    usedCount: z.number().int().describe("Devices that were enrolled with it."),
    expiresAt: dateOrNull,
    labels: z.record(z.string(), z.string()),
    templateIds: z.array(z.string()),
    createdBy: z.string(),
    createdAt: z.iso.datetime(),
    version: z.number().int(),
    install: installCommandsSchema,
  })
  .meta({ id: "ProvisioningToken" });

const fields = {
  name: titleField,
  approval: z
    .enum(["automatic", "manual"])
    .describe("manual: devices wait as pending until somebody approves them."),
  enabled: z.boolean(),
  maxDevices: z.number().int().min(1).max(1_000_000).nullable().describe("null: no limit."),
  expiresAt: expiryField.nullable().describe("null: never."),
  labels: labelsField.describe("Given to each device that enrols with it."),
  templateIds: z
    .array(idField("tpl"))
    .max(20)
    .refine((ids) => new Set(ids).size === ids.length, "must not name a template twice")
    .describe("Assigned to each device that enrols with it."),
};

const createBody = z.strictObject({
  ...fields,
  approval: fields.approval.default("manual"),
  enabled: fields.enabled.default(true),
  maxDevices: fields.maxDevices.default(null),
  expiresAt: fields.expiresAt.default(null),
  labels: fields.labels.default({}),
  templateIds: fields.templateIds.default([]),
});
const updateBody = z.strictObject(fields).partial();

function toChoices<Body extends { expiresAt?: string | null | undefined }>(body: Body) {
  const { expiresAt, ...rest } = body;
  return expiresAt === undefined
    ? rest
    : { ...rest, expiresAt: expiresAt === null ? null : new Date(expiresAt) };
}

const tag = "Provisioning tokens";
const params = idParams("ptk");

export function provisioningTokenRoutes(options: {
  provisioningTokens: ProvisioningTokensService;
  publicUrls: PublicUrls;
  caFingerprint: () => string;
  chartVersion: string;
  agentVersion: string;
}): Route[] {
  const { provisioningTokens, publicUrls, caFingerprint, chartVersion, agentVersion } = options;

  function view(
    stored: ProvisioningToken,
    { origin }: RequestContext,
    token: string | null = null,
  ): z.input<typeof tokenSchema> {
    const consoleUrl = publicUrls.console ?? origin;
    return {
      id: stored._id,
      name: stored.name,
      hint: stored.hint,
      approval: stored.approval,
      enabled: stored.enabled,
      maxDevices: stored.maxDevices,
      usedCount: stored.usedCount,
      expiresAt: isoOrNull(stored.expiresAt),
      labels: stored.labels,
      templateIds: stored.templateIds,
      createdBy: stored.createdBy,
      createdAt: stored.createdAt.toISOString(),
      version: stored.version,
      install: installCommands({
        publicUrls: { ...publicUrls, console: consoleUrl },
        caFingerprint: caFingerprint(),
        chartVersion,
        agentVersion,
        token,
      }),
    };
  }

  return [
    defineRoute({
      method: "post",
      path: "/provisioning-tokens",
      id: "createProvisioningToken",
      tag,
      summary: "Create a provisioning token",
      description: "The token is shown this once, also inside `install`: commands to copy.",
      access: "operator",
      body: createBody,
      example: { name: "new shops", approval: "manual", maxDevices: 20, labels: { site: "berlin" } },
      success: { status: 201, about: "Created.", schema: tokenSchema.extend({ token: z.string() }) },
      problems: [409],
      async handler({ caller, body, context }) {
        const choices = toChoices(body) as TokenChoices;
        const { token, stored } = await provisioningTokens.create({ caller, context }, choices);
        return { body: { ...view(stored, context, token), token }, version: stored.version };
      },
    }),
    defineRoute({
      method: "get",
      path: "/provisioning-tokens",
      id: "listProvisioningTokens",
      tag,
      summary: "List provisioning tokens",
      access: "viewer",
      query: z.strictObject(pageQuery),
      success: { status: 200, about: "A page, newest first.", schema: pageOf(tokenSchema) },
      async handler({ caller, query, context }) {
        const page = await provisioningTokens.list(caller, query);
        return { body: mapPage(page, (token) => view(token, context)) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/provisioning-tokens/{id}",
      id: "getProvisioningToken",
      tag,
      summary: "Get a provisioning token",
      access: "viewer",
      params,
      success: { status: 200, about: "The token, without its value.", schema: tokenSchema },
      problems: [404],
      async handler({ caller, params: { id }, context }) {
        const stored = await provisioningTokens.get(caller.organizationId, id);
        return { body: view(stored, context), version: stored.version };
      },
    }),
    defineRoute({
      method: "get",
      path: "/provisioning-tokens/{id}/devices",
      id: "listProvisioningTokenDevices",
      tag,
      summary: "List the devices that enrolled with a provisioning token",
      access: "viewer",
      params,
      query: z.strictObject(pageQuery),
      success: { status: 200, about: "A page, newest first.", schema: pageOf(deviceSchema) },
      problems: [404],
      async handler({ caller, params: { id }, query }) {
        return { body: mapPage(await provisioningTokens.listDevices(caller, id, query), viewDevice) };
      },
    }),
    defineRoute({
      method: "patch",
      path: "/provisioning-tokens/{id}",
      id: "updateProvisioningToken",
      tag,
      summary: "Change, disable or enable a provisioning token",
      access: "operator",
      conditional: true,
      params,
      body: updateBody,
      success: { status: 200, about: "Changed.", schema: tokenSchema },
      problems: [404, 409],
      async handler({ caller, params: { id }, body, context }) {
        const wanted = toChoices(body) as Partial<TokenChoices>;
        const stored = await provisioningTokens.update({ caller, context }, id, wanted, context.ifMatch);
        return { body: view(stored, context), version: stored.version };
      },
    }),
    defineRoute({
      method: "delete",
      path: "/provisioning-tokens/{id}",
      id: "deleteProvisioningToken",
      tag,
      summary: "Delete a provisioning token",
      description: "Devices that enrolled with it stay.",
      access: "operator",
      params,
      success: { status: 204, about: "Deleted." },
      problems: [404],
      async handler({ caller, params: { id }, context }) {
        await provisioningTokens.remove({ caller, context }, id);
        return { body: undefined };
      },
    }),
  ];
}
