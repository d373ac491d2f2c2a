import { idField } from "@rciots/protocol";
import { z } from "zod";
import { defineRoute, type Route } from "../http/route.ts";
import { namedObjectSchema } from "./rendered-yaml.ts";
import type { TemplateContentService } from "./template-content.service.ts";
import {
  commitSchema,
  fileSchema,
  filesBodyLimitBytes,
  filesField,
  gitBody,
  rootField,
  viewCommit,
} from "./template.view.ts";
import type { TemplatesService } from "./templates.service.ts";

const tag = "Templates";
const versionParams = z.strictObject({ id: idField("tpl"), versionId: idField("tpv") });

const draftBody = z
  .strictObject({ files: filesField.optional(), root: rootField.optional(), git: gitBody.optional() })
  .refine((body) => (body.files === undefined) !== (body.git === undefined), "give either files or git")
  .refine(
    (body) => body.git === undefined || body.root === undefined,
    "root goes with files; a Git source has path",
  );

const checkedSchema = z.object({
  yaml: z.string().describe("What kustomize makes of it, before variables and secrets are filled in."),
  objects: z.array(namedObjectSchema),
  variables: z.array(z.string()),
  secrets: z.array(z.string()),
  missingSecrets: z.array(z.string()).describe("Of `secrets`, those that are not stored yet."),
  warnings: z.array(z.string()).describe("Remarks of the renderer."),
  commit: commitSchema.nullable().describe("Of a Git source."),
  fileCount: z.number().int(),
});

export function templateContentRoutes(options: {
  templates: Pick<TemplatesService, "getVersion">;
  content: TemplateContentService;
}): Route[] {
  const { templates, content } = options;
  return [
    defineRoute({
      method: "post",
      path: "/templates/render",
      id: "renderTemplateDraft",
      tag,
      summary: "Check and render files, or a Git source, before a template is made of them",
      description: "Nothing is stored. What is wrong is answered with file and line.",
      access: "operator",
      body: draftBody,
      bodyLimitBytes: filesBodyLimitBytes,
      success: { status: 200, about: "The rendering.", schema: checkedSchema },
      problems: [422, 503],
      async handler({ caller, body }) {
        const { files = [], root = "", git } = body;
        const draft = git === undefined ? { files, root } : { git: { kind: "git" as const, ...git } };
        const checked = await content.check(caller.organizationId, draft);
        return { body: { ...checked, commit: viewCommit(checked.commit) } };
      },
    }),
    defineRoute({
      method: "get",
      path: "/templates/{id}/versions/{versionId}/files",
      id: "listTemplateVersionFiles",
      tag,
      summary: "List a version's files, without their content",
      access: "viewer",
      params: versionParams,
      success: {
        status: 200,
        about: "All of them, by path.",
        schema: z.object({
          items: z.array(z.object({ path: z.string(), sizeBytes: z.number().int(), sha256: z.string() })),
        }),
      },
      problems: [404],
      async handler({ caller: { organizationId }, params: { id, versionId } }) {
        const version = await templates.getVersion(organizationId, id, versionId);
        return { body: { items: await content.listFiles(organizationId, version) } };
      },
    }),
    defineRoute({
      method: "get",
      path: "/templates/{id}/versions/{versionId}/file",
      id: "getTemplateVersionFile",
      tag,
      summary: "Get one of a version's files",
      access: "viewer",
      params: versionParams,
      query: z.strictObject({ path: z.string().min(1).max(512) }),
      success: { status: 200, about: "The file.", schema: fileSchema },
      problems: [404],
      async handler({ caller: { organizationId }, params: { id, versionId }, query }) {
        const version = await templates.getVersion(organizationId, id, versionId);
        return { body: await content.readFile(organizationId, version, query.path) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/templates/{id}/versions/{versionId}/rendered",
      id: "getTemplateVersionRendering",
      tag,
      summary: "Get what kustomize made of a version",
      access: "viewer",
      params: versionParams,
      success: {
        status: 200,
        about: "The rendering, before variables and secrets are filled in.",
        schema: z.object({ yaml: z.string(), objects: z.array(namedObjectSchema) }),
      },
      problems: [404],
      async handler({ caller: { organizationId }, params: { id, versionId } }) {
        const version = await templates.getVersion(organizationId, id, versionId);
        return { body: await content.rendered(organizationId, version) };
      },
    }),
  ];
}
