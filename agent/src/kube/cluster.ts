import type { PodExec } from "./pod-exec.ts";
import type { PodLogs } from "./pod-logs.ts";
import type { ApiForward } from "./api-forward.ts";

/**
 * The one door to a Kubernetes API server. Everything the agent asks of a cluster is here, so that a
 * simulator can stand in for it. Every method rejects with `KubeError` (the server's own words kept) and
 * with the signal's reason when it is aborted; none waits without a limit.
 */
export interface Cluster {
  version(options?: CallOptions): Promise<ServerVersion>;
  /** Resolves when the API server says that it is ready to serve. */
  ping(options?: CallOptions): Promise<void>;
  /**
   * The resource that serves a kind, or undefined where the server knows none. Cached; `refresh` asks again,
   * as after a CRD was established.
   */
  resource(
    apiVersion: string,
    kind: string,
    options?: CallOptions & { readonly refresh?: boolean },
  ): Promise<ResourceType | undefined>;
  /** Every resource of every group's preferred version, fresh. */
  resources(options?: CallOptions): Promise<readonly ResourceType[]>;
  /** Undefined where there is no such object. */
  get(ref: ObjectRef, options?: CallOptions & MetadataOption): Promise<KubeObject | undefined>;
  /** One page; pass `continue` on for the next. Items carry apiVersion and kind. */
  list(query: ListQuery, options?: CallOptions): Promise<ObjectPage>;
  /** Server-side apply. Resolves to the object as it is after it, its status included. */
  apply(object: SerializedObject, options: ApplyOptions): Promise<KubeObject>;
  /** False where there was no such object. A `uid` that differs rejects with status 409. */
  delete(ref: ObjectRef, options?: DeleteOptions): Promise<boolean>;
  /**
   * Events after `resourceVersion`, in order. Resolves when the server ends the stream, which it does every
   * few minutes: watch on from the last version seen. Rejects with reason "Expired" (410) when that version
   * is too old: list again.
   */
  watch(query: WatchQuery, options: WatchOptions): Promise<void>;
  /** Undefined where there is no such Secret. */
  readSecret(namespace: string, name: string, options?: CallOptions): Promise<SecretContent | undefined>;
  /** Replaces all data of a Secret, or creates it. See `SecretWrite` for concurrent writers. */
  writeSecret(secret: SecretWrite, options?: CallOptions): Promise<SecretContent>;
  /** Runs a program in a container. */
  exec: PodExec;
  /** What a container printed. */
  logs: PodLogs;
  /** Sends on what somebody else asks of the API server. */
  forward: ApiForward;
  /** Ends idle connections. */
  close(): void;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface MetadataOption {
  /** Answers with apiVersion, kind and metadata alone: far smaller for Secrets, ConfigMaps and CRDs. */
  readonly metadataOnly?: boolean;
}

export interface ServerVersion {
  readonly gitVersion: string;
  readonly platform: string;
}

export interface ResourceType {
  readonly apiVersion: string;
  readonly kind: string;
  /** "" for the core group. */
  readonly group: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent for a cluster-scoped object. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: { uid: string; kind: string; name: string; controller?: boolean }[];
  managedFields?: ManagedFields[];
  [field: string]: unknown;
}

export interface ManagedFields {
  manager?: string;
  operation?: string;
  subresource?: string;
  time?: string;
  fieldsV1?: unknown;
}

/** An object as it goes over the wire: kept as bytes, a large revision costs little memory. */
export interface SerializedObject {
  readonly ref: ObjectRef;
  /** The whole object in JSON, UTF-8. */
  readonly json: Uint8Array;
}

export interface ApplyOptions extends CallOptions, MetadataOption {
  readonly fieldManager: string;
  /** Takes fields over from other managers. */
  readonly force: boolean;
  readonly dryRun?: boolean;
}

export interface DeleteOptions extends CallOptions {
  readonly propagation?: "Background" | "Foreground" | "Orphan";
  /** Deletes only the object with this uid. */
  readonly uid?: string | undefined;
}

export interface ListQuery extends MetadataOption {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly limit?: number;
  readonly continue?: string | undefined;
}

export interface ObjectPage {
  readonly items: KubeObject[];
  readonly resourceVersion: string;
  readonly continue?: string | undefined;
}

export type WatchQuery = Omit<ListQuery, "limit" | "continue">;

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: KubeObject;
}

export interface WatchOptions {
  readonly resourceVersion: string;
  readonly onEvent: (event: WatchEvent) => void;
  readonly signal: AbortSignal;
}

export interface SecretContent {
  readonly data: Readonly<Record<string, Buffer>>;
  readonly resourceVersion: string;
}

export interface SecretWrite {
  readonly namespace: string;
  readonly name: string;
  readonly data: Readonly<Record<string, Uint8Array | string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * From `readSecret`: the write succeeds only where nobody wrote since, else it rejects with status 409.
   * `null`: only where there is no such Secret yet. Absent: the last writer wins.
   */
  readonly resourceVersion?: string | null;
}

/** All pages of a list, one at a time. */
export async function* listPages(
  cluster: Pick<Cluster, "list">,
  query: ListQuery,
  options: CallOptions = {},
): AsyncGenerator<ObjectPage> {
  let token: string | undefined;
  do {
    const page = await cluster.list({ limit: 500, ...query, continue: token }, options);
    yield page;
    token = page.continue;
  } while (token);
}

export function refOf(object: KubeObject): ObjectRef {
  const { apiVersion, kind, metadata } = object;
  return metadata.namespace === undefined
    ? { apiVersion, kind, name: metadata.name }
    : { apiVersion, kind, namespace: metadata.namespace, name: metadata.name };
}

/** "apps" of "apps/v1", "" of "v1". */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash === -1 ? "" : apiVersion.slice(0, slash);
}

/** Identifies an object over versions of its API: group, kind, namespace, name. */
export function objectKey({ apiVersion, kind, namespace = "", name }: ObjectRef): string {
  return `${groupOf(apiVersion)}/${kind}/${namespace}/${name}`;
}

/** For messages: `Deployment apps/web` or `Namespace apps`. */
export function describeRef({ kind, namespace, name }: ObjectRef): string {
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}
