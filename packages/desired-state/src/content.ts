import { AppError, errorMessage, isAppError, type Logger } from "@rciots/runtime";
import {
  compileSubstitution,
  createBundle,
  mergeDocuments,
  type Bundle,
  type Substitution,
} from "@rciots/manifests";
import type { Device, Secret, Store, TemplateVersion } from "@rciots/store";
import { createByteCache } from "./byte-cache.ts";
import { deviceField, hashOf, renderedBlobs, valuesOf, type ContentFault, type Inputs } from "./inputs.ts";
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

/** Secrets of one organisation, for the devices of one batch. */
export interface OpenSecrets {
  /** Names one value of each: a secret that is deleted and made anew is another one. */
  versions: Record<string, string>;
  values: Record<string, string>;
  /** Those that can't be opened; they concern only the devices that use them. */
  faults: Map<string, ContentFault>;
}

const secretVersion = (secret: Secret): string => `${secret._id}:${secret.version}`;

/** Makes bundles of renderings and values, and remembers them. */
export function createContent({
  store,
  secretVault,
  logger,
}: {
  store: Pick<Store, "blobs" | "content">;
  secretVault: OrganizationVault;
  logger: Logger;
}) {
  const versions = createByteCache<TemplateVersion>({ maxBytes: 16 * 1_048_576 });
  const renderings = createByteCache<Promise<Rendering>>({ maxBytes: compiledCacheBytes });
  const bundles = createByteCache<Bundle>({ maxBytes: bundleCacheBytes });
  /** Bundles that are being made: devices that share one wait for it together. */
  const making = new Map<string, Promise<Bundle>>();
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

  /** The documents of rendered blobs, one after the other. */
  async function documents(organizationId: string, blobIds: string[]): Promise<string> {
    const parts = await Promise.all(
      blobIds.map(async (id, index) => ({
        name: `template ${index + 1}`,
        ndjson: await readBlob(organizationId, id),
      })),
    );
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only.ndjson : mergeDocuments(parts).ndjson;
  }

  async function loadRendering(organizationId: string, key: string, blobIds: string[]): Promise<Rendering> {
    const ndjson = await documents(organizationId, blobIds);
    return { key, compiled: compileSubstitution(ndjson), sizeBytes: Buffer.byteLength(ndjson) };
  }

  async function openSecret(secret: Secret): Promise<string> {
    const key = secretVersion(secret);
    const value = openedSecrets.get(key) ?? (await secretVault.openSecret(secret));
    openedSecrets.set(key, value, value.length * 2 + 100);
    return value;
  }

  async function makeBundle(organizationId: string, key: string, fill: () => string): Promise<Bundle> {
    const bundle = await createBundle(fill());
    bundles.set(key, bundle, bundle.encodedSizeBytes + 512);
    byEncodedDigest.set(`${organizationId} ${bundle.encodedDigest}`, key, 256);
    return bundle;
  }

  return {
    documents,

    /** Template versions by id; they never change, so each is read once. */
    async versionsOf(organizationId: string, ids: string[]): Promise<Map<string, TemplateVersion>> {
      const known = new Map(ids.flatMap((id) => [[id, versions.get(id)] as const]));
      const missing = ids.filter((id) => known.get(id) === undefined);
      for (const version of missing.length === 0
        ? []
        : await store.content.versions(organizationId, missing)) {
        versions.set(version._id, version, JSON.stringify(version).length * 2);
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
      const cacheKey = `${organizationId} ${key}`;
      const cached = renderings.get(cacheKey);
      if (cached !== undefined) return cached;
      const loading = loadRendering(organizationId, key, blobIds);
      renderings.set(cacheKey, loading, 1);
      // Concurrent callers share one load; a failed one is forgotten, a good one is weighed.
      const rendering = await loading.catch((error: unknown) => {
        renderings.set(cacheKey, loading, Number.POSITIVE_INFINITY);
        throw error;
      });
      renderings.set(cacheKey, loading, rendering.sizeBytes * 3);
      return rendering;
    },

    /** Secrets by name, each version opened once; those that aren't there are left out. */
    async openSecrets(organizationId: string, names: string[]): Promise<OpenSecrets> {
      const found = names.length === 0 ? [] : await store.content.secrets(organizationId, names);
      const values: [string, string][] = [];
      const faults = new Map<string, ContentFault>();
      for (const secret of found) {
        try {
          values.push([secret.name, await openSecret(secret)]);
        } catch (error) {
          // A store that doesn't answer is no fault of the secret: the whole batch is tried again.
          if (!isAppError(error)) throw error;
          logger.error({ secretId: secret._id, error: errorMessage(error) }, "secret can't be opened");
          faults.set(secret.name, {
            code: "secret_unreadable",
            message: `The secret ${secret.name} can't be opened; give it a new value.`,
          });
        }
      }
      return {
        versions: Object.fromEntries(found.map((secret) => [secret.name, secretVersion(secret)])),
        values: Object.fromEntries(values),
        faults,
      };
    },

    /** Equal for equal content; computed without making it. */
    hash(
      device: Device,
      inputs: Inputs,
      rendering: Rendering,
      secretVersions: Record<string, string>,
    ): string {
      const { variables, secrets, deviceFields } = rendering.compiled;
      const usedVariables = variables.map(({ name }) => [name, inputs.variables[name] ?? null]);
      const usedFields = deviceFields.map((name) => [name, deviceField(device, name) ?? null]);
      const usedSecrets = secrets.map((name) => [name, secretVersions[name] ?? null]);
      return hashOf([contentFormat, rendering.key, usedVariables, usedFields, usedSecrets]);
    },

    /** @throws AppError that names every variable and secret without a value, or a secret that can't be opened. */
    async bundle(
      device: Device,
      inputs: Inputs,
      rendering: Rendering,
      hash: string,
      secrets: OpenSecrets,
    ): Promise<Bundle> {
      const { organizationId } = device;
      const key = `${organizationId} ${hash}`;
      const known = bundles.get(key) ?? making.get(key);
      if (known !== undefined) return known;
      const closed = rendering.compiled.secrets.flatMap((name) => secrets.faults.get(name) ?? []);
      if (closed[0] !== undefined) throw new AppError({ ...closed[0], status: 422 });
      const values = { ...valuesOf(device, inputs), secrets: secrets.values };
      const bundle = makeBundle(organizationId, key, () => rendering.compiled.apply(values));
      making.set(key, bundle);
      try {
        return await bundle;
      } finally {
        making.delete(key);
      }
    },

    /** A bundle made before, by what it is transferred as. */
    cachedBundle(organizationId: string, encodedDigest: string): Bundle | undefined {
      const key = byEncodedDigest.get(`${organizationId} ${encodedDigest}`);
      return key === undefined ? undefined : bundles.get(key);
    },
  };
}
export type Content = ReturnType<typeof createContent>;
