import {
  Binary,
  BSONRegExp,
  Code,
  Decimal128,
  Double,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} from "mongodb";
import { align, exactOf } from "./decimal.ts";
import { isLong, numberOf, RawDocument, type Document, type NumericValue, type Value } from "./values.ts";

/** The place of each type in MongoDB's order of values; missing sorts before null. */
export const typeOrder = {
  minKey: 1,
  missing: 4,
  null: 5,
  number: 10,
  string: 15,
  object: 20,
  array: 25,
  binary: 30,
  objectId: 35,
  boolean: 40,
  date: 45,
  timestamp: 47,
  regex: 50,
  code: 60,
  maxKey: 127,
} as const;

export function orderOf(value: Value | undefined): number {
  if (value === undefined) return typeOrder.missing;
  if (value === null) return typeOrder.null;
  switch (typeof value) {
    case "number":
      return typeOrder.number;
    case "string":
      return typeOrder.string;
    case "boolean":
      return typeOrder.boolean;
    default:
      return orderOfObject(value);
  }
}

function orderOfObject(value: object): number {
  if (value instanceof Map || value instanceof RawDocument) return typeOrder.object;
  if (Array.isArray(value)) return typeOrder.array;
  if (value instanceof ObjectId) return typeOrder.objectId;
  if (value instanceof Date) return typeOrder.date;
  if (value instanceof Timestamp) return typeOrder.timestamp;
  if (value instanceof Long || value instanceof Double || value instanceof Decimal128)
    return typeOrder.number;
  if (value instanceof Binary) return typeOrder.binary;
  if (value instanceof BSONRegExp) return typeOrder.regex;
  if (value instanceof Code) return typeOrder.code;
  if (value instanceof MinKey) return typeOrder.minKey;
  if (value instanceof MaxKey) return typeOrder.maxKey;
  throw new Error("not a BSON value");
}

/** MongoDB's total order over values of all types: negative, zero or positive. Numbers compare by exact value. */
export function compareValues(a: Value | undefined, b: Value | undefined): number {
  if (typeof a === "number" && typeof b === "number") return compareDoubles(a, b);
  if (typeof a === "string" && typeof b === "string") return compareStrings(a, b);
  const order = orderOf(a);
  const difference = order - orderOf(b);
  if (difference !== 0 || a === undefined || b === undefined || a === null || b === null) return difference;
  return compareSameType(order, a, b);
}

function compareSameType(order: number, a: Value, b: Value): number {
  switch (order) {
    case typeOrder.number:
      return compareNumbers(a as NumericValue, b as NumericValue);
    case typeOrder.object:
      return compareDocuments(a as Document, b as Document);
    case typeOrder.array:
      return compareArrays(a as Value[], b as Value[]);
    case typeOrder.objectId:
      return Buffer.compare((a as ObjectId).id, (b as ObjectId).id);
    case typeOrder.date:
      return (a as Date).getTime() - (b as Date).getTime();
    case typeOrder.boolean:
      return Number(a) - Number(b);
    case typeOrder.timestamp:
      return (a as Timestamp).compare(b as Timestamp);
    case typeOrder.binary:
      return compareBinaries(a as Binary, b as Binary);
    case typeOrder.regex:
      return compareRegexes(a as BSONRegExp, b as BSONRegExp);
    case typeOrder.code:
      return compareStrings(String((a as Code).code), String((b as Code).code));
    case typeOrder.string:
      return compareStrings(a as string, b as string);
    default:
      return 0;
  }
}

export function valuesEqual(a: Value | undefined, b: Value | undefined): boolean {
  return a === b || compareValues(a, b) === 0;
}

/** NaN equals itself and sorts before every other number. */
function compareDoubles(a: number, b: number): number {
  if (a === b) return 0;
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1;
  if (Number.isNaN(b)) return 1;
  return a < b ? -1 : 1;
}

export function compareNumbers(a: NumericValue, b: NumericValue): number {
  if (isLong(a) && isLong(b)) return a.compare(b);
  const rough = compareDoubles(numberOf(a), numberOf(b));
  const needsExact = isLong(a) || isLong(b) || a instanceof Decimal128 || b instanceof Decimal128;
  if (!needsExact) return rough;
  const exactA = exactOf(a);
  const exactB = exactOf(b);
  if (!exactA || !exactB) return rough;
  const { a: left, b: right } = align(exactA, exactB);
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * By code point, which is the order of the UTF-8 bytes. JavaScript's own order is by UTF-16 unit and differs
 * where a surrogate meets a unit above it.
 */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const size = Math.min(a.length, b.length);
  for (let index = 0; index < size; index++) {
    const x = a.charCodeAt(index);
    const y = b.charCodeAt(index);
    if (x !== y) return unitRank(x) - unitRank(y);
  }
  return a.length - b.length;
}

/** Lifts surrogates (code points from 0x10000) above the units 0xe000 to 0xffff. */
function unitRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function compareBinaries(a: Binary, b: Binary): number {
  return (
    a.position - b.position ||
    a.sub_type - b.sub_type ||
    Buffer.compare(a.buffer.subarray(0, a.position), b.buffer.subarray(0, b.position))
  );
}

function compareRegexes(a: BSONRegExp, b: BSONRegExp): number {
  return compareStrings(a.pattern, b.pattern) || compareStrings(a.options, b.options);
}

function compareArrays(a: readonly Value[], b: readonly Value[]): number {
  const size = Math.min(a.length, b.length);
  for (let index = 0; index < size; index++) {
    const result = compareValues(a[index], b[index]);
    if (result !== 0) return result;
  }
  return a.length - b.length;
}

/** Field by field in their order: type first, then name, then value. */
function compareDocuments(a: Document, b: Document): number {
  const left = a.entries();
  const right = b.entries();
  for (;;) {
    const x = left.next();
    const y = right.next();
    if (x.done || y.done) return x.done ? (y.done ? 0 : -1) : 1;
    const [nameX, valueX] = x.value;
    const [nameY, valueY] = y.value;
    const result =
      orderOf(valueX) - orderOf(valueY) || compareStrings(nameX, nameY) || compareValues(valueX, valueY);
    if (result !== 0) return result;
  }
}
