import { idField } from "@rciots/protocol";
import { badRequest } from "@rciots/runtime";
import { z } from "zod";
import {
  idParams,
  isVariableCountAllowed,
  labelsField,
  labelsPatch,
  variablesField,
  variablesPatch,
} from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { namedObjectSchema } from "../templates/rendered-yaml.ts";
import { fileSchema, filesBodyLimitBytes, filesField, rootField } from "../templates/template.view.ts";
import { maxAssignments, type DeviceContentService } from "./device-content.service.ts";
import { deviceSchema, revisionSchema, viewDevice, viewRevision } from "./device.view.ts";

const tag = "Device content";
const params = idParams("dev");
const device = { status: 200, about: "The device as it is now.", schema: deviceSchema } as const;
const revisionField = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
/** 256 variables of 4 KiB, with JSON's escapes. */
const variablesBodyLimitBytes = 2_097_152;

const templatesField = z
  .array(
    z.strictObject({
      templateId: idField("tpl"),
      versionId: idField("tpv").nullable().optional().describe("Absent or null follows the current version."),
    }),
  )
  .max(maxAssignments)
  .refine(
    (templates) => new Set(templates.map(({ templateId }) => templateId)).size === templates.length,
    "must not name a template twice",
  );

const maps = {
  labels: {
    title: "Labels",
    replace: labelsField,
    patch: labelsPatch,
    bodyLimitBytes: undefined,
    check(labels: Record<string, string>) {
      if (!labelsField.safeParse(labels).success) throw tooMany("labels");
    },
  },
  variables: {
    title: "Variables",
    replace: variablesField,
    patch: variablesPatch,
    bodyLimitBytes: variablesBodyLimitBytes,
    check(variables: Record<string, string>) {
      if (!isVariableCountAllowed(variables)) throw tooMany("variables");
    },
  },
} as const;

function tooMany(field: string): Error {
  return badRequest({ code: "invalid_input", message: `The device would have too many ${field}.` });
}

function mapRoutes(content: DeviceContentService, field: "labels" | "variables"): Route[] {
  const { title, replace, patch, check, bodyLimitBytes } = maps[field];
  const limit = bodyLimitBytes === undefined ? {} : { bodyLimitBytes };
  const common = {
    path: `/devices/{id}/${field}`,
    tag,
    access: "operator",
    conditional: true,
    params,
    success: device,
    problems: [404],
    ...limit,
  } as const;
  return [
    defineRoute({
      ...common,
      method: "put",
      id: `replaceDevice${title}`,
      summary: `Replace a device's ${field}`,
      problems: [404],
      body: replace,
      async handler({ caller, params: { id }, body, context }) {
        const target = { id, ifMatch: context.ifMatch };
        const changed = await content.replaceMap({ caller, context }, target, field, body);
        return { body: viewDevice(changed), version: changed.version };
      },
    }),
    defineRoute({
      ...common,
      method: "patch",
      id: `patchDevice${title}`,
      summary: `Change some of a device's ${field}; null removes one`,
      problems: [404],
      body: patch,
      async handler({ caller, params: { id }, body, context }) {
        const target = { id, ifMatch: context.ifMatch };
        const changed = await content.patchMap({ caller, context }, target, field, body, check);
        return { body: viewDevice(changed), version: changed.version };
      },
    }),
  ];
}

function overlayRoutes(content: DeviceContentService): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/devices/{id}/overlay",
      id: "getDeviceOverlay",
      tag,
      summary: "Get a device's own overlay files",
      access: "operator",
      params,
      success: {
        status: 200,
        about: "The files.",
        schema: z.object({ root: z.string(), files: z.array(fileSchema) }),
      },
      problems: [404],
      async handler({ caller, params: { id } }) {
        const { device: found, root, files } = await content.overlay(caller.organizationId, id);
        return { body: { root: root === "" ? "." : root, files }, version: found.version };
      },
    }),
    defineRoute({
      method: "put",
      path: "/devices/{id}/overlay",
      id: "replaceDeviceOverlay",
      tag,
      summary: "Replace a device's own overlay files",
      description:
        "They lie on top of its templates. Without a kustomization of their own, all of them are added to the " +
        "templates; the rendering follows in a moment, and what is wrong with it shows as `overlayError`.",
      access: "operator",
      conditional: true,
      params,
      body: z.strictObject({ files: filesField, root: rootField.default("") }),
      bodyLimitBytes: filesBodyLimitBytes,
      success: device,
      problems: [404, 422],
      async handler({ caller, params: { id }, body, context }) {
        const changed = await content.setOverlay({ caller, context }, { id, ifMatch: context.ifMatch }, body);
        return { body: viewDevice(changed), version: changed.version };
      },
    }),
    defineRoute({
      method: "delete",
      path: "/devices/{id}/overlay",
      id: "deleteDeviceOverlay",
      tag,
      summary: "Remove a device's own overlay files",
      access: "operator",
      conditional: true,
      params,
      success: device,
      problems: [404],
      async handler({ caller, params: { id }, context }) {
        const changed = await content.removeOverlay({ caller, context }, { id, ifMatch: context.ifMatch });
        return { body: viewDevice(changed), version: changed.version };
      },
    }),
  ];
}

function revisionRoutes(content: DeviceContentService): Route[] {
  return [
    defineRoute({
      method: "put",
      path: "/devices/{id}/templates",
      id: "assignTemplates",
      tag,
      summary: "Assign templates to a device, in place of those it has",
      description: "Also ends a rollback. An empty list takes everything away that was applied.",
      access: "operator",
      conditional: true,
      params,
      body: templatesField,
      example: [{ templateId: "tpl_01K5ZQ4Y8J2V6W3N7R9T0B1C2D" }],
      success: device,
      problems: [404],
      async handler({ caller, params: { id }, body, context }) {
        const changed = await content.assign({ caller, context }, { id, ifMatch: context.ifMatch }, body);
        return { body: viewDevice(changed), version: changed.version };
      },
    }),
    defineRoute({
      method: "get",
      path: "/devices/{id}/revisions/{revision}",
      id: "getDeviceRevision",
      tag,
      summary: "Get a revision of a device with its content",
      description:
        "Made again of what it was made of: variables as they were, secrets masked, the device's name and labels as " +
        "they are now. Compare two of them, or one with a preview.",
      access: "viewer",
      params: params.extend({ revision: revisionField }),
      success: {
        status: 200,
        about: "The revision.",
        schema: revisionSchema.extend({ yaml: z.string(), objects: z.array(namedObjectSchema) }).meta({
          id: "DeviceRevisionContent",
        }),
      },
      problems: [404, 422],
      async handler({ caller, params: { id, revision } }) {
        const { revision: found, ...rendered } = await content.revision(caller.organizationId, id, revision);
        return { body: { ...viewRevision(found), ...rendered } };
      },
    }),
    defineRoute({
      method: "post",
      path: "/devices/{id}/rollback",
      id: "rollBackDevice",
      tag,
      summary: "Put the content of an earlier revision in force",
      description: "It stays until templates or overlay files are assigned, or the device is unpinned.",
      access: "operator",
      conditional: true,
      params,
      body: z.strictObject({ revision: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
      example: { revision: 3 },
      success: device,
      problems: [404],
      async handler({ caller, params: { id }, body, context }) {
        const target = { id, ifMatch: context.ifMatch };
        const changed = await content.rollback({ caller, context }, target, body.revision);
        return { body: viewDevice(changed), version: changed.version };
      },
    }),
    defineRoute({
      method: "post",
      path: "/devices/{id}/unpin",
      id: "unpinDevice",
      tag,
      summary: "End a rollback: the device follows its templates again",
      access: "operator",
      conditional: true,
      params,
      success: device,
      problems: [404],
      async handler({ caller, params: { id }, context }) {
        const changed = await content.unpin({ caller, context }, { id, ifMatch: context.ifMatch });
        return { body: viewDevice(changed), version: changed.version };
      },
    }),
    defineRoute({
      method: "post",
      path: "/devices/{id}/preview",
      id: "previewDevice",
      tag,
      summary: "What a device would run",
      description:
        "As it is (an empty object), with other templates, or of files that are no template yet. Secrets are masked; " +
        "nothing changes.",
      access: "operator",
      params,
      body: z
        .strictObject({
          templates: templatesField.optional(),
          files: filesField.optional(),
          root: rootField.default(""),
          overlay: z.boolean().default(true).describe("false: templates without the device's overlay files."),
        })
        .refine(
          (body) => body.templates === undefined || body.files === undefined,
          "give templates or files, not both",
        ),
      bodyLimitBytes: filesBodyLimitBytes,
      success: {
        status: 200,
        about: "The rendering.",
        schema: z.object({
          yaml: z.string(),
          digest: z.string().describe("SHA-256 of the rendering with secrets masked."),
          objects: z.array(namedObjectSchema),
        }),
      },
      problems: [404, 422, 503],
      async handler({ caller, params: { id }, body }) {
        return { body: await content.preview(caller.organizationId, id, body) };
      },
    }),
  ];
}

export function deviceContentRoutes({ content }: { content: DeviceContentService }): Route[] {
  return [
    ...mapRoutes(content, "labels"),
    ...mapRoutes(content, "variables"),
    ...overlayRoutes(content),
    ...revisionRoutes(content),
  ];
}
