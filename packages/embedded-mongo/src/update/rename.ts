import { isDocument, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { pathsConflict, splitPath, valueAt, type Path } from "../query/path.ts";
import { changeAt, REMOVE } from "./location.ts";

export interface Rename {
  readonly from: Path;
  readonly to: Path;
}

/** Reads one entry of `$rename`. Throws CommandError BadValue. */
export function parseRename(from: string, target: Value): Rename {
  if (typeof target !== "string") {
    throw new CommandError("BadValue", `The 'to' field for $rename must be a string: ${from}`);
  }
  const rename = { from: splitPath(from, "EmptyFieldName"), to: splitPath(target, "EmptyFieldName") };
  if (target === "") throw new CommandError("EmptyFieldName", "An empty update path is not valid.");
  if (
    target.split(".").some((part) => part.startsWith("$")) ||
    from.split(".").some((part) => part.startsWith("$"))
  ) {
    throw new CommandError("BadValue", `The source and target field for $rename may not be dynamic: ${from}`);
  }
  if (from === target) {
    throw new CommandError(
      "BadValue",
      `The source and target field for $rename must differ: ${from}: "${target}"`,
    );
  }
  if (pathsConflict(rename.from, rename.to)) {
    throw new CommandError(
      "BadValue",
      `The source and target field for $rename must not be on the same path: ${from}: "${target}"`,
    );
  }
  return rename;
}

/** Moves a field; a missing one is left alone. Neither path may lead through an array. */
export function applyRename(document: Document, { from, to }: Rename): void {
  refuseArrays(document, from, "source");
  const value = valueAt(document, from);
  if (value === undefined) return;
  refuseArrays(document, to, "destination");
  changeAt(document, from, () => REMOVE, false);
  changeAt(document, to, () => value, true);
}

function refuseArrays(document: Document, path: Path, role: string): void {
  let current: Value | undefined = document;
  for (const part of path) {
    if (Array.isArray(current)) {
      throw new CommandError("BadValue", `The ${role} field cannot be an array element, '${path.join(".")}'`);
    }
    if (!isDocument(current)) return;
    current = current.get(part);
  }
}
