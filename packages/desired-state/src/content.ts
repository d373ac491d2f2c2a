import { AppError } from "@rciots/runtime";
import {
  compileSubstitution,
  createBundle,
  mergeDocuments,
  type Bundle,
  type Substitution,
} from "@rciots/manifests";
import type { Device, Secret, Store, TemplateVersion } from "@rciots/store";
import { createByteCache } from "./byte-cache.ts";
import { deviceField, hashOf, renderedBlobs, valuesOf, type Inputs } from "./inputs.ts";
import type { OrganizationVault } from "./organization-vault.ts";

/** A part of the hash of every input: raise it when the same inputs begin to make another content. */
const contentFormat = 1;
const compiledCacheBytes = 128 * 1_048_576;
const bundleCacheBytes = 128 * 1_048_576;

/** Rendered documents of a set of versions, ready for the values of any device. */
export interface Rendering {
  key: string;
  compiled: Substitution;
  /** Bytes of the documents. */
  sizeBytes: number;
}

/** Makes bundles of renderings and values, and remembers them. */
export function createContent({
  store,
  secretVault,
}: {
  store: Pick<Store, "blobs" | "content">;
  secretVault: OrganizationVault;
}) {
  const versions = createByteCache<TemplateVersion>({ maxBytes: 16 * 1_048_576 });
  const renderings = createByteCache<Promise<Rendering>>({ maxBytes: compiledCacheBytes });
  const bundles = createByteCache<Bundle>({ maxBytes: bundleCacheBytes });
  const byEncodedDigest = createByteCache<string>({ maxBytes: 8 * 1_048_576 });
  const openedSecrets = createByteCache<string>({ maxBytes: 16 * 1_048_576 });

  async function readBlob(organizationId: string, id: string): Promise<string> {
    const content = await store.blobs.get(organizationId, id);
    if (content === undefined) {
      throw new AppError({
        code: "content_missing",
        status: 500,
        message: "A rendered template is missing from the store.",
      });
    }
    return content.toString("utf8");
  }

  async function loadRendering(organizationId: string, key: string, blobIds: string[]): Promise<Rendering> {
    const parts = await Promise.all(
      blobIds.map(async (id, index) => ({
        name: `template ${index + 1}`,
        ndjson: await readBlob(organizationId, id),
      })),
    );
    const [only] = parts;
    const ndjson = parts.length === 1 && only !== undefined ? only.ndjson : mergeDocuments(parts).ndjson;
    return { key, compiled: compileSubstitution(ndjson), sizeBytes: Buffer.byteLength(ndjson) };
  }

  return {
    /** Template versions by id; they never change, so each is read once. */
    async versionsOf(organizationId: string, ids: string[]): Promise<Map<string, TemplateVersion>> {
      const known = new Map(ids.flatMap((id) => [[id, versions.get(id)] as const]));
      const missing = ids.filter((id) => known.get(id) === undefined);
      for (const version of missing.length === 0
        ? []
        : await store.content.versions(organizationId, missing)) {
        versions.set(version._id, version, 1_024);
        known.set(version._id, version);
      }
      return new Map(
        [...known].flatMap(([id, version]) =>
          version?.organizationId === organizationId ? [[id, version]] : [],
        ),
      );
    },

    /** The documents that inputs lead to, merged and compiled once for all devices that share them. */
    async rendering(
      organizationId: string,
      inputs: Inputs,
      known: Map<string, TemplateVersion>,
    ): Promise<Rendering> {
      const blobIds = renderedBlobs(inputs, known);
      const key = blobIds.join(" ");
      const cached = renderings.get(key);
      if (cached !== undefined) return cached;
      const loading = loadRendering(organizationId, key, blobIds);
      renderings.set(key, loading, 1);
      // Concurrent callers share one load; a failed one is forgotten, a good one is weighed.
      const rendering = await loading.catch((error: unknown) => {
        renderings.set(key, loading, Number.POSITIVE_INFINITY);
        throw error;
      });
      renderings.set(key, loading, rendering.sizeBytes * 3);
      return rendering;
    },

    /** Values of secrets, opened once for each version of theirs. */
    async openSecrets(secrets: Secret[]): Promise<Record<string, string>> {
      const opened: Record<string, string> = {};
      for (const secret of secrets) {
        const key = `${secret._id}:${secret.version}`;
        const value = openedSecrets.get(key) ?? (await secretVault.openSecret(secret));
        openedSecrets.set(key, value, value.length * 2 + 100);
        opened[secret.name] = value;
      }
      return opened;
    },

    /** Equal for equal content; computed without making it. */
    hash(
      device: Device,
      inputs: Inputs,
      rendering: Rendering,
      secretVersions: Record<string, number>,
    ): string {
      const { variables, secrets, deviceFields } = rendering.compiled;
      const usedVariables = variables.map(({ name }) => [name, inputs.variables[name] ?? null]);
      const usedFields = deviceFields.map((name) => [name, deviceField(device, name) ?? null]);
      const usedSecrets = secrets.map((name) => [name, secretVersions[name] ?? null]);
      return hashOf([contentFormat, rendering.key, usedVariables, usedFields, usedSecrets]);
    },

    /** @throws AppError that names every variable and secret without a value. */
    async bundle(
      device: Device,
      inputs: Inputs,
      rendering: Rendering,
      hash: string,
      secrets: Record<string, string>,
    ): Promise<Bundle> {
      const key = `${device.organizationId} ${hash}`;
      const cached = bundles.get(key);
      if (cached !== undefined) return cached;
      const bundle = await createBundle(rendering.compiled.apply({ ...valuesOf(device, inputs), secrets }));
      bundles.set(key, bundle, bundle.encodedSizeBytes + 512);
      byEncodedDigest.set(`${device.organizationId} ${bundle.encodedDigest}`, key, 256);
      return bundle;
    },

    /** A bundle made before, by what it is transferred as. */
    cachedBundle(organizationId: string, encodedDigest: string): Bundle | undefined {
      const key = byEncodedDigest.get(`${organizationId} ${encodedDigest}`);
      return key === undefined ? undefined : bundles.get(key);
    },
  };
}
export type Content = ReturnType<typeof createContent>;
