import { createHash } from "node:crypto";
import type { SubstitutionValues } from "@rciots/manifests";
import { AppError } from "@rciots/runtime";
import type { Device, DeviceRevision, TemplateHead, TemplateVersion } from "@rciots/store";

/** What a device's content is made of, as identifiers: equal inputs make equal content. */
export type Inputs = DeviceRevision["inputs"];

/** Why there is nothing to offer yet, or nothing that can be offered. */
export interface ContentFault {
  code: string;
  message: string;
}

/** SHA-256 of any value of plain JSON, with object keys in a fixed order. */
export function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value, sortKeys)).digest("hex");
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * An assigned template that is gone. Leaving it out of the content would delete what it runs on the device, so the
 * old content stays until an operator assigns something else.
 */
export function missingTemplate(device: Device, heads: readonly TemplateHead[]): ContentFault | undefined {
  const known = new Set(heads.map((head) => head._id));
  const missing = device.assignments.find(({ templateId }) => !known.has(templateId));
  return missing === undefined
    ? undefined
    : { code: "template_not_found", message: `The assigned template ${missing.templateId} is gone.` };
}

/** The versions a device's assignments lead to now, in the order they were assigned. */
export function sourcesOf(device: Device, heads: readonly TemplateHead[]): Inputs["sources"] {
  const currentVersionIds = new Map(heads.map((head) => [head._id, head.currentVersionId]));
  return device.assignments.flatMap(({ templateId, pinnedVersionId }) => {
    const versionId = pinnedVersionId ?? currentVersionIds.get(templateId) ?? null;
    return versionId === null ? [] : [{ templateId, versionId }];
  });
}

/** Names the rendering of a device's overlay on these versions. */
export function compositionHash(sources: Inputs["sources"], overlay: NonNullable<Device["overlay"]>): string {
  return hashOf({
    versions: sources.map((source) => source.versionId),
    overlay: overlay.blobId,
    root: overlay.root,
  });
}

/**
 * The inputs of a device that follows its assignments. Undefined while its overlay waits to be rendered on the
 * newest versions: what it runs stays in force until then.
 */
export function currentInputs(device: Device, sources: Inputs["sources"]): Inputs | ContentFault | undefined {
  const plain = { sources, overlayBlobId: null, renderedBlobId: null, variables: device.variables };
  const { overlay, composition } = device;
  if (overlay === null) return plain;
  if (composition?.inputsHash !== compositionHash(sources, overlay)) return undefined;
  if (composition.renderedBlobId === null) {
    return { code: "overlay_invalid", message: composition.error ?? "The overlay can't be rendered." };
  }
  return { ...plain, overlayBlobId: overlay.blobId, renderedBlobId: composition.renderedBlobId };
}

export const isFault = (value: object): value is ContentFault => "code" in value;

/**
 * The versions of sources, in order.
 * @throws AppError `version_not_found`: content without one of them would be another content
 */
export function versionsOfSources(
  sources: Inputs["sources"],
  versions: Map<string, TemplateVersion>,
): TemplateVersion[] {
  return sources.map(({ templateId, versionId }) => {
    const version = versions.get(versionId);
    if (version?.templateId === templateId) return version;
    const message = `The version ${versionId} of the template ${templateId} is gone.`;
    throw new AppError({ code: "version_not_found", status: 404, message });
  });
}

/** Blobs whose documents make up the content, in order. Throws as `versionsOfSources` does. */
export function renderedBlobs(inputs: Inputs, versions: Map<string, TemplateVersion>): string[] {
  if (inputs.renderedBlobId !== null) return [inputs.renderedBlobId];
  return versionsOfSources(inputs.sources, versions).map((version) => version.renderedBlobId);
}

/** Values a device offers to `${...}` besides its secrets. */
export function valuesOf(device: Device, inputs: Inputs): SubstitutionValues {
  return {
    variables: inputs.variables,
    device: { id: device._id, name: device.name, labels: device.labels },
  };
}

/** The value of `device.id`, `device.name` or `device.labels.<key>`. */
export function deviceField(device: Device, name: string): string | undefined {
  if (name === "device.id") return device._id;
  if (name === "device.name") return device.name;
  const key = name.slice("device.labels.".length);
  return Object.hasOwn(device.labels, key) ? device.labels[key] : undefined;
}
