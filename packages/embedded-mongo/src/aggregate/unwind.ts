import { Long } from "mongodb";
import { isDocument, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { valueAt, type Path } from "../query/path.ts";
import { withField } from "./lookup.ts";
import type { Stage } from "./pipeline.ts";

interface UnwindSpec {
  readonly path: Path;
  readonly indexField: string | undefined;
  readonly keepEmpty: boolean;
}

function parseUnwind(operand: Value): UnwindSpec {
  const spec: Document = isDocument(operand) ? operand : new Map([["path", operand]]);
  const path = spec.get("path");
  const index = spec.get("includeArrayIndex");
  if (typeof path !== "string")
    throw new CommandError(28808, "expected a string as the path for $unwind stage");
  if (!path.startsWith("$") || path.length < 2)
    throw new CommandError(28818, `path option to $unwind stage should be prefixed with a '$': ${path}`);
  if (index !== undefined && (typeof index !== "string" || index === "" || index.startsWith("$"))) {
    throw new CommandError(
      28822,
      "includeArrayIndex option to $unwind stage should be a field name without '$'",
    );
  }
  return {
    path: path.slice(1).split("."),
    indexField: index,
    keepEmpty: spec.get("preserveNullAndEmptyArrays") === true,
  };
}

/** One document per element; a value that is no array counts as one element. */
export function compileUnwind(operand: Value): Stage {
  const spec = parseUnwind(operand);
  return function* (input) {
    for (const document of input) yield* unwindOne(document, spec);
  };
}

function* unwindOne(
  document: Document,
  { path, indexField, keepEmpty }: UnwindSpec,
): Generator<Document, void> {
  const value = valueAt(document, path);
  const withIndex = (result: Document, index: Value): Document =>
    indexField === undefined ? result : withField(result, indexField.split("."), index);
  if (Array.isArray(value) && value.length > 0) {
    for (const [index, element] of value.entries()) {
      yield withIndex(withField(document, path, element), Long.fromNumber(index));
    }
  } else if (Array.isArray(value)) {
    if (keepEmpty) yield withIndex(withoutField(document, path), null);
  } else if (value === undefined || value === null) {
    if (keepEmpty) yield withIndex(document, null);
  } else yield withIndex(document, null);
}

function withoutField(document: Document, path: Path): Document {
  const [name = "", ...rest] = path;
  const copy = new Map(document);
  const child = copy.get(name);
  if (rest.length === 0) copy.delete(name);
  else if (isDocument(child)) copy.set(name, withoutField(child, rest));
  return copy;
}
