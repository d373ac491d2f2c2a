import type { GitCredential } from "@rciots/store";
import { z } from "zod";
import { mapPage, pageOf, pageQuery } from "../http/cursor.ts";
import { idParams, titleField } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { usersSchema, viewUser } from "../templates/template.view.ts";
import type { GitCredentialsService } from "./git-credentials.service.ts";

const credentialSchema = z
  .object({ id: z.string(), name: z.string(), kind: z.enum(["basic", "ssh"]), createdAt: z.iso.datetime() })
  .meta({ id: "GitCredential" });

const view = ({ _id, name, kind, createdAt }: GitCredential): z.input<typeof credentialSchema> => ({
  id: _id,
  name,
  kind,
  createdAt: createdAt.toISOString(),
});

const usedSchema = credentialSchema.extend({ templates: usersSchema.describe("Those that use it.") });

const caCertificates = z
  .string()
  .max(32_768)
  .optional()
  .describe("PEM: certificate authorities to accept instead of the system's.");

const secretValue = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("basic"),
    username: z.string().max(256).default("git"),
    password: z.string().min(1).max(8_192).describe("A password, or a personal or deploy token."),
    caCertificates,
  }),
  z.strictObject({
    kind: z.literal("ssh"),
    privateKey: z.string().min(1).max(16_384),
    knownHosts: z.string().max(32_768).optional().describe("Host keys to accept, as in a known_hosts file."),
    caCertificates,
  }),
]);

const tag = "Git credentials";
const params = idParams("gcr");

export function gitCredentialRoutes({ gitCredentials }: { gitCredentials: GitCredentialsService }): Route[] {
  return [
    defineRoute({
      method: "post",
      path: "/git-credentials",
      id: "createGitCredential",
      tag,
      summary: "Store a credential for Git repositories",
      description: "It is sealed with the organisation's key and never given out again.",
      access: "admin",
      body: z.strictObject({ name: titleField, credential: secretValue }),
      success: { status: 201, about: "Stored.", schema: credentialSchema },
      problems: [409],
      async handler({ caller, body, context }) {
        return { body: view(await gitCredentials.create({ caller, context }, body.name, body.credential)) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/git-credentials",
      id: "listGitCredentials",
      tag,
      summary: "List Git credentials, by name",
      access: "viewer",
      query: z.strictObject(pageQuery),
      success: {
        status: 200,
        about: "A page; never the credentials themselves.",
        schema: pageOf(usedSchema),
      },
      async handler({ caller, query }) {
        const page = await gitCredentials.list(caller, query);
        const usersOf = await gitCredentials.usersOf(caller.organizationId);
        return {
          body: mapPage(page, (credential) => ({
            ...view(credential),
            templates: usersOf(credential._id).map(viewUser),
          })),
        };
      },
    }),
    defineRoute({
      method: "put",
      path: "/git-credentials/{id}",
      id: "replaceGitCredential",
      tag,
      summary: "Replace a Git credential's value",
      description: "The repositories of the templates that use it are looked at again at once.",
      access: "admin",
      params,
      body: secretValue,
      success: { status: 200, about: "Replaced.", schema: credentialSchema },
      problems: [404],
      async handler({ caller, params: { id }, body, context }) {
        return { body: view(await gitCredentials.replace({ caller, context }, id, body)) };
      },
    }),
    defineRoute({
      method: "delete",
      path: "/git-credentials/{id}",
      id: "deleteGitCredential",
      tag,
      summary: "Delete a Git credential",
      access: "admin",
      params,
      success: { status: 204, about: "Deleted." },
      problems: [404, 409],
      async handler({ caller, params: { id }, context }) {
        await gitCredentials.remove({ caller, context }, id);
        return { body: undefined };
      },
    }),
  ];
}
