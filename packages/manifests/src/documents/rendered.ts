import { createHash } from "node:crypto";
import { formatBytes } from "../files/manifest-file.ts";
import { isList } from "../kustomize/object-policy.ts";
import { faultsError, quoted, type Fault } from "../manifest-fault.ts";
import { isRecord, listOf, type PlainRecord } from "../yaml/records.ts";
import { createSlice, parseYamlStream } from "../yaml/yaml-stream.ts";
import { canonicalJson } from "./canonical-json.ts";

/** A Kubernetes object as JSON. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  } & PlainRecord;
  [field: string]: unknown;
}

export interface DocumentLimits {
  maxObjects: number;
  /** Bytes of NDJSON. */
  maxBytes: number;
}

export const defaultDocumentLimits: Readonly<DocumentLimits> = Object.freeze({
  maxObjects: 5000,
  maxBytes: 16 * 1024 * 1024,
});

/** Objects in the order they were rendered, as NDJSON: one canonical JSON object a line, each line ended by \n. */
export interface Rendered {
  ndjson: string;
  /** SHA-256 of the NDJSON, hex. */
  digest: string;
  objectCount: number;
  /** Bytes of the NDJSON. */
  sizeBytes: number;
  /** The objects, parsed anew at each call. */
  documents: KubernetesObject[];
}

/** Turns what kustomize printed into canonical NDJSON; throws AppError for too much, a duplicate or a broken object. */
export async function parseRendered(yaml: string, limits: DocumentLimits): Promise<Rendered> {
  const { documents, faults } = await parseYamlStream("rendered", yaml, "rendered");
  const [fault] = faults;
  if (fault !== undefined)
    throw faultsError([
      {
        ...fault,
        code: "render_invalid",
        message: `Kustomize printed YAML that cannot be read: ${fault.message}`,
      },
    ]);
  return toRendered(
    documents.flatMap(({ value }) => expandLists(value)),
    limits,
  );
}

function expandLists(value: unknown): unknown[] {
  return isRecord(value) && isList(value) ? listOf(value["items"]).flatMap(expandLists) : [value];
}

async function toRendered(values: readonly unknown[], limits: DocumentLimits): Promise<Rendered> {
  checkObjectCount(values.length, limits);
  const lines: string[] = [];
  const slice = createSlice();
  let sizeBytes = 0;
  for (const value of values) {
    const line = `${canonicalJson(value)}\n`;
    sizeBytes += Buffer.byteLength(line);
    if (sizeBytes > limits.maxBytes) throw tooLarge(limits);
    lines.push(line);
    if (slice.isOver()) await slice.next();
  }
  checkIdentities(values.map((value) => identityOf(value)));
  return renderedOf(lines.join(""), values.length);
}

/** Wraps NDJSON that is already canonical. */
export function renderedOf(ndjson: string, objectCount: number): Rendered {
  return {
    ndjson,
    digest: createHash("sha256").update(ndjson).digest("hex"),
    objectCount,
    sizeBytes: Buffer.byteLength(ndjson),
    get documents() {
      return parseNdjson(ndjson);
    },
  };
}

/** The objects of NDJSON; throws AppError `ndjson_invalid` with the line for anything else. */
export function parseNdjson(ndjson: string): KubernetesObject[] {
  return linesOf(ndjson).map((line, index) => parseLine(line, index + 1));
}

export function linesOf(ndjson: string): string[] {
  const lines = ndjson.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** One line of NDJSON as an object with apiVersion, kind and metadata.name. */
export function parseLine(line: string, lineNumber: number): KubernetesObject {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw faultsError([
      { code: "ndjson_invalid", line: lineNumber, message: `Line ${lineNumber} is not JSON.` },
    ]);
  }
  identityOf(value, lineNumber);
  return value as KubernetesObject;
}

export interface ObjectIdentity {
  /** Unique within a cluster: group, kind, namespace, name; never shown. */
  key: string;
  /** `Deployment/shop/web`, or `Namespace/shop` without namespace. */
  label: string;
}

/** Who an object is. The version is no part of it: v1 and v1beta1 of an object are one object. */
export function identityOf(value: unknown, line?: number): ObjectIdentity {
  const metadata = isRecord(value) && isRecord(value["metadata"]) ? value["metadata"] : {};
  const { apiVersion, kind } = isRecord(value) ? value : {};
  const { name, namespace = "" } = metadata;
  if (!isText(apiVersion) || !isText(kind) || !isText(name) || typeof namespace !== "string") {
    const place = line === undefined ? "A rendered object" : `Line ${line}`;
    const found = [kind, name].filter(isText).join("/");
    const message = `${place}${found === "" ? "" : ` (${quoted(found)})`} lacks apiVersion, kind or metadata.name.`;
    throw faultsError([{ code: "object_invalid", message, ...(line === undefined ? {} : { line }) }]);
  }
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  return {
    key: JSON.stringify([group, kind, namespace, name]),
    label: namespace === "" ? `${kind}/${name}` : `${kind}/${namespace}/${name}`,
  };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

export function checkIdentities(identities: readonly ObjectIdentity[]): void {
  const seen = new Set<string>();
  const faults: Fault[] = [];
  for (const { key, label } of identities) {
    if (seen.has(key))
      faults.push({ code: "duplicate_object", object: label, message: `${label} is there twice.` });
    seen.add(key);
  }
  if (faults.length > 0) throw faultsError(faults);
}

export function checkObjectCount(count: number, limits: DocumentLimits): void {
  if (count <= limits.maxObjects) return;
  const message = `There are ${count} objects; at most ${limits.maxObjects} are allowed.`;
  throw faultsError([{ code: "too_many_objects", message }], 413);
}

export function tooLarge(limits: DocumentLimits): Error {
  const message = `The rendered objects are larger than ${formatBytes(limits.maxBytes)}.`;
  return faultsError([{ code: "render_too_large", message }], 413);
}
