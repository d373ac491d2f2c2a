import { createHmac } from "node:crypto";
import { limits } from "@rciots/protocol";
import type { KubeObject } from "../kube/cluster.ts";

/** What stands for a value that is not shown: the same for the same value, as long as the key is the same. */
export type Marker = (text: string) => string;

export function createMarker(key: Uint8Array): Marker {
  return (text) => createHmac("sha256", key).update(text).digest("hex").slice(0, 12);
}

/** Holds a Secret's values in plain text, and says nothing that the object does not. */
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/** Without what only the server writes, and without what no manifest decides. */
export function contentOf(object: KubeObject): KubeObject {
  const { status, ...content } = object;
  const {
    managedFields,
    resourceVersion,
    uid,
    generation,
    creationTimestamp,
    selfLink,
    annotations,
    ...metadata
  } = object.metadata;
  void [status, managedFields, resourceVersion, uid, generation, creationTimestamp, selfLink];
  const { [lastApplied]: dropped, ...kept } = annotations ?? {};
  void dropped;
  const shown = Object.keys(kept).length === 0 ? metadata : { ...metadata, annotations: kept };
  return { ...content, metadata: shown };
}

const isSecret = ({ apiVersion, kind }: KubeObject): boolean => apiVersion === "v1" && kind === "Secret";

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function maskValues(
  value: unknown,
  marker: Marker,
  encode: (text: string) => string,
): Record<string, string> {
  if (!isMap(value)) return {};
  const masked = Object.entries(value).map(([key, text]) => [
    key,
    `(masked ${marker(encode(typeof text === "string" ? text : JSON.stringify(text)))})`,
  ]);
  return Object.fromEntries(masked) as Record<string, string>;
}

/** A Secret with markers in place of its values; anything else as it is. Expects what `contentOf` made. */
export function maskSecret(object: KubeObject, marker: Marker): KubeObject {
  if (!isSecret(object)) return object;
  const { data, stringData, ...rest } = object;
  const masked = {
    ...maskValues(data, marker, (text) => text),
    ...maskValues(stringData, marker, (text) => Buffer.from(text).toString("base64")),
  };
  return Object.keys(masked).length === 0 ? rest : { ...rest, data: masked };
}

/** Texts up to this long are worth reading one by one. */
const shownChars = 2_048;

/** The object where it is small enough; else with its long texts replaced; undefined where that does not do. */
export function fitObject(
  object: KubeObject,
  marker: Marker,
): { object: KubeObject; shortened: boolean } | undefined {
  if (sizeOf(object) <= limits.diffSideBytes) return { object, shortened: false };
  const text = JSON.stringify(object, (_key, value: unknown) =>
    typeof value === "string" && value.length > shownChars
      ? `(${value.length} characters, ${marker(value)})`
      : value,
  );
  const short = JSON.parse(text) as KubeObject;
  return sizeOf(short) <= limits.diffSideBytes ? { object: short, shortened: true } : undefined;
}

export const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
