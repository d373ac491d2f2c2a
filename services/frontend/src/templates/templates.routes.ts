import { idField } from "@rciots/protocol";
import { z } from "zod";
import { mapPage, pageOf, pageQuery } from "../http/cursor.ts";
import { descriptionField, idParams, repeated, titleField } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import {
  fileSchema,
  filesBodyLimitBytes,
  filesField,
  gitBody,
  gitFields,
  rootField,
  templateSchema,
  usageSchema,
  versionSchema,
  viewTemplate,
  viewVersion,
} from "./template.view.ts";
import type { TemplatesService } from "./templates.service.ts";

const tag = "Templates";
const params = idParams("tpl");
const versionParams = z.strictObject({ id: idField("tpl"), versionId: idField("tpv") });
const writtenSchema = templateSchema.extend({
  warnings: z.array(z.string()).describe("Remarks of the renderer."),
});

const createBody = z
  .strictObject({
    name: titleField,
    description: descriptionField.default(""),
    files: filesField.optional(),
    root: rootField.optional(),
    git: gitBody.optional(),
  })
  .refine((body) => (body.files === undefined) !== (body.git === undefined), "give either files or git")
  .refine(
    (body) => body.git === undefined || body.root === undefined,
    "root goes with files; a Git source has path",
  );

const updateBody = z.strictObject({
  name: titleField.optional(),
  description: descriptionField.optional(),
  files: filesField.optional(),
  root: rootField.optional(),
  git: z.strictObject(gitFields).partial().optional(),
});

export function templateRoutes({ templates }: { templates: TemplatesService }): Route[] {
  return [
    defineRoute({
      method: "post",
      path: "/templates",
      id: "createTemplate",
      tag,
      summary: "Create a template of inline files or from Git",
      description:
        "The files are rendered with kustomize at once; what is wrong with them is answered with file and line. " +
        "A Git source is fetched at once, and looked at again every `pollIntervalMs`.",
      access: "operator",
      body: createBody,
      example: {
        name: "greeter",
        files: [
          { path: "kustomization.yaml", content: "resources: [config.yaml]\n" },
          {
            path: "config.yaml",
            content:
              'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: greeter }\ndata: { place: "${place:=somewhere}" }\n',
          },
        ],
      },
      bodyLimitBytes: filesBodyLimitBytes,
      success: { status: 201, about: "Created, with its first version.", schema: writtenSchema },
      problems: [409, 422, 503],
      async handler({ caller, body, context }) {
        const { name, description, files, root = "", git } = body;
        const content = git === undefined ? { files: files ?? [], root } : { git };
        const { template, warnings } = await templates.create(
          { caller, context },
          { name, description, content },
        );
        return { body: { ...viewTemplate(template), warnings }, version: template.version };
      },
    }),
    defineRoute({
      method: "get",
      path: "/templates",
      id: "listTemplates",
      tag,
      summary: "List templates",
      access: "viewer",
      query: z.strictObject({
        ...pageQuery,
        q: z
          .string()
          .min(1)
          .max(100)
          .optional()
          .describe("Part of the name, in capitals or not; with ^ in front, its beginning."),
        source: z.enum(["inline", "git"]).optional(),
      }),
      success: { status: 200, about: "A page, newest first.", schema: pageOf(templateSchema) },
      async handler({ caller, query }) {
        const filter = { q: query.q, kind: query.source };
        return { body: mapPage(await templates.list(caller.organizationId, filter, query), viewTemplate) };
      },
    }),
    defineRoute({
      method: "post",
      path: "/templates/test-git",
      id: "testGitSource",
      tag,
      summary: "Try whether a Git repository answers and has the ref",
      access: "operator",
      body: z.strictObject({
        url: gitFields.url,
        ref: gitFields.ref.default(""),
        credentialId: gitFields.credentialId.default(null),
      }),
      success: {
        status: 200,
        about: "It does.",
        schema: z.object({ commit: z.string(), ref: z.string().nullable() }),
      },
      problems: [422, 503],
      async handler({ caller, body }) {
        const source = { kind: "git" as const, path: "", pollIntervalMs: 0, ...body };
        return { body: await templates.testGit(caller.organizationId, source) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/templates/usage",
      id: "countTemplateUsage",
      tag,
      summary: "Count the devices that have templates assigned, and how they are",
      access: "viewer",
      query: z.strictObject({
        templateId: repeated(idField("tpl"), 100).describe("May be repeated; at most 100."),
      }),
      success: {
        status: 200,
        about: "One for each template that was named, in their order.",
        schema: z.object({ items: z.array(usageSchema) }),
      },
      async handler({ caller, query }) {
        return { body: { items: await templates.usage(caller.organizationId, query.templateId ?? []) } };
      },
    }),
    defineRoute({
      method: "get",
      path: "/templates/{id}",
      id: "getTemplate",
      tag,
      summary: "Get a template",
      access: "viewer",
      params,
      success: { status: 200, about: "The template.", schema: templateSchema },
      problems: [404],
      async handler({ caller, params: { id } }) {
        const template = await templates.get(caller.organizationId, id);
        return { body: viewTemplate(template), version: template.version };
      },
    }),
    defineRoute({
      method: "patch",
      path: "/templates/{id}",
      id: "updateTemplate",
      tag,
      summary: "Change a template",
      description: "Other files, another root or Git source make a new version, and it is the current one.",
      access: "operator",
      conditional: true,
      params,
      body: updateBody,
      bodyLimitBytes: filesBodyLimitBytes,
      success: { status: 200, about: "Changed.", schema: writtenSchema },
      problems: [404, 409, 422, 503],
      async handler({ caller, params: { id }, body, context }) {
        const { template, warnings } = await templates.update({ caller, context }, id, body, context.ifMatch);
        return { body: { ...viewTemplate(template), warnings }, version: template.version };
      },
    }),
    defineRoute({
      method: "delete",
      path: "/templates/{id}",
      id: "deleteTemplate",
      tag,
      summary: "Delete a template that nothing is assigned",
      access: "operator",
      params,
      success: { status: 204, about: "Deleted, with its versions." },
      problems: [404, 409],
      async handler({ caller, params: { id }, context }) {
        await templates.remove({ caller, context }, id);
        return { body: undefined };
      },
    }),
    defineRoute({
      method: "post",
      path: "/templates/{id}/refresh",
      id: "refreshTemplate",
      tag,
      summary: "Look at the Git repository now",
      access: "operator",
      params,
      success: { status: 200, about: "In step with the repository.", schema: templateSchema },
      problems: [404, 409, 422, 503],
      async handler({ caller, params: { id }, context }) {
        const template = await templates.refresh({ caller, context }, id);
        return { body: viewTemplate(template), version: template.version };
      },
    }),
    defineRoute({
      method: "put",
      path: "/templates/{id}/current-version",
      id: "setCurrentTemplateVersion",
      tag,
      summary: "Make an earlier version the current one",
      description: "A Git source stays at it until its repository has a new commit.",
      access: "operator",
      conditional: true,
      params,
      body: z.strictObject({ versionId: idField("tpv") }),
      success: {
        status: 200,
        about: "Set; devices that follow the template are told.",
        schema: templateSchema,
      },
      problems: [404],
      async handler({ caller, params: { id }, body, context }) {
        const acting = { caller, context };
        const template = await templates.setCurrentVersion(acting, id, body.versionId, context.ifMatch);
        return { body: viewTemplate(template), version: template.version };
      },
    }),
    defineRoute({
      method: "get",
      path: "/templates/{id}/versions",
      id: "listTemplateVersions",
      tag,
      summary: "List a template's versions",
      access: "viewer",
      params,
      query: z.strictObject(pageQuery),
      success: { status: 200, about: "A page, newest first.", schema: pageOf(versionSchema) },
      problems: [404],
      async handler({ caller, params: { id }, query }) {
        const { template, found } = await templates.listVersions(caller.organizationId, id, query);
        return { body: mapPage(found, (version) => viewVersion(version, template)) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/templates/{id}/versions/{versionId}",
      id: "getTemplateVersion",
      tag,
      summary: "Get a version with its files and what kustomize made of them",
      access: "viewer",
      params: versionParams,
      success: {
        status: 200,
        about: "The version.",
        schema: versionSchema.extend({
          files: z.array(fileSchema),
          rendered: z.string().describe("YAML, before variables and secrets are filled in."),
        }),
      },
      problems: [404],
      async handler({ caller, params: { id, versionId } }) {
        const template = await templates.get(caller.organizationId, id);
        const version = await templates.getVersion(caller.organizationId, id, versionId);
        const content = await templates.versionContent(caller.organizationId, version);
        return { body: { ...viewVersion(version, template), ...content } };
      },
    }),
  ];
}
