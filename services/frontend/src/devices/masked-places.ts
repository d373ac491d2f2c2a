import { createHmac } from "node:crypto";
import type { Place } from "@rciots/desired-state";

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function maskAt(value: unknown, place: Place, mask: (value: unknown) => string): unknown {
  const [key, ...rest] = place;
  if (value === undefined) return undefined;
  if (key === undefined) return mask(value);
  if (key === "*") return Array.isArray(value) ? value.map((element) => maskAt(element, rest, mask)) : value;
  if (!isMap(value) || !Object.hasOwn(value, key)) return value;
  return { ...value, [key]: maskAt(value[key], rest, mask) };
}

/**
 * Replaces what stands at the places by a marker: the same for the same value under the same key, and nothing that
 * tells the value.
 */
export function maskPlaces(
  object: Record<string, unknown>,
  places: readonly Place[],
  key: Uint8Array,
): Record<string, unknown> {
  const mask = (value: unknown): string =>
    `(secret ${createHmac("sha256", key).update(JSON.stringify(value)).digest("hex").slice(0, 12)})`;
  return places.reduce<unknown>((masked, place) => maskAt(masked, place, mask), object) as Record<
    string,
    unknown
  >;
}
