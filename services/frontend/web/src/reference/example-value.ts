import { resolveSchema, type OpenApiDocument, type Schema } from "./openapi-document.ts";

const maxDepth = 6;

function exampleText({ format, pattern, description }: Schema): string {
  if (format === "date-time") return "2030-01-01T00:00:00.000Z";
  if (format === "email") return "ada@example.com";
  if (format === "uri") return "https://example.com";
  const prefix = /^\^([a-z]+)_\[/.exec(pattern ?? "")?.[1];
  if (prefix !== undefined) return `${prefix}_...`;
  return /`([^`]+)`/.exec(description ?? "")?.[1] ?? "...";
}

/** A value that shows the shape of a schema: what is required, and one item of each list. */
export function exampleValue(document: OpenApiDocument, given: Schema, depth = 0): unknown {
  const { schema } = resolveSchema(document, given);
  if (schema.examples !== undefined) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const branch = (schema.anyOf ?? schema.oneOf ?? schema.allOf)?.[0];
  if (branch !== undefined) return exampleValue(document, branch, depth);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "object" || schema.properties !== undefined) {
    if (depth > maxDepth) return {};
    const names = schema.required ?? [];
    return Object.fromEntries(
      Object.entries(schema.properties ?? {})
        .filter(([name]) => names.includes(name))
        .map(([name, inner]) => [name, exampleValue(document, inner, depth + 1)]),
    );
  }
  if (type === "array")
    return depth > maxDepth ? [] : [exampleValue(document, schema.items ?? {}, depth + 1)];
  if (type === "integer" || type === "number") return schema.minimum ?? 1;
  if (type === "boolean") return true;
  return type === "null" ? null : exampleText(schema);
}
