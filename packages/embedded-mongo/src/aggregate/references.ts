import { isDocument, type Value } from "../bson/values.ts";

/**
 * The top-level fields an expression reads, or undefined when it may read any: then documents are decoded whole.
 * Literals are taken for expressions too, which can only name more fields than are read.
 */
export function referencedFields(expression: Value): ReadonlySet<string> | undefined {
  const fields = new Set<string>();
  return collect(expression, fields) ? fields : undefined;
}

function collect(value: Value, fields: Set<string>): boolean {
  if (typeof value === "string") {
    if (value.startsWith("$$")) return !/^\$\$(?:ROOT|CURRENT)\b/.test(value);
    if (value.startsWith("$")) fields.add(value.slice(1).split(".")[0] as string);
    return true;
  }
  if (Array.isArray(value)) return value.every((one) => collect(one, fields));
  if (!isDocument(value)) return true;
  for (const [name, one] of value) {
    // $getField reads the whole document by default.
    if (name === "$getField") return false;
    if (!collect(one, fields)) return false;
  }
  return true;
}
