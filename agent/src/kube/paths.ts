import type { ResourceType } from "./cluster.ts";

const segment = encodeURIComponent;

export function groupVersionPath(apiVersion: string): string {
  return apiVersion.includes("/")
    ? `/apis/${apiVersion.split("/").map(segment).join("/")}`
    : `/api/${segment(apiVersion)}`;
}

/** Path of a collection, or of one object when `name` is given. Every part is encoded. */
export function resourcePath(resource: ResourceType, namespace: string | undefined, name?: string): string {
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${segment(namespace)}` : "";
  const object = name === undefined ? "" : `/${segment(name)}`;
  return `${groupVersionPath(resource.apiVersion)}${scope}/${segment(resource.plural)}${object}`;
}

/** "?a=1&b=2" of what is defined, "" of nothing. */
export function queryString(parameters: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}
