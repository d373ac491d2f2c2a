import { resolveSchema, type OpenApiDocument, type Schema } from "./openapi-document.ts";

const count = (number: number): string => number.toLocaleString("en-GB");

/** The type of a schema in a few words, such as `list of Device` or `text or null`. */
export function typeWords(document: OpenApiDocument, given: Schema): string {
  const { schema, name } = resolveSchema(document, given);
  if (name !== undefined) return name;
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches !== undefined)
    return [...new Set(branches.map((one) => typeWords(document, one)))].join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(", ");
  if (Array.isArray(schema.type)) return schema.type.map(wordOf).join(" or ");
  if (schema.type === "array") return `list of ${typeWords(document, schema.items ?? {})}`;
  if (isRecord(schema)) return `map of ${typeWords(document, schema.additionalProperties as Schema)}`;
  if (schema.format === "date-time") return "time (ISO 8601)";
  const prefix = /^\^([a-z]+)_\[/.exec(schema.pattern ?? "")?.[1];
  if (prefix !== undefined) return `identifier ${prefix}_...`;
  return wordOf(schema.type ?? "anything");
}

const wordOf = (type: string): string =>
  ({ string: "text", integer: "whole number", boolean: "true or false", array: "list" })[type] ?? type;

export const isRecord = (schema: Schema): boolean => typeof schema.additionalProperties === "object";

/** What a value must keep to, such as `at most 100 characters`. */
export function limitWords(schema: Schema): string[] {
  const words: string[] = [];
  const { minLength, maxLength, minItems, maxItems, minimum, maximum } = schema;
  if (minLength !== undefined && minLength > 1) words.push(`at least ${count(minLength)} characters`);
  if (maxLength !== undefined) words.push(`at most ${count(maxLength)} characters`);
  if (minItems !== undefined && minItems > 0) words.push(`at least ${count(minItems)}`);
  if (maxItems !== undefined) words.push(`at most ${count(maxItems)}`);
  if (minimum !== undefined && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER)
    words.push(`${count(minimum)} to ${count(maximum)}`);
  else if (minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER) words.push(`from ${count(minimum)}`);
  if (schema.default !== undefined) words.push(`default ${JSON.stringify(schema.default)}`);
  return words;
}
