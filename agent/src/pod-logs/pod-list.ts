import type { PlatformRequest, PlatformResponse, PodItem } from "@rciots/protocol";
import { badRequest } from "@rciots/runtime";
import type { Cluster, KubeObject } from "../kube/cluster.ts";
import { isKubeError } from "../kube/kube-error.ts";

type PodPage = PlatformResponse<"pods:list">;

/** Where the next page begins: in which of the namespaces, where the agent may not look into all at once. */
interface Position {
  namespace: number | null;
  token: string | undefined;
}

/**
 * A page of the Pods that the agent may see: of the whole cluster, or else of the namespaces it manages, one after the
 * other.
 */
export async function listPods(
  { namespace, position, limit }: PlatformRequest<"pods:list">,
  { cluster, namespaces }: { cluster: Pick<Cluster, "list">; namespaces: () => readonly string[] },
): Promise<PodPage> {
  const at = position === undefined ? undefined : decode(position);
  const read = async (where: string | undefined, token: string | undefined) =>
    cluster.list({ apiVersion: "v1", kind: "Pod", namespace: where, limit, continue: token });
  if (namespace !== undefined) {
    const page = await read(namespace, at?.token);
    return pageOf(page, page.continue === undefined ? null : { namespace: null, token: page.continue });
  }
  if (at?.namespace === undefined || at.namespace === null) {
    try {
      const page = await read(undefined, at?.token);
      return pageOf(page, page.continue === undefined ? null : { namespace: null, token: page.continue });
    } catch (error) {
      if (!isKubeError(error) || error.status !== 403 || at !== undefined) throw error;
    }
  }
  return listNamespaces(at ?? { namespace: 0, token: undefined }, { read, namespaces: namespaces() });
}

async function listNamespaces(
  { namespace, token }: Position,
  options: {
    read: (where: string, token: string | undefined) => ReturnType<Cluster["list"]>;
    namespaces: readonly string[];
  },
): Promise<PodPage> {
  const { read, namespaces } = options;
  for (let index = namespace ?? 0; index < namespaces.length; index += 1) {
    const isFirst = index === namespace;
    const page = await read(namespaces[index] ?? "", isFirst ? token : undefined).catch((error: unknown) => {
      // One that the agent may not look into hides none of the others.
      if (isKubeError(error) && error.status === 403) return undefined;
      throw error;
    });
    if (page === undefined || (page.items.length === 0 && page.continue === undefined)) continue;
    const hasMore = index + 1 < namespaces.length;
    if (page.continue !== undefined) return pageOf(page, { namespace: index, token: page.continue });
    return pageOf(page, hasMore ? { namespace: index + 1, token: undefined } : null);
  }
  return { items: [], next: null };
}

const pageOf = ({ items }: { items: KubeObject[] }, next: Position | null): PodPage => ({
  items: items.map(podOf),
  next: next === null ? null : JSON.stringify(next),
});

function decode(position: string): Position {
  try {
    const { namespace, token } = JSON.parse(position) as Position;
    const isValid = namespace === null || Number.isSafeInteger(namespace);
    if (isValid && (token === undefined || typeof token === "string")) return { namespace, token };
  } catch {
    // Told below.
  }
  throw badRequest({ code: "invalid_payload", message: "The position is none." });
}

interface PodBody {
  spec?: { containers?: { name: string }[]; initContainers?: { name: string }[] };
  status?: {
    phase?: string;
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

interface ContainerStatus {
  name: string;
  ready?: boolean;
  restartCount?: number;
  state?: Record<string, { reason?: string } | undefined>;
}

function podOf(object: KubeObject): PodItem {
  const { metadata } = object;
  const { spec, status } = object as unknown as PodBody;
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  const names = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map(({ name }) => name);
  const owner = ownerOf(object);
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    phase: status?.phase ?? "Unknown",
    ...(metadata.creationTimestamp === undefined ? {} : { createdAt: metadata.creationTimestamp }),
    ...(owner === undefined ? {} : { owner }),
    containers: names.slice(0, 100).map((name) => {
      const found = statuses.find((one) => one.name === name);
      return {
        name,
        state: stateOf(found),
        ready: found?.ready ?? false,
        restarts: found?.restartCount ?? 0,
      };
    }),
  };
}

function stateOf(status: ContainerStatus | undefined): string {
  const [state, detail] = Object.entries(status?.state ?? {})[0] ?? ["unknown"];
  return (detail?.reason ?? state).slice(0, 100);
}

/** A Deployment names its ReplicaSets by itself and a hash, which each Pod is labelled with. */
function ownerOf({ metadata }: KubeObject): PodItem["owner"] {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return undefined;
  const { kind, name } = owner as { kind: string; name: string };
  const hash = metadata.labels?.["pod-template-hash"];
  if (kind === "ReplicaSet" && hash !== undefined && name.endsWith(`-${hash}`))
    return { kind: "Deployment", name: name.slice(0, -hash.length - 1) };
  return { kind, name };
}
