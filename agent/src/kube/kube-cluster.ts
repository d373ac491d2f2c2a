import type {
  ApplyOptions,
  CallOptions,
  Cluster,
  KubeObject,
  ListQuery,
  ObjectPage,
  ObjectRef,
  ResourceType,
  SerializedObject,
  WatchEvent,
  WatchOptions,
  WatchQuery,
} from "./cluster.ts";
import { createApiForward } from "./api-forward.ts";
import type { Auth } from "./auth.ts";
import { createDiscovery } from "./discovery.ts";
import { createInClusterAuth, type InClusterOptions } from "./in-cluster-auth.ts";
import { isKubeError, KubeError, kubeErrorOf } from "./kube-error.ts";
import { createKubeconfigAuth, type KubeconfigOptions } from "./kubeconfig-auth.ts";
import { queryString, resourcePath } from "./paths.ts";
import { createPodExec } from "./pod-exec.ts";
import { createPodLogs } from "./pod-logs.ts";
import { createSecrets } from "./secrets.ts";
import { createTransport, type TransportOptions } from "./transport.ts";

export type KubeClusterOptions = Omit<TransportOptions, "auth" | "userAgent"> & {
  /** Default: "rciots-agent". */
  readonly userAgent?: string;
} & (
    | { readonly kubeconfig: KubeconfigOptions }
    | { readonly inCluster: InClusterOptions }
    | { readonly auth: Auth }
  );

const metadataAccept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
const metadataListAccept =
  "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
const applyContentType = "application/apply-patch+yaml";
const maxListBytes = 32 * 1024 * 1024;

/** The real API server behind `Cluster`. */
export function createKubeCluster(options: KubeClusterOptions): Cluster {
  const userAgent = options.userAgent ?? "rciots-agent";
  const auth = authOf(options);
  const transport = createTransport({ ...options, auth, userAgent });
  const forward = createApiForward({ auth });

  const getJson = async (path: string, { signal }: CallOptions): Promise<unknown> =>
    parseJson(await transport.send({ method: "GET", path, signal }));
  const discovery = createDiscovery({ getJson });

  /** The path of an object or a collection; rejects in kubectl's words where no resource serves the kind. */
  const resourceOf = async (
    { apiVersion, kind }: Pick<ObjectRef, "apiVersion" | "kind">,
    { signal }: CallOptions,
  ) => {
    const resource = await discovery.find(apiVersion, kind, { signal });
    if (resource) return resource;
    const message = `no matches for kind "${kind}" in version "${apiVersion}"`;
    throw new KubeError({ status: 404, reason: "NoKindMatch", message });
  };

  /** A 404 that names no object says that the resource itself is gone: what was cached about it is wrong. */
  const forgetWhenGone = (error: unknown, { apiVersion }: { readonly apiVersion: string }): void => {
    if (isKubeError(error) && error.status === 404 && !error.namesObject) discovery.forget(apiVersion);
  };

  const objectPath = async (ref: ObjectRef, options: CallOptions): Promise<string> =>
    resourcePath(await resourceOf(ref, options), ref.namespace, ref.name);

  const apply = async (object: SerializedObject, options: ApplyOptions): Promise<KubeObject> => {
    const { fieldManager, force, dryRun = false, metadataOnly = false, signal } = options;
    const parameters = { fieldManager, force: String(force), dryRun: dryRun ? "All" : undefined };
    const path = (await objectPath(object.ref, options)) + queryString(parameters);
    const accept = metadataOnly ? metadataAccept : "application/json";
    try {
      const contentType = applyContentType;
      const body = await transport.send({
        method: "PATCH",
        path,
        body: object.json,
        contentType,
        accept,
        signal,
      });
      return identified(parseJson(body) as KubeObject, object.ref);
    } catch (error) {
      forgetWhenGone(error, object.ref);
      throw error;
    }
  };

  const get: Cluster["get"] = async (ref, { metadataOnly = false, signal } = {}) => {
    try {
      const path = await objectPath(ref, { signal });
      const accept = metadataOnly ? metadataAccept : "application/json";
      return identified(
        parseJson(await transport.send({ method: "GET", path, accept, signal })) as KubeObject,
        ref,
      );
    } catch (error) {
      forgetWhenGone(error, ref);
      if (isKubeError(error) && error.status === 404) return undefined;
      throw error;
    }
  };

  const list = async (query: ListQuery, { signal }: CallOptions = {}): Promise<ObjectPage> => {
    const { namespace, labelSelector, limit, metadataOnly = false } = query;
    const parameters = { labelSelector, limit, continue: query.continue };
    const path = resourcePath(await resourceOf(query, { signal }), namespace) + queryString(parameters);
    const accept = metadataOnly ? metadataListAccept : "application/json";
    try {
      const request = { method: "GET", path, accept, signal, maxResponseBytes: maxListBytes } as const;
      return pageOf(parseJson(await transport.send(request)), query);
    } catch (error) {
      forgetWhenGone(error, query);
      throw error;
    }
  };

  const remove: Cluster["delete"] = async (ref, { propagation = "Background", uid, signal } = {}) => {
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      propagationPolicy: propagation,
      ...(uid === undefined ? {} : { preconditions: { uid } }),
    };
    try {
      const path = await objectPath(ref, { signal });
      const bytes = Buffer.from(JSON.stringify(body));
      await transport.send({ method: "DELETE", path, body: bytes, contentType: "application/json", signal });
      return true;
    } catch (error) {
      forgetWhenGone(error, ref);
      if (isKubeError(error) && error.status === 404) return false;
      throw error;
    }
  };

  const watch = async (
    query: WatchQuery,
    { resourceVersion, onEvent, signal }: WatchOptions,
  ): Promise<void> => {
    // Spread out, so that the watches of a fleet of kinds do not all end in the same second.
    const timeoutSeconds = 240 + Math.floor(Math.random() * 120);
    const { labelSelector, metadataOnly = false, namespace } = query;
    const parameters = {
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion,
      labelSelector,
      timeoutSeconds,
    };
    const path = resourcePath(await resourceOf(query, { signal }), namespace) + queryString(parameters);
    await transport.stream({
      path,
      ...(metadataOnly ? { accept: metadataAccept } : {}),
      signal,
      timeoutMs: (timeoutSeconds + 15) * 1_000,
      onLine: (line) => onEvent(eventOf(line, query)),
    });
  };

  return {
    async version({ signal } = {}) {
      const body = (await getJson("/version", { signal })) as { gitVersion?: string; platform?: string };
      return { gitVersion: body.gitVersion ?? "unknown", platform: body.platform ?? "unknown" };
    },
    async ping({ signal } = {}) {
      await transport.send({ method: "GET", path: "/readyz", accept: "*/*", signal });
    },
    resource: (apiVersion, kind, options = {}) => discovery.find(apiVersion, kind, options),
    resources: (options = {}): Promise<readonly ResourceType[]> => discovery.all(options),
    get,
    list,
    apply,
    delete: remove,
    watch,
    ...createSecrets(transport, "rciots-agent"),
    exec: createPodExec({ auth, userAgent }),
    logs: createPodLogs({ auth, userAgent }),
    forward,
    close() {
      transport.close();
      forward.close();
    },
  };
}

function authOf(options: KubeClusterOptions): Auth {
  if ("auth" in options) return options.auth;
  return "inCluster" in options
    ? createInClusterAuth(options.inCluster)
    : createKubeconfigAuth(options.kubeconfig);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (cause) {
    const message = "the API server answered with something that is not JSON";
    throw new KubeError({ status: 502, reason: "BadAnswer", message, cause });
  }
}

/** Partial metadata calls itself PartialObjectMetadata; callers want the object's own kind. */
function identified(
  object: KubeObject,
  { apiVersion, kind }: Pick<ObjectRef, "apiVersion" | "kind">,
): KubeObject {
  return { ...object, apiVersion, kind };
}

function pageOf(body: unknown, query: ListQuery): ObjectPage {
  // An empty list of partial metadata has `items: null`.
  const { metadata, items } = body as {
    metadata?: { resourceVersion?: string; continue?: string } | null;
    items?: KubeObject[] | null;
  };
  return {
    items: (items ?? []).map((item) => identified(item, query)),
    resourceVersion: metadata?.resourceVersion ?? "",
    continue: metadata?.continue || undefined,
  };
}

function eventOf(line: string, query: WatchQuery): WatchEvent {
  const event = parseJson(Buffer.from(line)) as { type: string; object: KubeObject & { code?: number } };
  if (event.type === "ERROR") {
    throw kubeErrorOf(event.object.code ?? 500, Buffer.from(JSON.stringify(event.object)), undefined);
  }
  return { type: event.type as WatchEvent["type"], object: identified(event.object, query) };
}
