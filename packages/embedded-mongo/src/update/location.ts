import { isDocument, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { describeValue } from "../engine/duplicate-key.ts";
import { arrayIndex, type Path } from "../query/path.ts";

/** Answered by a change that leaves the field as it is. */
export const KEEP: unique symbol = Symbol("keep");
/** Answered by a change that takes the field away. */
export const REMOVE: unique symbol = Symbol("remove");

export type Change = (current: Value | undefined) => Value | typeof KEEP | typeof REMOVE;

/** How far past its end an array may be written to; the gap fills with nulls. MongoDB's own limit. */
const MAX_PADDING = 1_500_000;

/**
 * Changes the value at a path of a document in place. With `create`, missing parents become documents; without
 * it a missing or unusable parent means that there is nothing to do.
 * Throws CommandError PathNotViable where a parent is a scalar or an array is addressed by a name.
 */
export function changeAt(root: Document, path: Path, change: Change, create: boolean): void {
  let container: Document | Value[] = root;
  for (let depth = 0; depth < path.length - 1; depth++) {
    const part = path[depth] as string;
    const child: Value | undefined = readChild(container, part);
    if (isDocument(child) || Array.isArray(child)) {
      container = child;
      continue;
    }
    if (!create) return;
    if (child !== undefined) throw notViable(path[depth + 1] as string, part, child);
    const value = change(undefined);
    if (value === KEEP || value === REMOVE) return;
    writeChild(container, part, wrap(path.slice(depth + 1), value), path, depth);
    return;
  }
  changeLast(container, path, change, create);
}

function changeLast(container: Document | Value[], path: Path, change: Change, create: boolean): void {
  const depth = path.length - 1;
  const part = path[depth] as string;
  if (Array.isArray(container) && arrayIndex(part) === undefined) {
    if (!create) return;
    throw notViable(part, path[depth - 1] ?? "", container);
  }
  const current = readChild(container, part);
  const value = change(current);
  if (value === KEEP) return;
  if (value !== REMOVE) writeChild(container, part, value, path, depth);
  else if (Array.isArray(container)) {
    if (current !== undefined) container[Number(part)] = null;
  } else container.delete(part);
}

function notViable(part: string, parent: string, value: Value): CommandError {
  return new CommandError(
    "PathNotViable",
    `Cannot create field '${part}' in element {${parent}: ${describeValue(value)}}`,
  );
}

function wrap(path: Path, value: Value): Value {
  return path.reduceRight<Value>((inner, part) => new Map([[part, inner]]), value);
}

export function readChild(container: Document | Value[], part: string): Value | undefined {
  if (!Array.isArray(container)) return container.get(part);
  const index = arrayIndex(part);
  return index === undefined ? undefined : container[index];
}

function writeChild(
  container: Document | Value[],
  part: string,
  value: Value,
  path: Path,
  depth: number,
): void {
  if (!Array.isArray(container)) {
    container.set(part, value);
    return;
  }
  const index = arrayIndex(part);
  if (index === undefined) throw notViable(part, path[depth - 1] ?? "", container);
  if (index - container.length > MAX_PADDING) {
    throw new CommandError("BadValue", `can't backfill array to larger than ${MAX_PADDING} elements`);
  }
  while (container.length < index) container.push(null);
  container[index] = value;
}
