import {
  type Cluster,
  describeRef,
  groupOf,
  type KubeObject,
  listPages,
  objectKey,
  type ObjectRef,
  refOf,
  type ResourceType,
} from "../kube/cluster.ts";
import { isKubeError, isUnreachable, isUnsupported } from "../kube/kube-error.ts";

/**
 * Deleting a Namespace deletes everything in it, and deleting a CRD every object of its kind. Before either,
 * these look for something that no revision applied; what they find is named and the container is kept.
 */
export interface ForeignContentOptions {
  readonly cluster: Cluster;
  /** Keys of objects that are ours to delete. */
  readonly isOurs: (key: string) => boolean;
  readonly signal: AbortSignal;
}

/** Made by the cluster itself in every namespace, again and again; nobody misses them. */
const ignoredKinds = new Set([
  "/Event",
  "events.k8s.io/Event",
  "coordination.k8s.io/Lease",
  "/Endpoints",
  "discovery.k8s.io/EndpointSlice",
  "metrics.k8s.io/PodMetrics",
]);

/** The first foreign object of the namespace, in words; undefined where there is none. */
export async function foreignContentOfNamespace(
  namespace: string,
  options: ForeignContentOptions,
): Promise<string | undefined> {
  const { cluster, signal } = options;
  const resources = (await cluster.resources({ signal })).filter(
    ({ namespaced, verbs, group, kind }) =>
      namespaced && verbs.includes("list") && !ignoredKinds.has(`${group}/${kind}`),
  );
  for (const resource of resources) {
    const found = await firstForeign(resource, namespace, options);
    if (found) return found;
  }
  return undefined;
}

/** The first custom resource that is not ours, in words. `crd` is the live CRD. */
export async function foreignContentOfCrd(
  crd: KubeObject,
  options: ForeignContentOptions,
): Promise<string | undefined> {
  const { group, names, versions } = crd["spec"] as {
    group: string;
    names: { kind: string };
    versions: { name: string; served: boolean }[];
  };
  const served = versions.find((version) => version.served);
  if (!served) return undefined;
  const resource = await options.cluster.resource(`${group}/${served.name}`, names.kind, {
    signal: options.signal,
    refresh: true,
  });
  return resource && firstForeign(resource, undefined, options);
}

async function firstForeign(
  { apiVersion, kind }: ResourceType,
  namespace: string | undefined,
  { cluster, isOurs, signal }: ForeignContentOptions,
): Promise<string | undefined> {
  try {
    for await (const page of listPages(
      cluster,
      { apiVersion, kind, namespace, metadataOnly: true },
      { signal },
    )) {
      const found = page.items.find((item) => isForeign(item, isOurs));
      if (found) return describeRef(refOf(found));
    }
    return undefined;
  } catch (error) {
    if (isUnreachable(error) || !isKubeError(error)) throw error;
    // A kind that can't be looked at may hold something: keep the container rather than guess. A kind that
    // is gone by now holds nothing.
    return isUnsupported(error) && error.status !== 403
      ? undefined
      : `${kind} objects that can't be listed: ${error.message}`;
  }
}

function isForeign(object: KubeObject, isOurs: (key: string) => boolean): boolean {
  const ref: ObjectRef = refOf(object);
  const { metadata } = object;
  if (metadata.deletionTimestamp || isOurs(objectKey(ref))) return false;
  if (groupOf(ref.apiVersion) === "" && ref.kind === "PersistentVolumeClaim") return true;
  if (metadata.ownerReferences && metadata.ownerReferences.length > 0) return false;
  return !isMadeByCluster(object);
}

/** Some of what every namespace is given carries no managed fields that would say by whom. */
const givenToEveryNamespace = new Set([
  "ServiceAccount/default",
  "ServiceAccount/builder",
  "ServiceAccount/deployer",
  "ConfigMap/kube-root-ca.crt",
  "ConfigMap/openshift-service-ca.crt",
]);

/** Default service accounts, CA bundles and the like: written by control-plane controllers alone. */
function isMadeByCluster({ kind, metadata }: KubeObject): boolean {
  if (givenToEveryNamespace.has(`${kind}/${metadata.name}`)) return true;
  const managers = metadata.managedFields ?? [];
  return managers.length > 0 && managers.every(({ manager = "" }) => clusterManagers.test(manager));
}

const clusterManagers =
  /^(kube-(controller-manager|apiserver|scheduler)|kubelet|openshift-.*|cluster-.*-(controller|operator)|service-ca.*|.*-operator|network-operator)$/;
