import { ObjectId } from "mongodb";

/**
 * An independent reading of MongoDB's documented rules, over plain JavaScript values. It shares no code with the
 * store. Values: null, booleans, numbers, strings, dates, ObjectIds, arrays and plain objects.
 */
export type Json = null | boolean | number | string | Date | ObjectId | Json[] | JsonObject;
export interface JsonObject {
  [name: string]: Json;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Places in the documented comparison order; numbers of all types share one. */
export function rank(value: Json | undefined): number {
  if (value === undefined || value === null) return 1;
  if (typeof value === "number") return 2;
  if (typeof value === "string") return 3;
  if (isObject(value)) return 4;
  if (Array.isArray(value)) return 5;
  if (value instanceof ObjectId) return 7;
  if (typeof value === "boolean") return 8;
  return 9;
}

export function order(a: Json | undefined, b: Json | undefined): number {
  const ranks = rank(a) - rank(b);
  if (ranks !== 0) return ranks;
  if (a === undefined || b === undefined || a === null || b === null) return 0;
  if (typeof a === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  if (a instanceof ObjectId)
    return Buffer.compare(Buffer.from(a.toHexString()), Buffer.from((b as ObjectId).toHexString()));
  if (Array.isArray(a)) return orderLists(a, b as Json[]);
  if (isObject(a)) return orderObjects(a, b as JsonObject);
  return Number(a) - Number(b);
}

function orderLists(a: Json[], b: Json[]): number {
  for (const [at, value] of a.entries()) {
    if (at >= b.length) return 1;
    const result = order(value, b[at]);
    if (result !== 0) return result;
  }
  return a.length - b.length;
}

function orderObjects(a: JsonObject, b: JsonObject): number {
  const left = Object.entries(a);
  const right = Object.entries(b);
  for (const [at, [name, value]] of left.entries()) {
    const other = right[at];
    if (!other) return 1;
    const types = rank(value) - rank(other[1]);
    if (types !== 0) return types;
    if (name !== other[0]) return name < other[0] ? -1 : 1;
    const result = order(value, other[1]);
    if (result !== 0) return result;
  }
  return left.length - right.length;
}

export function same(a: Json | undefined, b: Json | undefined): boolean {
  return (a === undefined) === (b === undefined) && order(a, b) === 0;
}

export function copy<Value extends Json>(value: Value): Value {
  if (Array.isArray(value)) return value.map(copy) as Value;
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, copy(one)])) as Value;
}
