import { Binary, Decimal128, Double, Long, ObjectId, Timestamp } from "mongodb";
import { isDocument, typeName, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";

/** E11000 with the fields drivers read: `code`, `keyPattern`, `keyValue`, and MongoDB's sentence. */
export function duplicateKey(
  ns: string,
  index: { name: string; keyPattern: ReadonlyMap<string, Value> },
  values: readonly (Value | undefined)[],
): CommandError {
  const names = [...index.keyPattern.keys()];
  const keyValue: Document = new Map(names.map((name, at) => [name, values[at] ?? null]));
  const shown = names.map((name) => `${name}: ${describeValue(keyValue.get(name) as Value)}`).join(", ");
  return new CommandError(
    "DuplicateKey",
    `E11000 duplicate key error collection: ${ns} index: ${index.name} dup key: { ${shown} }`,
    {
      fields: new Map<string, unknown>([
        ["keyPattern", new Map(index.keyPattern)],
        ["keyValue", keyValue],
      ]),
    },
  );
}

/** A value as the server's messages write it. */
export function describeValue(value: Value): string {
  if (value === null) return "null";
  if (typeof value === "string") return `"${value}"`;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value instanceof ObjectId) return `ObjectId('${value.toHexString()}')`;
  if (value instanceof Date) return `new Date(${value.getTime()})`;
  if (value instanceof Double)
    return Number.isInteger(value.value) ? value.value.toFixed(1) : String(value.value);
  if (value instanceof Timestamp) return `Timestamp(${value.high >>> 0}, ${value.low >>> 0})`;
  if (value instanceof Long) return value.toString();
  if (value instanceof Decimal128) return `NumberDecimal("${value.toString()}")`;
  if (value instanceof Binary) {
    const hex = Buffer.from(value.buffer.subarray(0, value.position)).toString("hex").toUpperCase();
    return `BinData(${value.sub_type}, ${hex})`;
  }
  if (Array.isArray(value)) return `[ ${value.map(describeValue).join(", ")} ]`;
  if (isDocument(value)) {
    return value.size === 0
      ? "{}"
      : `{ ${[...value].map(([name, one]) => `${name}: ${describeValue(one)}`).join(", ")} }`;
  }
  return typeName(value);
}
