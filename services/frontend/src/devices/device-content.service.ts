import type { DesiredStateService } from "@rciots/desired-state";
import { validateManifestFiles, type ManifestFile } from "@rciots/manifests";
import { badRequest, notFound } from "@rciots/runtime";
import type { Assignment, Device, DeviceRevision, Store } from "@rciots/store";
import { createHash } from "node:crypto";
import { changesOf, isSame } from "../http/optimistic-change.ts";
import { patchMap } from "../http/fields.ts";
import { withContentErrors } from "../templates/content-error.ts";
import { objectsOf, toYaml, type NamedObject } from "../templates/rendered-yaml.ts";
import type { DevicesService, MemberActing } from "./devices.service.ts";

export interface Target {
  id: string;
  ifMatch: number | undefined;
}

export interface WantedTemplate {
  templateId: string;
  /** Absent or null follows the template's current version. */
  versionId?: string | null | undefined;
}

export interface DevicePreview {
  yaml: string;
  /** SHA-256 of the rendering with secrets masked. */
  digest: string;
  objects: NamedObject[];
}

/** Templates of one device. */
export const maxAssignments = 20;

const revisionNotFound = (revision: number): Error =>
  notFound({ code: "revision_not_found", message: `The device has no revision ${revision}.` });

export type DeviceContentService = ReturnType<typeof createDeviceContentService>;

/** What devices run: their labels and variables, templates, overlay files, and going back to older content. */
export function createDeviceContentService(options: {
  store: Pick<Store, "templates" | "deviceRevisions">;
  devices: DevicesService;
  desiredState: Pick<
    DesiredStateService,
    "writeFiles" | "readFiles" | "previewVersions" | "previewFiles" | "previewRevision"
  >;
  /** Told when overlays may have to be rendered again. */
  onOverlayChanged: () => void;
}) {
  const { store, devices, desiredState, onOverlayChanged } = options;

  /** Throws 400 where a template or version isn't there, or the version is another template's. */
  async function checkAssignments(organizationId: string, wanted: readonly Assignment[]): Promise<void> {
    const versionIds = wanted.flatMap(({ pinnedVersionId }) => pinnedVersionId ?? []);
    const [templates, versions] = await Promise.all([
      store.templates.findMany(
        organizationId,
        wanted.map(({ templateId }) => templateId),
      ),
      store.templates.findVersions(organizationId, versionIds),
    ]);
    for (const { templateId, pinnedVersionId } of wanted) {
      if (!templates.some((template) => template._id === templateId)) {
        throw badRequest({ code: "template_not_found", message: `There is no template ${templateId}.` });
      }
      const version = versions.find((candidate) => candidate._id === pinnedVersionId);
      if (pinnedVersionId !== null && version?.templateId !== templateId) {
        const message = `The template ${templateId} has no version ${pinnedVersionId}.`;
        throw badRequest({ code: "template_version_not_found", message });
      }
    }
  }

  async function editMap(
    acting: MemberActing,
    target: Target,
    field: "labels" | "variables",
    next: (current: Record<string, string>) => Record<string, string>,
    check: (next: Record<string, string>) => void,
  ): Promise<Device> {
    return devices.edit(acting, {
      ...target,
      kind: `device.${field}-changed`,
      message: (device) => `The ${field} of ${device.name} were changed.`,
      audited: [field],
      affects: ["content"],
      change(device) {
        const wanted = next(device[field]);
        check(wanted);
        return changesOf(device, { [field]: wanted });
      },
    });
  }

  return {
    replaceMap: (
      acting: MemberActing,
      target: Target,
      field: "labels" | "variables",
      map: Record<string, string>,
    ) =>
      editMap(
        acting,
        target,
        field,
        () => map,
        () => undefined,
      ),

    /** `check` throws where the outcome is too large. */
    patchMap: (
      acting: MemberActing,
      target: Target,
      field: "labels" | "variables",
      patch: Record<string, string | null>,
      check: (next: Record<string, string>) => void,
    ) => editMap(acting, target, field, (current) => patchMap(current, patch), check),

    /** Replaces what is assigned, in this order, and ends a rollback. */
    async assign(acting: MemberActing, target: Target, wanted: readonly WantedTemplate[]): Promise<Device> {
      const assignments = wanted.map(({ templateId, versionId }) => ({
        templateId,
        pinnedVersionId: versionId ?? null,
      }));
      const { organizationId } = acting.caller;
      await devices.get(organizationId, target.id);
      await checkAssignments(organizationId, assignments);
      const device = await devices.edit(acting, {
        ...target,
        kind: "device.templates-assigned",
        message: ({ name }) => `The templates of ${name} were changed.`,
        audited: ["assignments", "pinnedRevision"],
        affects: ["content"],
        change: (current) => changesOf(current, { assignments, pinnedRevision: null }),
      });
      if (device.overlay !== null) onOverlayChanged();
      return device;
    },

    /** Assigns some templates more, following their current versions, and takes others away; ends a rollback. */
    async changeTemplates(
      acting: MemberActing,
      target: Target,
      { add, remove }: { add: readonly string[]; remove: readonly string[] },
    ): Promise<Device> {
      const added = add.map((templateId) => ({ templateId, pinnedVersionId: null }));
      await checkAssignments(acting.caller.organizationId, added);
      const device = await devices.edit(acting, {
        ...target,
        kind: "device.templates-assigned",
        message: ({ name }) => `The templates of ${name} were changed.`,
        audited: ["assignments", "pinnedRevision"],
        affects: ["content"],
        change(current) {
          const has = (id: string): boolean =>
            current.assignments.some(({ templateId }) => templateId === id);
          const kept = current.assignments.filter(({ templateId }) => !remove.includes(templateId));
          const assignments = [...kept, ...added.filter(({ templateId }) => !has(templateId))];
          if (isSame(assignments, current.assignments)) return null;
          if (assignments.length > maxAssignments) {
            const message = `The device would have more than ${maxAssignments} templates.`;
            throw badRequest({ code: "too_many_templates", message });
          }
          return { assignments, pinnedRevision: null };
        },
      });
      if (device.overlay !== null) onOverlayChanged();
      return device;
    },

    async overlay(
      organizationId: string,
      id: string,
    ): Promise<{ device: Device; root: string; files: ManifestFile[] }> {
      const device = await devices.get(organizationId, id);
      const { overlay } = device;
      if (overlay === null) {
        throw notFound({ code: "overlay_not_found", message: "The device has no overlay files." });
      }
      return {
        device,
        root: overlay.root,
        files: await desiredState.readFiles(organizationId, overlay.blobId),
      };
    },

    /** Files on top of the templates; rendered in the background, errors are then shown with the device. */
    async setOverlay(
      acting: MemberActing,
      target: Target,
      input: { files: readonly ManifestFile[]; root: string },
    ): Promise<Device> {
      const { organizationId } = acting.caller;
      await devices.get(organizationId, target.id);
      const blobId = await withContentErrors(async () =>
        desiredState.writeFiles(organizationId, validateManifestFiles(input.files, { root: null })),
      );
      const overlay = { blobId, root: input.root };
      const device = await devices.edit(acting, {
        ...target,
        kind: "device.overlay-changed",
        message: ({ name }) => `The overlay files of ${name} were changed.`,
        audited: ["overlay", "pinnedRevision"],
        affects: ["content"],
        change: (current) =>
          isSame(current.overlay, overlay) && current.pinnedRevision === null
            ? null
            : { overlay, composition: null, pinnedRevision: null },
      });
      onOverlayChanged();
      return device;
    },

    removeOverlay: (acting: MemberActing, target: Target) =>
      devices.edit(acting, {
        ...target,
        kind: "device.overlay-removed",
        message: ({ name }) => `The overlay files of ${name} were removed.`,
        audited: ["overlay"],
        affects: ["content"],
        change: (current) =>
          current.overlay === null ? null : { overlay: null, composition: null, pinnedRevision: null },
      }),

    /** Puts the content of an earlier revision in force until something is assigned, or it is unpinned. */
    async rollback(acting: MemberActing, target: Target, revision: number): Promise<Device> {
      const found = await store.deviceRevisions.get(acting.caller.organizationId, target.id, revision);
      return devices.edit(acting, {
        ...target,
        kind: "device.rolled-back",
        message: ({ name }) => `${name} was set back to revision ${revision}.`,
        audited: ["pinnedRevision"],
        affects: ["content"],
        change(current) {
          if (found === null) throw revisionNotFound(revision);
          return changesOf(current, { pinnedRevision: revision });
        },
      });
    },

    unpin: (acting: MemberActing, target: Target) =>
      devices.edit(acting, {
        ...target,
        kind: "device.unpinned",
        message: ({ name }) => `${name} follows its templates again.`,
        audited: ["pinnedRevision"],
        affects: ["content"],
        change: (current) => changesOf(current, { pinnedRevision: null }),
      }),

    /** A revision with its content as it was made, secrets masked; the name and labels are the device's of today. */
    async revision(
      organizationId: string,
      id: string,
      number: number,
    ): Promise<{ revision: DeviceRevision } & Omit<DevicePreview, "digest">> {
      const device = await devices.get(organizationId, id);
      const revision = await store.deviceRevisions.get(organizationId, id, number);
      if (revision === null) throw revisionNotFound(number);
      const { ndjson } = await withContentErrors(() => desiredState.previewRevision(device, revision.inputs));
      return { revision, yaml: toYaml(ndjson), objects: objectsOf(ndjson) };
    },

    /** What the device would run: as it is, with other templates, or of files that are no template yet. */
    async preview(
      organizationId: string,
      id: string,
      input: {
        templates?: readonly WantedTemplate[] | undefined;
        files?: readonly ManifestFile[] | undefined;
        root: string;
        /** False leaves the device's overlay files out. */
        overlay: boolean;
      },
    ): Promise<DevicePreview> {
      const found = await devices.get(organizationId, id);
      const device = input.overlay ? found : { ...found, overlay: null };
      const { files, root } = input;
      const sources = await sourcesOf(organizationId, input.templates);
      const { ndjson } = await withContentErrors(async () =>
        files === undefined
          ? desiredState.previewVersions(device, sources)
          : desiredState.previewFiles(device, validateManifestFiles(files, { root }), root),
      );
      const digest = createHash("sha256").update(ndjson).digest("hex");
      return { yaml: toYaml(ndjson), digest, objects: objectsOf(ndjson) };
    },
  };

  async function sourcesOf(organizationId: string, wanted: readonly WantedTemplate[] | undefined) {
    if (wanted === undefined) return undefined;
    const assignments = wanted.map(({ templateId, versionId }) => ({
      templateId,
      pinnedVersionId: versionId ?? null,
    }));
    await checkAssignments(organizationId, assignments);
    const templates = await store.templates.findMany(
      organizationId,
      assignments.map(({ templateId }) => templateId),
    );
    return assignments.flatMap(({ templateId, pinnedVersionId }) => {
      const current = templates.find((template) => template._id === templateId)?.currentVersionId ?? null;
      const versionId = pinnedVersionId ?? current;
      return versionId === null ? [] : [{ templateId, versionId }];
    });
  }
}
