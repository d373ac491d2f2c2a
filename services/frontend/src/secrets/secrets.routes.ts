import type { Secret } from "@rciots/store";
import { z } from "zod";
import { mapPage, pageOf, pageQuery } from "../http/cursor.ts";
import { variableNameField } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { usersSchema, viewUser } from "../templates/template.view.ts";
import type { SecretsService } from "./secrets.service.ts";

const maxSecretBytes = 32_768;

const secretSchema = z
  .object({
    name: z.string(),
    version: z.number().int().describe("Grows by one with each new value."),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: "Secret" });

const view = ({ name, version, createdAt, updatedAt }: Secret): z.input<typeof secretSchema> => ({
  name,
  version,
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
});

const usedSchema = secretSchema.extend({
  templates: usersSchema.describe("Those whose current version refers to it."),
});

const valueField = z
  .string()
  .refine((value) => Buffer.byteLength(value) <= maxSecretBytes, `must have at most ${maxSecretBytes} bytes`)
  .meta({ maxLength: maxSecretBytes });

const tag = "Secrets";
const params = z.strictObject({ name: variableNameField });

export function secretRoutes({ secrets }: { secrets: SecretsService }): Route[] {
  return [
    defineRoute({
      method: "put",
      path: "/secrets/{name}",
      id: "putSecret",
      tag,
      summary: "Create a secret or give it a new value",
      description:
        "Templates refer to it as `${secret.NAME}`. The value is sealed and never given out again.",
      access: "admin",
      params,
      body: z.strictObject({ value: valueField }),
      example: { value: "what templates call ${secret.NAME}" },
      success: { status: 200, about: "Stored.", schema: secretSchema },
      problems: [409],
      async handler({ caller, params: { name }, body, context }) {
        const secret = await secrets.put({ caller, context }, name, body.value);
        return { body: view(secret), version: secret.version };
      },
    }),
    defineRoute({
      method: "get",
      path: "/secrets",
      id: "listSecrets",
      tag,
      summary: "List the names of secrets",
      access: "viewer",
      query: z.strictObject(pageQuery),
      success: { status: 200, about: "A page, by name; never values.", schema: pageOf(usedSchema) },
      async handler({ caller, query }) {
        const page = await secrets.list(caller, query);
        const usersOf = await secrets.usersOf(caller.organizationId);
        return {
          body: mapPage(page, (secret) => ({
            ...view(secret),
            templates: usersOf(secret.name).map(viewUser),
          })),
        };
      },
    }),
    defineRoute({
      method: "get",
      path: "/secrets/{name}",
      id: "getSecret",
      tag,
      summary: "When a secret was last changed",
      access: "viewer",
      params,
      success: { status: 200, about: "The secret, without its value.", schema: usedSchema },
      problems: [404],
      async handler({ caller, params: { name } }) {
        const secret = await secrets.get(caller.organizationId, name);
        const usersOf = await secrets.usersOf(caller.organizationId);
        return {
          body: { ...view(secret), templates: usersOf(name).map(viewUser) },
          version: secret.version,
        };
      },
    }),
    defineRoute({
      method: "delete",
      path: "/secrets/{name}",
      id: "deleteSecret",
      tag,
      summary: "Delete a secret",
      description: "Devices whose content refers to it keep what they run, and report the error.",
      access: "admin",
      params,
      success: { status: 204, about: "Deleted." },
      problems: [404],
      async handler({ caller, params: { name }, context }) {
        await secrets.remove({ caller, context }, name);
        return { body: undefined };
      },
    }),
  ];
}
