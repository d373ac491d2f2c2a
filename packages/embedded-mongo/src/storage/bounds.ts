import { BSONRegExp, MaxKey, MinKey } from "mongodb";
import { afterPrefix, encodeKey, invertedCopy, typeBounds } from "../bson/key.ts";
import { isNumeric, numberOf, type Value } from "../bson/values.ts";
import type { Conjunct } from "../query/filter.ts";

/** The part of an index one field's conditions leave: single values, or one stretch of keys. */
export type FieldBounds =
  | { readonly kind: "points"; readonly keys: readonly Buffer[] }
  | { readonly kind: "range"; readonly from: Buffer; readonly below: Buffer | undefined };

/**
 * Bounds for one field of an index, in the field's own direction; undefined when its conditions limit nothing.
 * In a multikey index two bounds may be met by two elements, so only one of them is used.
 */
export function boundsOf(
  conjuncts: readonly Conjunct[],
  descending: boolean,
  multikey: boolean,
): FieldBounds | undefined {
  return pointBounds(conjuncts, descending) ?? rangeBounds(conjuncts, descending, multikey);
}

/** Arrays are indexed by their elements and patterns are not values: neither can be looked up as a key. */
function isLookupValue(value: Value): boolean {
  return !Array.isArray(value) && !(value instanceof BSONRegExp);
}

function pointBounds(conjuncts: readonly Conjunct[], descending: boolean): FieldBounds | undefined {
  let best: readonly Value[] | undefined;
  for (const { operator, value } of conjuncts) {
    let values: readonly Value[] | undefined;
    if (operator === "$eq" || ((operator === "$gte" || operator === "$lte") && value === null))
      values = [value];
    else if (operator === "$in") values = value as Value[];
    if (values?.every(isLookupValue) && (!best || values.length < best.length)) best = values;
  }
  if (!best) return undefined;
  const keys = best.map((value) => encodeKey([value], [descending])).sort((a, b) => Buffer.compare(a, b));
  return { kind: "points", keys: keys.filter((key, at) => at === 0 || !key.equals(keys[at - 1] as Buffer)) };
}

interface Stretch {
  from: Buffer;
  below: Buffer;
}

function rangeBounds(
  conjuncts: readonly Conjunct[],
  descending: boolean,
  multikey: boolean,
): FieldBounds | undefined {
  const stretches = conjuncts.map(stretchOf).filter((stretch) => stretch !== undefined);
  if (stretches.length === 0) return undefined;
  const used = multikey ? stretches.slice(0, 1) : stretches;
  const from = used.map((stretch) => stretch.from).reduce((a, b) => (Buffer.compare(a, b) > 0 ? a : b));
  const below = used.map((stretch) => stretch.below).reduce((a, b) => (Buffer.compare(a, b) < 0 ? a : b));
  if (!descending) return { kind: "range", from, below };
  // The keys are inverted: [from, below) becomes what lies after ~below, up to and with ~from's keys.
  return { kind: "range", from: invertedCopy(below), below: afterPrefix(invertedCopy(from)) };
}

function stretchOf({ operator, value }: Conjunct): Stretch | undefined {
  if (operator === "prefix") return prefixStretch(value as string);
  if (operator !== "$gt" && operator !== "$gte" && operator !== "$lt" && operator !== "$lte")
    return undefined;
  if (!isLookupValue(value) || value === null || value instanceof MinKey || value instanceof MaxKey)
    return undefined;
  if (isNumeric(value) && Number.isNaN(numberOf(value))) return undefined;
  const type = typeBounds(value);
  const key = encodeKey([value], [false]);
  const after = afterPrefix(key) ?? type.below;
  switch (operator) {
    case "$gt":
      return { from: after, below: type.below };
    case "$gte":
      return { from: key, below: type.below };
    case "$lt":
      return { from: type.from, below: key };
    case "$lte":
      return { from: type.from, below: after };
  }
}

function prefixStretch(prefix: string): Stretch {
  // Without the two zero bytes that end a text.
  const key = encodeKey([prefix], [false]);
  const from = key.subarray(0, key.length - 2);
  return { from, below: afterPrefix(from) ?? typeBounds(prefix).below };
}
