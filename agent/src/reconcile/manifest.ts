import {
  type Cluster,
  type KubeObject,
  objectKey,
  type ObjectRef,
  refOf,
  type SerializedObject,
} from "../kube/cluster.ts";
import { applyRank, isCrd } from "./apply-order.ts";
import { hasStatus } from "./health.ts";

export const fieldManager = "rciots-agent";

/** An object ready to be sent. */
export interface PreparedObject extends SerializedObject {
  readonly key: string;
  readonly rank: number;
  /** Its kind has a status, so that its whole content is read back. */
  readonly hasStatus: boolean;
  /** No resource serves its kind yet: whether it belongs into a namespace is unknown. */
  readonly unresolved: boolean;
}

/** A document that can't be applied as it is; sending it would not help. */
export interface DocumentFault {
  readonly ref: ObjectRef;
  readonly message: string;
}

export interface PreparedRevision {
  /** In the order of application. */
  readonly objects: readonly PreparedObject[];
  readonly faults: readonly DocumentFault[];
}

export interface PrepareOptions {
  readonly cluster: Pick<Cluster, "resource">;
  readonly documents: readonly KubeObject[];
  /** Added to every object. */
  readonly labels: Readonly<Record<string, string>>;
  /** Of namespaced objects that name none. */
  readonly defaultNamespace: string;
  /** Neither may be part of a revision: the agent's own book-keeping. */
  readonly reserved: readonly ObjectRef[];
  readonly signal: AbortSignal;
}

export function serialize(object: KubeObject): SerializedObject {
  return { ref: refOf(object), json: Buffer.from(JSON.stringify(object)) };
}

/** Checks, completes and orders a revision's documents. Asks the cluster which kinds are namespaced. */
export async function prepareRevision(options: PrepareOptions): Promise<PreparedRevision> {
  const documents = options.documents.flatMap(flattenList);
  const scopes = await resolveScopes(documents, options);
  const reserved = new Set(options.reserved.map(objectKey));
  const objects = new Map<string, PreparedObject>();
  const faults: DocumentFault[] = [];
  for (const [index, document] of documents.entries()) {
    const problem = problemOf(document);
    if (problem !== undefined) {
      faults.push({ ref: faultRef(document, index), message: problem });
      continue;
    }
    const object = prepareObject(document, scopes.get(kindKey(document)), options);
    if (reserved.has(object.key))
      faults.push({ ref: object.ref, message: "the agent keeps its own records under this name" });
    else if (objects.has(object.key))
      faults.push({ ref: object.ref, message: "it appears more than once in this revision" });
    else objects.set(object.key, object);
  }
  const ordered = [...objects.values()].sort((a, b) => a.rank - b.rank || (a.key < b.key ? -1 : 1));
  return { objects: ordered, faults };
}

/** Kubernetes' own `List` wraps objects; it is not an object itself. */
function flattenList(document: KubeObject): KubeObject[] {
  const items = (document as Partial<KubeObject> | null)?.["items"];
  const isList = document?.apiVersion === "v1" && document.kind === "List" && Array.isArray(items);
  return isList ? (items as KubeObject[]) : [document];
}

const kindPattern = /^[A-Za-z][A-Za-z0-9]{0,62}$/;
const apiVersionPattern = /^([a-z0-9.-]{1,253}\/)?[a-z0-9]{1,63}$/;

function problemOf(document: KubeObject | null | undefined): string | undefined {
  if (typeof document !== "object" || document === null || Array.isArray(document))
    return "it is not an object";
  const { apiVersion, kind, metadata } = document as Partial<KubeObject>;
  if (typeof apiVersion !== "string" || !apiVersionPattern.test(apiVersion))
    return "its apiVersion is missing or malformed";
  if (typeof kind !== "string" || !kindPattern.test(kind)) return "its kind is missing or malformed";
  if (typeof metadata !== "object" || metadata === null) return "its metadata is missing";
  if (typeof metadata.name !== "string" || metadata.name === "") return "its metadata.name is missing";
  if (metadata.namespace !== undefined && typeof metadata.namespace !== "string")
    return "its metadata.namespace is not text";
  for (const field of ["labels", "annotations"] as const) {
    const value: unknown = metadata[field];
    if (value !== undefined && value !== null && (typeof value !== "object" || Array.isArray(value))) {
      return `its metadata.${field} is not a map`;
    }
  }
  return undefined;
}

function faultRef(document: Partial<KubeObject> | null | undefined, index: number): ObjectRef {
  const text = (value: unknown, otherwise: string, limit: number) =>
    typeof value === "string" && value !== "" ? value.slice(0, limit) : otherwise;
  const namespace = document?.metadata?.namespace;
  return {
    apiVersion: text(document?.apiVersion, "unknown", 317),
    kind: text(document?.kind, "Unknown", 63),
    name: text(document?.metadata?.name, `(document ${index + 1})`, 253),
    ...(typeof namespace === "string" ? { namespace: namespace.slice(0, 63) } : {}),
  };
}

const kindKey = ({ apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }) =>
  `${apiVersion}/${kind}`;

type Scope = "namespaced" | "cluster";

async function resolveScopes(
  documents: readonly KubeObject[],
  options: PrepareOptions,
): Promise<Map<string, Scope>> {
  const scopes = new Map<string, Scope>();
  const asked = new Set<string>();
  for (const document of documents) {
    if (problemOf(document) !== undefined || asked.has(kindKey(document))) continue;
    asked.add(kindKey(document));
    const resource = await options.cluster.resource(document.apiVersion, document.kind, {
      signal: options.signal,
    });
    if (resource) scopes.set(kindKey(document), resource.namespaced ? "namespaced" : "cluster");
  }
  for (const document of documents) {
    if (problemOf(document) === undefined && isCrd(document)) addCrdScope(document, scopes);
  }
  return scopes;
}

/** A CRD of the same revision says how its kind is scoped before the API server knows it. */
function addCrdScope(crd: KubeObject, scopes: Map<string, Scope>): void {
  const spec = crd["spec"] as
    { group?: string; scope?: string; names?: { kind?: string }; versions?: { name?: string }[] } | undefined;
  if (!spec?.group || !spec.names?.kind || !Array.isArray(spec.versions)) return;
  for (const version of spec.versions) {
    const key = `${spec.group}/${version?.name ?? ""}/${spec.names.kind}`;
    if (!scopes.has(key)) scopes.set(key, spec.scope === "Cluster" ? "cluster" : "namespaced");
  }
}

function prepareObject(
  document: KubeObject,
  scope: Scope | undefined,
  options: PrepareOptions,
): PreparedObject {
  const { namespace, ...metadata } = document.metadata;
  const home = scope === "cluster" ? undefined : namespace || (scope ? options.defaultNamespace : undefined);
  const complete: KubeObject = {
    ...withPlainData(document),
    metadata: {
      ...withoutServerMetadata(metadata),
      name: document.metadata.name,
      ...(home === undefined ? {} : { namespace: home }),
      labels: { ...document.metadata.labels, ...options.labels },
    },
  };
  const { ref, json } = serialize(complete);
  return {
    ref,
    json,
    key: objectKey(ref),
    rank: applyRank(ref),
    hasStatus: hasStatus(ref),
    unresolved: scope === undefined,
  };
}

/**
 * `stringData` of a Secret is only another way of writing `data`, but the API server would record us as the
 * owner of `stringData`, so that a change of `data` by somebody else would go unseen.
 */
function withPlainData(document: KubeObject): KubeObject {
  const { stringData, ...rest } = document;
  if (document.apiVersion !== "v1" || document.kind !== "Secret" || !isTextMap(stringData)) return document;
  const encoded = Object.entries(stringData).map(([key, text]) => [
    key,
    Buffer.from(text).toString("base64"),
  ]);
  return {
    ...rest,
    data: { ...fieldsOf(document["data"]), ...Object.fromEntries(encoded) },
  };
}

const fieldsOf = (value: unknown): object => (typeof value === "object" && value !== null ? value : {});

const isTextMap = (value: unknown): value is Record<string, string> =>
  typeof value === "object" &&
  value !== null &&
  Object.values(value).every((text) => typeof text === "string");

/** Manifests copied from a live cluster carry what only the server may set; applying it would be refused. */
function withoutServerMetadata(metadata: Record<string, unknown>): Record<string, unknown> {
  const {
    managedFields,
    resourceVersion,
    uid,
    generation,
    creationTimestamp,
    selfLink,
    deletionTimestamp,
    ...rest
  } = metadata;
  void [managedFields, resourceVersion, uid, generation, creationTimestamp, selfLink, deletionTimestamp];
  return rest;
}
