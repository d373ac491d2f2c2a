/** A place within an object: the keys on the way to it; `*` for any element of a list. */
export type Place = readonly string[];

interface Document {
  apiVersion?: string;
  kind?: string;
  metadata?: { name?: string };
}

/** Group, kind and name: a document need not say which namespace it ends up in. */
export function placesKey({ apiVersion = "", kind = "", metadata = {} }: Document): string {
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  return `${group}/${kind}/${metadata.name ?? ""}`;
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Where two values differ; where their shapes differ, the place that holds them. */
function differences(a: unknown, b: unknown, at: Place, found: Place[]): void {
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) {
    // The API server may add elements and put them in another order: which one it was can't be told any more.
    for (const [index, element] of a.entries()) differences(element, b[index], [...at, "*"], found);
  } else if (isMap(a) && isMap(b) && Object.keys(a).join("\n") === Object.keys(b).join("\n")) {
    for (const key of Object.keys(a)) differences(a[key], b[key], [...at, key], found);
  } else if (a !== b) found.push(at);
}

const linesOf = (ndjson: string): Document[] =>
  ndjson
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Document);

/**
 * The places whose content depends on a secret, by `placesKey`: those where two renderings differ that were made
 * with other values for every secret. The key of an object without any is absent from the map only where the object is.
 */
export function secretPlaces(one: string, other: string): Map<string, Place[]> {
  const others = linesOf(other);
  const places = new Map<string, Place[]>();
  for (const [index, document] of linesOf(one).entries()) {
    const found: Place[] = [];
    differences(document, others[index], [], found);
    const key = placesKey(document);
    const unique = new Map(
      [...(places.get(key) ?? []), ...found].map((place) => [JSON.stringify(place), place]),
    );
    places.set(key, [...unique.values()]);
  }
  return places;
}
