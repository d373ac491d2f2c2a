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

/**
 * Values inside the engine.
 *
 * Documents are Maps, because a JavaScript object moves integer-like names to the front and gives
 * `__proto__` a meaning; MongoDB does neither. Numbers keep their BSON type:
 * - int32: a `number` that is an integer within 32 bits
 * - double: any other `number` (also -0), or a `Double` where the value would read as an int32
 * - int64: `Long`; decimal: `Decimal128`
 */
export type Value =
  | null
  | boolean
  | number
  | string
  | Date
  | Double
  | Long
  | Decimal128
  | ObjectId
  | Binary
  | BSONRegExp
  | Timestamp
  | Code
  | MinKey
  | MaxKey
  | RawDocument
  | Value[]
  | Document;

export type Document = Map<string, Value>;

/** A document that is still bytes; only the encoder and the answers to clients meet it. */
export class RawDocument {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

export function isDocument(value: unknown): value is Document {
  return value instanceof Map;
}

export function isInt32(value: number): boolean {
  return (value | 0) === value && !Object.is(value, -0);
}

/** A double that stays a double when it is written. */
export function toDouble(value: number): number | Double {
  return isInt32(value) ? new Double(value) : value;
}

export const INT64_MAX = 2n ** 63n - 1n;
export const INT64_MIN = -(2n ** 63n);

export type NumericValue = number | Double | Long | Decimal128;

export function isNumeric(value: unknown): value is NumericValue {
  return (
    typeof value === "number" ||
    value instanceof Double ||
    value instanceof Long ||
    value instanceof Decimal128
  );
}

/** Timestamp extends Long in the driver's BSON library, so it is told apart here and nowhere else. */
export function isLong(value: unknown): value is Long {
  return value instanceof Long && !(value instanceof Timestamp);
}

/** The nearest double; exact for int32 and double. */
export function numberOf(value: NumericValue): number {
  if (typeof value === "number") return value;
  if (value instanceof Double) return value.value;
  if (value instanceof Decimal128) return Number(value.toString().replace("Infinity", "Infinity"));
  return value.toNumber();
}

export type NumericType = "int" | "long" | "double" | "decimal";

export function numericType(value: NumericValue): NumericType {
  if (typeof value === "number") return isInt32(value) ? "int" : "double";
  if (value instanceof Double) return "double";
  if (value instanceof Decimal128) return "decimal";
  return "long";
}

/** MongoDB's names of the BSON types, as `$type` answers them. */
export function typeName(value: Value | undefined): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "string":
      return "string";
    case "number":
      return isInt32(value) ? "int" : "double";
    default:
      return objectTypeName(value);
  }
}

function objectTypeName(value: object): string {
  if (value instanceof Map || value instanceof RawDocument) return "object";
  if (Array.isArray(value)) return "array";
  if (value instanceof Date) return "date";
  if (value instanceof ObjectId) return "objectId";
  if (value instanceof Timestamp) return "timestamp";
  if (value instanceof Long) return "long";
  if (value instanceof Double) return "double";
  if (value instanceof Decimal128) return "decimal";
  if (value instanceof Binary) return "binData";
  if (value instanceof BSONRegExp) return "regex";
  if (value instanceof Code) return "javascript";
  if (value instanceof MinKey) return "minKey";
  if (value instanceof MaxKey) return "maxKey";
  throw new Error(`not a BSON value: ${Object.prototype.toString.call(value)}`);
}

/** What counts as true in `$expr`, `$cond` and index or command flags. */
export function isTruthy(value: Value | undefined): boolean {
  if (value === undefined || value === null || value === false) return false;
  if (isNumeric(value)) return numberOf(value) !== 0;
  return true;
}

/** Builds a document from an object literal whose names are not integer-like. */
export function documentOf(fields: Record<string, Value | undefined>): Document {
  const document: Document = new Map();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) document.set(name, value);
  return document;
}
