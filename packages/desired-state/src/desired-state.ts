import type { DesiredState } from "@rciots/protocol";
import { isAppError, type Logger } from "@rciots/runtime";
import type { Bundle, Kustomize, ManifestFile } from "@rciots/manifests";
import type { Device, Store } from "@rciots/store";
import { createAdvance } from "./advance.ts";
import { createByteCache } from "./byte-cache.ts";
import { createContent } from "./content.ts";
import { readFiles, writeFiles } from "./files-blob.ts";
import { isFault, sourcesOf, currentInputs } from "./inputs.ts";
import type { OrganizationVault } from "./organization-vault.ts";
import { createOverlayRenderer } from "./overlay.ts";
import {
  createPreview,
  type CheckedContent,
  type Preview,
  type RevisionPreview,
  type VersionContent,
} from "./preview.ts";
import type { Inputs } from "./inputs.ts";

export interface DesiredStateService {
  /**
   * Computes what each device should run now, stores a new revision where the content changed, and returns
   * what to tell each. Content that can't be made is noted on the device, and leaves what it runs in force.
   * A device that another replica moved meanwhile is left out: ask again.
   */
  advance(devices: Device[]): Promise<Map<string, DesiredState>>;
  /** The whole encoded bundle, or undefined where the device should run another content by now. */
  readBundle(deviceId: string, encodedDigest: string): Promise<Buffer | undefined>;
  renderFiles(organizationId: string, files: readonly ManifestFile[], root: string): Promise<VersionContent>;
  /** As `renderFiles`, but nothing is stored. */
  checkFiles(files: readonly ManifestFile[], root: string): Promise<CheckedContent>;
  readFiles(organizationId: string, blobId: string): Promise<ManifestFile[]>;
  /** Stores files of an overlay; returns the blob's id. */
  writeFiles(organizationId: string, files: readonly ManifestFile[]): Promise<string>;
  /** NDJSON that `renderFiles` stored. */
  readRendered(organizationId: string, blobId: string): Promise<string | undefined>;
  previewVersions(device: Device, sources?: Inputs["sources"]): Promise<Preview>;
  previewFiles(device: Device, files: readonly ManifestFile[], root: string): Promise<Preview>;
  previewRevision(device: Device, inputs: Inputs): Promise<RevisionPreview>;
  /** Renders one device's overlay if it is out of date; true when something new is in force. */
  renderOverlay(device: Device): Promise<boolean>;
  /** Renders all overlays that are out of date; returns the devices that changed. */
  renderOverlays(signal: AbortSignal): Promise<Device[]>;
}

/** From templates, overlays, variables and secrets to what each device should run. */
export function createDesiredState(options: {
  store: Pick<Store, "blobs" | "content" | "deviceRevisions">;
  secretVault: OrganizationVault;
  /** Null on a connector, which renders nothing, and where no kustomize was found. */
  kustomize: Kustomize | null;
  logger: Logger;
}): DesiredStateService {
  const { store, secretVault, kustomize, logger } = options;
  const content = createContent({ store, secretVault, logger });
  const overlays = createOverlayRenderer({ store, content, kustomize, logger });
  const preview = createPreview({ store, content, overlays, kustomize });
  const advance = createAdvance({ store, content, logger });

  // Who was offered what: a device reads its own content only, and mostly without asking the store.
  const offers = createByteCache<{ organizationId: string; encodedDigest: string }>({
    maxBytes: 16 * 1_048_576,
  });

  function remember(organizationId: string, deviceId: string, wire: DesiredState | undefined): void {
    if (wire?.kind === "bundle")
      offers.set(deviceId, { organizationId, encodedDigest: wire.encodedDigest }, 256);
  }

  async function inputsInForce(device: Device): Promise<Inputs | undefined> {
    const found = await store.deviceRevisions.get(device.organizationId, device._id, device.desired.revision);
    if (found !== null) return found.inputs;
    const templateIds = device.assignments.map((assignment) => assignment.templateId);
    const inputs = currentInputs(
      device,
      sourcesOf(device, await store.content.templates(device.organizationId, templateIds)),
    );
    return inputs === undefined || isFault(inputs) ? undefined : inputs;
  }

  /** Makes the bundle in force once more, as after a restart. */
  async function remake(device: Device): Promise<Bundle | undefined> {
    const inputs = await inputsInForce(device);
    if (inputs === undefined) return undefined;
    const versions = await content.versionsOf(
      device.organizationId,
      inputs.sources.map((source) => source.versionId),
    );
    const rendering = await content.rendering(device.organizationId, inputs, versions);
    const secrets = await content.openSecrets(device.organizationId, rendering.compiled.secrets);
    const hash = content.hash(device, inputs, rendering, secrets.versions);
    return content.bundle(device, inputs, rendering, hash, secrets);
  }

  /** Another build of zlib compresses the same content to other bytes: offer these from now on. */
  async function offerAs(device: Device, bundle: Bundle): Promise<void> {
    const { desired, organizationId, _id: deviceId } = device;
    if (desired.wire.kind !== "bundle") return;
    const { encodedDigest, encodedSizeBytes: encodedBytes } = bundle;
    const wire = { ...desired.wire, encodedDigest, encodedBytes };
    const change = {
      deviceId,
      organizationId,
      fromRevision: desired.revision,
      desired: { ...desired, wire },
    };
    await store.deviceRevisions.advance([change]);
  }

  return {
    async advance(devices) {
      const states = await advance(devices);
      for (const device of devices) remember(device.organizationId, device._id, states.get(device._id));
      return states;
    },
    async readBundle(deviceId, encodedDigest) {
      const offer = offers.get(deviceId);
      const cached =
        offer?.encodedDigest === encodedDigest
          ? content.cachedBundle(offer.organizationId, encodedDigest)
          : undefined;
      if (cached !== undefined) return cached.encoded;
      const device = await store.content.deviceById(deviceId);
      if (device === null) return undefined;
      const { wire } = device.desired;
      if (wire.kind !== "bundle") return undefined;
      const bundle = await remake(device).catch((error: unknown) => {
        // A value or a version that it was made of is gone: there is no such content any more.
        if (isAppError(error) && error.status < 500) return undefined;
        throw error;
      });
      if (bundle?.encodedDigest === encodedDigest) {
        // The next chunk is read without asking the store.
        offers.set(deviceId, { organizationId: device.organizationId, encodedDigest }, 256);
        return bundle.encoded;
      }
      if (bundle?.digest === wire.digest) await offerAs(device, bundle);
      return undefined;
    },
    renderFiles: preview.renderFiles,
    checkFiles: preview.checkFiles,
    readFiles: (organizationId, blobId) => readFiles(store.blobs, organizationId, blobId),
    writeFiles: (organizationId, files) => writeFiles(store.blobs, organizationId, files),
    async readRendered(organizationId, blobId) {
      return (await store.blobs.get(organizationId, blobId))?.toString("utf8");
    },
    previewVersions: preview.previewVersions,
    previewFiles: preview.previewFiles,
    previewRevision: preview.previewRevision,
    renderOverlay: overlays.renderOne,
    renderOverlays: overlays.renderAll,
  };
}
