import { describeValue } from "../engine/duplicate-key.ts";
import { isDocument, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { compileFilter, type MatchPosition } from "../query/filter.ts";
import type { Path } from "../query/path.ts";
import { readChild } from "./location.ts";

export type ElementTest = (element: Value) => boolean;
export type ArrayFilters = ReadonlyMap<string, ElementTest>;

/** Reads `arrayFilters`: one filter per identifier. Throws CommandError FailedToParse. */
export function parseArrayFilters(list: Value | undefined): ArrayFilters {
  const filters = new Map<string, ElementTest>();
  if (list === undefined || list === null) return filters;
  if (!Array.isArray(list)) throw new CommandError("TypeMismatch", "arrayFilters must be an array");
  for (const entry of list) {
    if (!isDocument(entry)) throw new CommandError("TypeMismatch", "each array filter must be an object");
    const identifier = identifierOf(entry);
    if (filters.has(identifier)) {
      throw new CommandError(
        "FailedToParse",
        `Found multiple array filters with the same top-level field name ${identifier}`,
      );
    }
    const filter = compileFilter(entry);
    filters.set(identifier, (element) => filter.matches(new Map([[identifier, element]])));
  }
  return filters;
}

function identifierOf(filter: Document): string {
  const names = new Set(rootNames(filter));
  const [name] = names;
  if (names.size > 1) {
    throw new CommandError(
      "FailedToParse",
      `Error parsing array filter :: caused by :: Expected a single top-level field name, found '${[...names].join("' and '")}'`,
    );
  }
  if (name === undefined)
    throw new CommandError(
      "FailedToParse",
      "Cannot use an expression without a top-level field name in arrayFilters",
    );
  if (!/^[a-z][a-zA-Z0-9]*$/.test(name)) {
    throw new CommandError(
      "BadValue",
      `Error parsing array filter :: caused by :: The top-level field name must be an alphanumeric string beginning with a lowercase letter, found '${name}'`,
    );
  }
  return name;
}

function* rootNames(filter: Document): Generator<string> {
  for (const [name, value] of filter) {
    if (!name.startsWith("$")) yield name.split(".")[0] as string;
    else if (Array.isArray(value))
      for (const clause of value) if (isDocument(clause)) yield* rootNames(clause);
  }
}

export interface PositionScope {
  readonly position: MatchPosition;
  readonly filters: ArrayFilters;
}

/** Every array filter has to be used by some path of the update. */
export function checkFiltersUsed(filters: ArrayFilters, paths: readonly Path[]): void {
  for (const identifier of filters.keys()) {
    if (!paths.some((path) => path.includes(`$[${identifier}]`))) {
      throw new CommandError(
        "FailedToParse",
        `The array filter for identifier '${identifier}' was not used in the update`,
      );
    }
  }
  for (const part of paths.flat()) {
    const identifier = /^\$\[(.+)\]$/.exec(part)?.[1];
    if (identifier !== undefined && !filters.has(identifier)) {
      throw new CommandError(
        "BadValue",
        `No array filter found for identifier '${identifier}' in path '${part}'`,
      );
    }
  }
}

/** Puts the indexes of one document's arrays in the place of `$`, `$[]` and `$[identifier]`. */
export function concretePaths(document: Document, path: Path, scope: PositionScope): Path[] {
  if (!path.some((part) => part.startsWith("$"))) return [path];
  return expand(document, path, 0, [], scope);
}

function expand(
  container: Value | undefined,
  path: Path,
  depth: number,
  done: readonly string[],
  scope: PositionScope,
): Path[] {
  const part = path[depth];
  if (part === undefined) return [done];
  if (part === "$") {
    const { index } = scope.position;
    if (index === undefined) {
      throw new CommandError(
        "BadValue",
        "The positional operator did not find the match needed from the query.",
      );
    }
    return expand(childOf(container, String(index)), path, depth + 1, [...done, String(index)], scope);
  }
  if (!part.startsWith("$["))
    return expand(childOf(container, part), path, depth + 1, [...done, part], scope);
  const test = part === "$[]" ? () => true : (scope.filters.get(part.slice(2, -1)) as ElementTest);
  return arrayAt(container, done).flatMap((element, index) =>
    test(element) ? expand(element, path, depth + 1, [...done, String(index)], scope) : [],
  );
}

function childOf(container: Value | undefined, part: string): Value | undefined {
  return isDocument(container) || Array.isArray(container) ? readChild(container, part) : undefined;
}

function arrayAt(value: Value | undefined, path: Path): readonly Value[] {
  const name = path.join(".");
  if (value === undefined) {
    throw new CommandError(
      "BadValue",
      `The path '${name}' must exist in the document in order to apply array updates.`,
    );
  }
  if (!Array.isArray(value)) {
    throw new CommandError(
      "BadValue",
      `Cannot apply array updates to non-array element ${path.at(-1) ?? ""}: ${describeValue(value)}`,
    );
  }
  return value;
}
