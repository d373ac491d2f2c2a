import type { DesiredStateService } from "@rciots/desired-state";
import { validateManifestFiles, type GitSnapshot, type ManifestFile } from "@rciots/manifests";
import { newId, type Bus } from "@rciots/runtime";
import type { Store, Template, TemplateVersion } from "@rciots/store";
import { withContentErrors } from "./content-error.ts";

/** What a version is made from. */
export interface VersionInput {
  files: readonly ManifestFile[];
  root: string;
  commit: TemplateVersion["commit"];
  createdBy: string;
}

export interface MadeVersion {
  versionId: string;
  /** False where the files are those of the current version: nothing was made. */
  isNew: boolean;
  number: number | null;
  warnings: string[];
}

export type TemplateVersions = ReturnType<typeof createTemplateVersions>;

export function commitOf(snapshot: GitSnapshot): NonNullable<TemplateVersion["commit"]> {
  const { commit, subject, author, committedAt } = snapshot;
  return {
    id: commit,
    subject,
    author: `${author.name} <${author.email}>`,
    committedAt: new Date(committedAt),
  };
}

/** Renders files into immutable versions, and tells who runs them. */
export function createTemplateVersions(options: {
  store: Pick<Store, "templates" | "devices">;
  desiredState: Pick<DesiredStateService, "renderFiles">;
  bus: Bus;
  /** Told when overlays may have to be rendered again. */
  onTemplateChanged: () => void;
}) {
  const { store, desiredState, bus, onTemplateChanged } = options;

  async function insert(
    template: Pick<Template, "_id" | "organizationId">,
    number: number,
    input: VersionInput,
    content: Awaited<ReturnType<DesiredStateService["renderFiles"]>>,
  ): Promise<string> {
    const version: TemplateVersion = {
      _id: newId("tpv"),
      organizationId: template.organizationId,
      templateId: template._id,
      number,
      contentHash: content.contentHash,
      filesBlobId: content.filesBlobId,
      root: input.root,
      renderedBlobId: content.renderedBlobId,
      objectCount: content.objectCount,
      variables: content.variables,
      secrets: content.secrets,
      commit: input.commit,
      createdBy: input.createdBy,
      createdAt: new Date(),
    };
    await store.templates.insertVersion(version);
    return version._id;
  }

  function render(organizationId: string, input: VersionInput) {
    return withContentErrors(async () => {
      const files = validateManifestFiles(input.files, { root: input.root });
      return desiredState.renderFiles(organizationId, files, input.root);
    });
  }

  return {
    /** The first version of a template that isn't stored yet. Throws what is wrong with the files. */
    async first(
      template: Pick<Template, "_id" | "organizationId">,
      input: VersionInput,
    ): Promise<MadeVersion> {
      const content = await render(template.organizationId, input);
      const versionId = await insert(template, 1, input, content);
      return { versionId, isNew: true, number: 1, warnings: content.warnings };
    },

    /** Makes a version unless the files are those of the current one. It isn't the current one yet. */
    async next(template: Template, input: VersionInput): Promise<MadeVersion> {
      const { organizationId, _id, currentVersionId } = template;
      const content = await render(organizationId, input);
      const current =
        currentVersionId === null
          ? null
          : await store.templates.findVersion(organizationId, currentVersionId);
      if (current?.contentHash === content.contentHash && current.root === input.root) {
        return { versionId: current._id, isNew: false, number: current.number, warnings: content.warnings };
      }
      const number = await store.templates.reserveVersionNumber(organizationId, _id);
      const versionId = await insert(template, number ?? 1, input, content);
      return { versionId, isNew: true, number, warnings: content.warnings };
    },

    /** After another version became the current one: hints to the devices that follow it, page by page. */
    async announce({ organizationId, _id: templateId }: Template): Promise<void> {
      bus.publish("template:changed", { organizationId, templateId });
      onTemplateChanged();
      for await (const deviceIds of store.devices.followersOf(organizationId, templateId)) {
        bus.publish("desired:changed", { organizationId, deviceIds });
      }
    },
  };
}
