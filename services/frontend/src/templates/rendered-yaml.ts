import { stringify } from "yaml";
import { z } from "zod";

export interface NamedObject {
  apiVersion: string;
  kind: string;
  namespace: string | null;
  name: string;
}

export const namedObjectSchema = z
  .object({ apiVersion: z.string(), kind: z.string(), namespace: z.string().nullable(), name: z.string() })
  .meta({ id: "NamedObject" });

interface KubernetesDocument {
  apiVersion?: string;
  kind?: string;
  metadata?: { namespace?: string; name?: string };
}

/** NDJSON as the renderer stores it: one Kubernetes object a line. */
function documentsOf(ndjson: string): KubernetesDocument[] {
  return ndjson
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as KubernetesDocument);
}

export function objectsOf(ndjson: string): NamedObject[] {
  return documentsOf(ndjson).map(({ apiVersion = "", kind = "", metadata = {} }) => ({
    apiVersion,
    kind,
    namespace: metadata.namespace ?? null,
    name: metadata.name ?? "",
  }));
}

export const objectToYaml = (object: object): string =>
  stringify(object, { lineWidth: 0, aliasDuplicateObjects: false });

/** For people: the objects as YAML documents, in the order they are stored. */
export function toYaml(ndjson: string): string {
  return documentsOf(ndjson).map(objectToYaml).join("---\n");
}
