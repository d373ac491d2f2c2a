import type { CallOptions, ResourceType } from "./cluster.ts";
import { groupOf } from "./cluster.ts";
import { isKubeError } from "./kube-error.ts";
import { groupVersionPath } from "./paths.ts";

export interface DiscoveryOptions {
  /** The parsed body of a GET. */
  readonly getJson: (path: string, options: CallOptions) => Promise<unknown>;
}

export interface Discovery {
  find(
    apiVersion: string,
    kind: string,
    options: CallOptions & { readonly refresh?: boolean },
  ): Promise<ResourceType | undefined>;
  all(options: CallOptions): Promise<readonly ResourceType[]>;
  /** Forgets one group version: an answer showed that it changed. */
  forget(apiVersion: string): void;
}

interface ApiResource {
  name: string;
  kind: string;
  namespaced: boolean;
  verbs: string[];
}

interface GroupVersion {
  readonly kinds: ReadonlyMap<string, ResourceType>;
  readonly fetchedAtMs: number;
}

/** A kind that was missing a moment ago is asked for again: a CRD may have been established since. */
const missMaxAgeMs = 2_000;

/** Knows which path serves which kind; one request per group version, then from memory. */
export function createDiscovery({ getJson }: DiscoveryOptions): Discovery {
  const known = new Map<string, GroupVersion>();

  const fetchGroupVersion = async (
    apiVersion: string,
    options: CallOptions,
  ): Promise<ReadonlyMap<string, ResourceType>> => {
    try {
      const body = (await getJson(groupVersionPath(apiVersion), options)) as { resources?: ApiResource[] };
      return new Map(toResources(apiVersion, body.resources ?? []).map((type) => [type.kind, type]));
    } catch (error) {
      if (isKubeError(error) && error.status === 404) return new Map();
      throw error;
    }
  };

  const find: Discovery["find"] = async (apiVersion, kind, { refresh = false, signal }) => {
    const cached = refresh ? undefined : known.get(apiVersion);
    const found = cached?.kinds.get(kind);
    if (found) return found;
    if (cached && performance.now() - cached.fetchedAtMs < missMaxAgeMs) return undefined;
    const fetched = await fetchGroupVersion(apiVersion, { signal });
    // A group version that does not exist is not remembered: hostile input must not fill the memory.
    if (fetched.size > 0) known.set(apiVersion, { kinds: fetched, fetchedAtMs: performance.now() });
    else known.delete(apiVersion);
    return fetched.get(kind);
  };

  const all: Discovery["all"] = async (options) => {
    const groups = (await getJson("/apis", options)) as {
      groups?: { preferredVersion?: { groupVersion?: string } }[];
    };
    const versions = (groups.groups ?? []).flatMap(
      ({ preferredVersion }) => preferredVersion?.groupVersion ?? [],
    );
    const resources: ResourceType[] = [];
    for (const apiVersion of ["v1", ...versions]) {
      resources.push(...(await fetchGroupVersion(apiVersion, options)).values());
    }
    return resources;
  };

  return { find, all, forget: (apiVersion) => void known.delete(apiVersion) };
}

/** Sub-resources ("deployments/status") are not kinds of their own. */
function toResources(apiVersion: string, resources: readonly ApiResource[]): ResourceType[] {
  return resources
    .filter(({ name }) => !name.includes("/"))
    .map(({ name, kind, namespaced, verbs }) => ({
      apiVersion,
      group: groupOf(apiVersion),
      kind,
      plural: name,
      namespaced,
      verbs,
    }));
}
