import { AppError } from "@rciots/runtime";
import {
  compileSubstitution,
  faultsOf,
  locatePlaceholders,
  type Kustomize,
  type ManifestFile,
  type RenderResult,
  type Substitution,
  type SubstitutionValues,
} from "@rciots/manifests";
import type { Device, Store } from "@rciots/store";
import type { Content } from "./content.ts";
import { writeFiles } from "./files-blob.ts";
import { renderedBlobs, sourcesOf, valuesOf, type Inputs } from "./inputs.ts";
import type { createOverlayRenderer } from "./overlay.ts";
import { secretPlaces, type Place } from "./secret-places.ts";

/**
 * What is shown where a secret's value would stand: the first of these that its place takes. The second is base64,
 * as under a Secret's `data`; the others are for `|int`, `|number` and `|bool`.
 */
const masks = ["********", "REDACTED", "0", "true"] as const;
/** Others that the same places take, to find those places by. */
const otherMasks = ["++++++++", "DETCADER", "1", "false"] as const;

/** The index of the mask that stands for each secret. */
type Chosen = Map<string, number>;

function fillWith(
  compiled: Substitution,
  values: SubstitutionValues,
  chosen: Chosen,
  from: readonly string[],
): string {
  const secrets = Object.fromEntries([...chosen].map(([name, index]) => [name, from[index] ?? ""]));
  return compiled.apply({ ...values, secrets });
}

function fillMasked(compiled: Substitution, values: SubstitutionValues): { ndjson: string; chosen: Chosen } {
  const chosen: Chosen = new Map(compiled.secrets.map((name) => [name, 0]));
  for (;;) {
    try {
      return { ndjson: fillWith(compiled, values, chosen, masks), chosen };
    } catch (error) {
      // Each round takes a later mask for one secret at least, so that there is a last one.
      if (!takeNextMasks(chosen, error)) throw error;
    }
  }
}

/** False where no other mask would help. */
function takeNextMasks(chosen: Chosen, error: unknown): boolean {
  const faults = faultsOf(error).filter((fault) => fault.code === "value_invalid");
  const named = faults.flatMap(({ entry = "" }) =>
    entry.startsWith("secret.") ? [entry.slice("secret.".length)] : [],
  );
  // A place that wants base64 names its field, not the secret.
  const unfit = named.length > 0 ? named : [...chosen.keys()].filter((name) => chosen.get(name) === 0);
  const next = unfit.flatMap((name) => {
    const index = (chosen.get(name) ?? masks.length) + 1;
    return index < masks.length ? [[name, index] as const] : [];
  });
  for (const [name, index] of next) chosen.set(name, index);
  return faults.length > 0 && next.length > 0;
}

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

/** What files render to, nothing of it stored. */
export interface CheckedContent {
  /** One Kubernetes object a line, placeholders as they are. */
  ndjson: string;
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

/** A revision of a device as it was made, with the device's name and labels as they are now. */
export interface RevisionPreview extends Preview {
  /** Where its content depends on a secret, by `placesKey`. */
  secretPlaces: Map<string, Place[]>;
}

const countOf = (ndjson: string): number => (ndjson === "" ? 0 : ndjson.trimEnd().split("\n").length);

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

  /** Renders files and reads their placeholders; faults name the files as they were given. */
  async function renderSources(
    files: readonly ManifestFile[],
    root: string,
  ): Promise<{ rendered: RenderResult; compiled: Substitution }> {
    const rendered = await renderer().render(files, { root });
    try {
      return { rendered, compiled: compileSubstitution(rendered.ndjson) };
    } catch (error) {
      throw locatePlaceholders(error, files);
    }
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
    return content.documents(device.organizationId, blobIds);
  }

  function fill(device: Device, sources: Inputs["sources"], ndjson: string): Preview {
    const compiled = compileSubstitution(ndjson);
    const values = valuesOf(device, {
      sources,
      overlayBlobId: null,
      renderedBlobId: null,
      variables: device.variables,
    });
    const { ndjson: filled } = fillMasked(compiled, values);
    return { ndjson: filled, objectCount: countOf(filled) };
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
      const { rendered, compiled } = await renderSources(files, root);
      const filesBlobId = await writeFiles(store.blobs, organizationId, files);
      const renderedBlobId = await store.blobs.put(organizationId, Buffer.from(rendered.ndjson, "utf8"));
      const contentHash = filesBlobId.slice(filesBlobId.indexOf("/") + 1);
      return {
        contentHash,
        filesBlobId,
        renderedBlobId,
        objectCount: rendered.objectCount,
        variables: compiled.variables.map(({ name }) => name),
        secrets: compiled.secrets,
        warnings: rendered.warnings,
      };
    },

    /**
     * Checks and renders files and stores nothing.
     * @throws AppError with the file and line at fault
     */
    async checkFiles(files: readonly ManifestFile[], root: string): Promise<CheckedContent> {
      const { rendered, compiled } = await renderSources(files, root);
      const { ndjson, objectCount, warnings } = rendered;
      const variables = compiled.variables.map(({ name }) => name);
      return { ndjson, objectCount, variables, secrets: compiled.secrets, warnings };
    },

    /** What a device would run with its assignments as they are, or with these versions in place of them. */
    async previewVersions(device: Device, sources?: Inputs["sources"]): Promise<Preview> {
      const templateIds = device.assignments.map((assignment) => assignment.templateId);
      const chosen =
        sources ?? sourcesOf(device, await store.content.templates(device.organizationId, templateIds));
      return fill(device, chosen, await currentNdjson(device, chosen));
    },

    /** @throws AppError where a version, a variable or a rendering that it was made of is gone */
    async previewRevision(device: Device, inputs: Inputs): Promise<RevisionPreview> {
      const { organizationId } = device;
      const versionIds = inputs.sources.map((source) => source.versionId);
      const versions = await content.versionsOf(organizationId, versionIds);
      const { compiled } = await content.rendering(organizationId, inputs, versions);
      const values = valuesOf(device, inputs);
      const { ndjson, chosen } = fillMasked(compiled, values);
      const other = fillWith(compiled, values, chosen, otherMasks);
      return { ndjson, objectCount: countOf(ndjson), secretPlaces: secretPlaces(ndjson, other) };
    },

    /** What a device would run of files that are no version yet. */
    async previewFiles(device: Device, files: readonly ManifestFile[], root: string): Promise<Preview> {
      return fill(device, [], (await renderer().render(files, { root })).ndjson);
    },
  };
}
