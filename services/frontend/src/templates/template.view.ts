import { idField, revisionStates } from "@rciots/protocol";
import type { Template, TemplateName, TemplateVersion } from "@rciots/store";
import { z } from "zod";
import { dateOrNull, isoOrNull } from "../http/fields.ts";

/** JSON that carries 8 MiB of files, with its escapes. */
export const filesBodyLimitBytes = 12 * 1_048_576;

export const fileSchema = z.strictObject({
  path: z.string().max(512).describe("Relative, with / between folders."),
  content: z.string().max(1_048_576).describe("UTF-8 text."),
});
export const filesField = z.array(fileSchema).min(1).max(1_000).describe("At most 8 MiB together.");

/** The top folder may be written as `.`; it is stored as the empty string. */
export const rootField = z
  .string()
  .max(512)
  .transform((root) => root.replace(/^(\.\/+)+/, "").replace(/\/+$/, ""))
  .transform((root) => (root === "." ? "" : root))
  .describe("Folder of the kustomization; `.` for the top.");

const showRoot = (root: string): string => (root === "" ? "." : root);

/** Secret parts of a URL belong into a credential: the URL is shown and logged. */
const gitUrlField = z
  .string()
  .min(1)
  .max(2_048)
  .refine(
    (url) => !/^[a-z+]+:\/\/[^/@]*:[^/@]*@/i.test(url),
    "must hold no password; store a Git credential",
  );

export const gitFields = {
  url: gitUrlField,
  ref: z.string().max(255).describe("A branch, a tag, a full ref or a commit; empty: the default branch."),
  path: rootField,
  credentialId: idField("gcr").nullable(),
  pollIntervalMs: z
    .number()
    .int()
    .min(30_000)
    .max(7 * 86_400_000),
};

/** A Git source of a new template. */
export const gitBody = z.strictObject({
  ...gitFields,
  ref: gitFields.ref.default(""),
  path: gitFields.path.default(""),
  credentialId: gitFields.credentialId.default(null),
  pollIntervalMs: gitFields.pollIntervalMs.default(300_000),
});

export const templateSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    source: z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("inline") }),
      z.object({
        kind: z.literal("git"),
        url: z.string(),
        ref: z.string(),
        path: z.string(),
        credentialId: z.string().nullable(),
        pollIntervalMs: z.number().int(),
      }),
    ]),
    root: z.string(),
    currentVersionId: z.string().nullable(),
    versionCount: z.number().int(),
    sync: z
      .object({
        status: z.enum(["never", "ok", "failed"]),
        message: z.string().nullable(),
        commit: z.string().nullable(),
        checkedAt: dateOrNull,
        nextAt: dateOrNull,
      })
      .describe("Of a Git source."),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    version: z.number().int(),
  })
  .meta({ id: "Template" });

export function viewTemplate(template: Template): z.input<typeof templateSchema> {
  const { source, sync } = template;
  return {
    id: template._id,
    name: template.name,
    description: template.description,
    source: source.kind === "git" ? { ...source, path: showRoot(source.path) } : source,
    root: showRoot(template.root),
    currentVersionId: template.currentVersionId,
    versionCount: template.versionCount,
    sync: { ...sync, checkedAt: isoOrNull(sync.checkedAt), nextAt: isoOrNull(sync.nextAt) },
    createdAt: template.createdAt.toISOString(),
    updatedAt: template.updatedAt.toISOString(),
    version: template.version,
  };
}

export const usageSchema = z
  .object({
    templateId: z.string(),
    deviceCount: z.number().int(),
    followerCount: z
      .number()
      .int()
      .describe("Devices that follow the current version; the others are pinned to one."),
    onlineCount: z.number().int(),
    byState: z
      .partialRecord(z.enum([...revisionStates, "none"]), z.number().int())
      .describe("State of active devices; `none` for those that never reported."),
  })
  .meta({ id: "TemplateUsage" });

/** Templates that refer to something, in the order of their names. */
export const usersSchema = z.array(z.object({ id: z.string(), name: z.string() }));

export const viewUser = ({ _id, name }: TemplateName): { id: string; name: string } => ({ id: _id, name });

export const commitSchema = z.object({
  id: z.string(),
  subject: z.string(),
  author: z.string(),
  committedAt: z.iso.datetime(),
});

export function viewCommit(commit: TemplateVersion["commit"]): z.input<typeof commitSchema> | null {
  return commit === null ? null : { ...commit, committedAt: commit.committedAt.toISOString() };
}

export const versionSchema = z
  .object({
    id: z.string(),
    templateId: z.string(),
    number: z.number().int(),
    isCurrent: z.boolean(),
    contentHash: z.string().describe("SHA-256 of the files."),
    root: z.string(),
    objectCount: z.number().int(),
    variables: z.array(z.string()),
    secrets: z.array(z.string()),
    commit: commitSchema.nullable(),
    createdBy: z.string(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: "TemplateVersion" });

export function viewVersion(version: TemplateVersion, template: Template): z.input<typeof versionSchema> {
  return {
    id: version._id,
    templateId: version.templateId,
    number: version.number,
    isCurrent: template.currentVersionId === version._id,
    contentHash: version.contentHash,
    root: showRoot(version.root),
    objectCount: version.objectCount,
    variables: version.variables,
    secrets: version.secrets,
    commit: viewCommit(version.commit),
    createdBy: version.createdBy,
    createdAt: version.createdAt.toISOString(),
  };
}
