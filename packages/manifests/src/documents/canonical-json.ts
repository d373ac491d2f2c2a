import { isRecord } from "../yaml/records.ts";

/**
 * JSON with keys sorted by UTF-16 code unit and no white space: the same value always gives the same
 * text. BigInt is written as a whole number. The value must be JSON-like.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (!isRecord(value)) return JSON.stringify(value ?? null);
  const fields = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`);
  return `{${fields.join(",")}}`;
}
