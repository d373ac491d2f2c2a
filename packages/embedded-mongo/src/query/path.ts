import { CommandError } from "../errors.ts";
import { isDocument, type Value } from "../bson/values.ts";

export type Path = readonly string[];

/** Splits a dotted path. Throws CommandError for the forms MongoDB refuses: empty parts. */
export function splitPath(path: string, code: "BadValue" | "EmptyFieldName" = "BadValue"): Path {
  const parts = path.split(".");
  if (parts.length > 1 && parts.includes("")) {
    throw new CommandError(code, `The path '${path}' contains an empty field name, which is not allowed.`);
  }
  return parts;
}

/** A whole number without leading zeros: such a part can name an element of an array. */
export function arrayIndex(part: string): number | undefined {
  return /^(?:0|[1-9]\d{0,8})$/.test(part) ? Number(part) : undefined;
}

/** Whether one path is the other one or leads to it: the two cannot be changed by one update. */
export function pathsConflict(a: Path, b: Path): boolean {
  const size = Math.min(a.length, b.length);
  for (let index = 0; index < size; index++) if (a[index] !== b[index]) return false;
  return true;
}

/** The value at a path that goes through documents only; arrays are not looked into. */
export function valueAt(value: Value | undefined, path: Path): Value | undefined {
  let current = value;
  for (const part of path) {
    if (!isDocument(current)) return undefined;
    current = current.get(part);
  }
  return current;
}

/**
 * Every value a sort, a join or `distinct` sees at a path. Arrays along the path are looked into, and the array
 * at its end counts by its elements. A missing field gives `absent`, an empty array `undefined`.
 */
export function collectValues(
  value: Value | undefined,
  path: Path,
  absent: null | undefined,
): (Value | undefined)[] {
  const found: (Value | undefined)[] = [];
  collect(value, path, 0, absent, found);
  return found;
}

function collect(
  value: Value | undefined,
  path: Path,
  depth: number,
  absent: null | undefined,
  found: (Value | undefined)[],
): void {
  const part = path[depth];
  if (part === undefined) {
    if (Array.isArray(value)) {
      for (const element of value) found.push(element);
      if (value.length === 0) found.push(undefined);
    } else found.push(value === undefined ? absent : value);
  } else if (isDocument(value)) collect(value.get(part), path, depth + 1, absent, found);
  else if (Array.isArray(value)) collectFromArray(value, path, depth, absent, found);
  else found.push(absent);
}

function collectFromArray(
  values: readonly Value[],
  path: Path,
  depth: number,
  absent: null | undefined,
  found: (Value | undefined)[],
): void {
  const index = arrayIndex(path[depth] as string);
  const before = found.length;
  if (index !== undefined && index < values.length) collect(values[index], path, depth + 1, absent, found);
  for (const element of values) if (isDocument(element)) collect(element, path, depth, absent, found);
  if (found.length === before) found.push(absent);
}

/** Whether an array stands anywhere at or before the end of the path. */
export function crossesArray(value: Value | undefined, path: Path): boolean {
  let current = value;
  for (const part of path) {
    if (Array.isArray(current)) return true;
    if (!isDocument(current)) return false;
    current = current.get(part);
  }
  return Array.isArray(current);
}
