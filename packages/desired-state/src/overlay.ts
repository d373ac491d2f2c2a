import { errorMessage, isAppError, type Logger } from "@rciots/runtime";
import { composeOverlay, type Kustomize, type ManifestFile, type OverlayBase } from "@rciots/manifests";
import type { Device, Store, TemplateHead } from "@rciots/store";
import type { Content } from "./content.ts";
import { readFiles } from "./files-blob.ts";
import { compositionHash, missingTemplate, sourcesOf, versionsOfSources, type Inputs } from "./inputs.ts";

const pageSize = 100;

/** Renders devices' overlays on the templates they are assigned, away from the services that face devices. */
export function createOverlayRenderer(options: {
  store: Pick<Store, "blobs" | "content">;
  content: Content;
  kustomize: Kustomize | null;
  logger: Logger;
}) {
  const { store, content, kustomize, logger } = options;

  async function basesOf(
    organizationId: string,
    sources: Inputs["sources"],
    heads: readonly TemplateHead[],
  ): Promise<OverlayBase[]> {
    const versions = await content.versionsOf(
      organizationId,
      sources.map((source) => source.versionId),
    );
    return Promise.all(
      versionsOfSources(sources, versions).map(async (version) => ({
        name: heads.find((head) => head._id === version.templateId)?.name ?? version.templateId,
        files: await readFiles(store.blobs, organizationId, version.filesBlobId),
        root: version.root,
      })),
    );
  }

  async function compose(
    device: Device,
    sources: Inputs["sources"],
    heads: readonly TemplateHead[],
  ): Promise<{ files: ManifestFile[]; root: string } | undefined> {
    const { overlay, organizationId } = device;
    if (overlay === null) return undefined;
    const bases = await basesOf(organizationId, sources, heads);
    const files = await readFiles(store.blobs, organizationId, overlay.blobId);
    return composeOverlay({ bases, overlay: { files, root: overlay.root } });
  }

  async function render(
    device: Device,
    sources: Inputs["sources"],
    heads: readonly TemplateHead[],
    inputsHash: string,
  ): Promise<boolean> {
    if (kustomize === null) return false;
    try {
      const composed = await compose(device, sources, heads);
      if (composed === undefined) return false;
      const { ndjson } = await kustomize.render(composed.files, { root: composed.root });
      const renderedBlobId = await store.blobs.put(device.organizationId, Buffer.from(ndjson, "utf8"));
      await store.content.setComposition(device, { inputsHash, renderedBlobId, error: null });
    } catch (error) {
      // What an operator can mend is kept with the device; anything else is tried again.
      if (!isAppError(error) || error.status >= 500) throw error;
      await store.content.setComposition(device, { inputsHash, renderedBlobId: null, error: error.message });
    }
    return true;
  }

  /** Renders one device's overlay where what it has is out of date; true when something new is in force. */
  async function renderOne(device: Device): Promise<boolean> {
    if (device.overlay === null) return false;
    const templateIds = device.assignments.map((assignment) => assignment.templateId);
    const heads = await store.content.templates(device.organizationId, templateIds);
    if (missingTemplate(device, heads) !== undefined) return false;
    const sources = sourcesOf(device, heads);
    const inputsHash = compositionHash(sources, device.overlay);
    return device.composition?.inputsHash === inputsHash ? false : render(device, sources, heads, inputsHash);
  }

  return {
    /** What a device would be rendered from with these sources: its templates and its overlay on top. */
    compose,
    renderOne,

    /** One round over all devices with an overlay; returns those that changed. */
    async renderAll(signal: AbortSignal): Promise<Device[]> {
      const changed: Device[] = [];
      let afterId = "";
      for (;;) {
        const page = await store.content.devicesWithOverlay(afterId, pageSize);
        for (const device of page) {
          if (signal.aborted) return changed;
          const isNew = await renderOne(device).catch((error: unknown) => {
            logger.error(
              { deviceId: device._id, error: errorMessage(error) },
              "overlay can't be rendered now",
            );
            return false;
          });
          if (isNew) changed.push(device);
        }
        if (page.length < pageSize) return changed;
        afterId = page.at(-1)?._id ?? "";
      }
    },
  };
}
