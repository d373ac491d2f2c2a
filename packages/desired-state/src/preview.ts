import { AppError } from "@rciots/runtime";
import { compileSubstitution, mergeDocuments, type Kustomize, type ManifestFile } from "@rciots/manifests";
import type { Device, Store } from "@rciots/store";
import type { Content } from "./content.ts";
import { writeFiles } from "./files-blob.ts";
import { renderedBlobs, sourcesOf, valuesOf, type Inputs } from "./inputs.ts";
import type { createOverlayRenderer } from "./overlay.ts";

/** What is shown where a secret's value would stand. */
const mask = "********";

/** What a template version is made of, all of it in the store. */
export interface VersionContent {
  /** SHA-256 of the files; equal for equal files. */
  contentHash: string;
  filesBlobId: string;
  renderedBlobId: string;
  objectCount: number;
  variables: string[];
  secrets: string[];
  warnings: string[];
}

export interface Preview {
  /** One Kubernetes object a line, secrets masked. */
  ndjson: string;
  objectCount: number;
}

/** Looks at content without changing what any device runs. */
export function createPreview(options: {
  store: Pick<Store, "blobs" | "content">;
  content: Content;
  overlays: ReturnType<typeof createOverlayRenderer>;
  kustomize: Kustomize | null;
}) {
  const { store, content, overlays, kustomize } = options;

  function renderer(): Kustomize {
    if (kustomize !== null) return kustomize;
    const message =
      "The platform found no kustomize: install kustomize, kubectl or oc, or set RCIOTS_KUSTOMIZE to its path.";
    throw new AppError({ code: "kustomize_missing", status: 503, message });
  }

  async function currentNdjson(device: Device, sources: Inputs["sources"]): Promise<string> {
    const heads = await store.content.templates(
      device.organizationId,
      sources.map((source) => source.templateId),
    );
    const composed = await overlays.compose(device, sources, heads);
    if (composed !== undefined)
      return (await renderer().render(composed.files, { root: composed.root })).ndjson;
    const versionIds = sources.map((source) => source.versionId);
    const versions = await content.versionsOf(device.organizationId, versionIds);
    const blobIds = renderedBlobs(
      { sources, overlayBlobId: null, renderedBlobId: null, variables: {} },
      versions,
    );
    const parts = await Promise.all(
      blobIds.map(async (id) => ({
        name: id,
        ndjson: (await store.blobs.get(device.organizationId, id))?.toString("utf8") ?? "",
      })),
    );
    return mergeDocuments(parts).ndjson;
  }

  function fill(device: Device, sources: Inputs["sources"], ndjson: string): Preview {
    const compiled = compileSubstitution(ndjson);
    const values = valuesOf(device, {
      sources,
      overlayBlobId: null,
      renderedBlobId: null,
      variables: device.variables,
    });
    const secrets = Object.fromEntries(compiled.secrets.map((name) => [name, mask]));
    const filled = compiled.apply({ ...values, secrets });
    return { ndjson: filled, objectCount: filled === "" ? 0 : filled.trimEnd().split("\n").length };
  }

  return {
    /**
     * Checks and renders files and stores both. The caller makes a template version of it.
     * @throws AppError with the file and line at fault
     */
    async renderFiles(
      organizationId: string,
      files: readonly ManifestFile[],
      root: string,
    ): Promise<VersionContent> {
      const rendered = await renderer().render(files, { root });
      const { variables, secrets } = compileSubstitution(rendered.ndjson);
      const filesBlobId = await writeFiles(store.blobs, organizationId, files);
      const renderedBlobId = await store.blobs.put(organizationId, Buffer.from(rendered.ndjson, "utf8"));
      const contentHash = filesBlobId.slice(filesBlobId.indexOf("/") + 1);
      return {
        contentHash,
        filesBlobId,
        renderedBlobId,
        objectCount: rendered.objectCount,
        variables: variables.map((variable) => variable.name),
        secrets,
        warnings: rendered.warnings,
      };
    },

    /** What a device would run with its assignments as they are, or with these versions in place of them. */
    async previewVersions(device: Device, sources?: Inputs["sources"]): Promise<Preview> {
      const templateIds = device.assignments.map((assignment) => assignment.templateId);
      const chosen =
        sources ?? sourcesOf(device, await store.content.templates(device.organizationId, templateIds));
      return fill(device, chosen, await currentNdjson(device, chosen));
    },

    /** What a device would run of files that are no version yet. */
    async previewFiles(device: Device, files: readonly ManifestFile[], root: string): Promise<Preview> {
      return fill(device, [], (await renderer().render(files, { root })).ndjson);
    },
  };
}
