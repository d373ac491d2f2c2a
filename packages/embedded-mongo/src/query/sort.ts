import { compareValues } from "../bson/compare.ts";
import { isDocument, isNumeric, numberOf, type Document, type Value } from "../bson/values.ts";
import { CommandError, notSupported } from "../errors.ts";
import { collectValues, splitPath, type Path } from "./path.ts";

export interface SortField {
  readonly name: string;
  readonly path: Path;
  readonly descending: boolean;
}

export type SortKey = readonly (Value | undefined)[];

/** Reads a sort specification. Throws CommandError BadValue; text scores are refused. */
export function parseSort(sort: Value | undefined): SortField[] {
  if (sort === undefined || sort === null) return [];
  if (!isDocument(sort)) throw new CommandError("TypeMismatch", "Expected field sort to be of type object");
  if (sort.size > 32) throw new CommandError("BadValue", "too many sort fields");
  return [...sort].map(([name, direction]) => {
    if (isDocument(direction)) throw notSupported("sorting by $meta");
    const number = isNumeric(direction) ? numberOf(direction) : NaN;
    if (number !== 1 && number !== -1) {
      throw new CommandError(15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)");
    }
    if (name === "$natural") throw notSupported("sorting by $natural");
    if (name.startsWith("$")) throw new CommandError(16410, "FieldPath field names may not start with '$'.");
    return { name, path: splitPath(name), descending: number === -1 };
  });
}

/** What a document sorts by: of an array, its least element ascending and its greatest descending. */
export function sortKeyOf(document: Document, fields: readonly SortField[]): SortKey {
  return fields.map((field) => {
    const [only] = field.path;
    const direct = field.path.length === 1 && only !== undefined ? document.get(only) : undefined;
    if (field.path.length === 1 && !Array.isArray(direct)) return direct ?? null;
    // An empty array sorts before null, as MongoDB's undefined does.
    const values = collectValues(document, field.path, null);
    return values.reduce((best, value) => {
      const order = compareValues(value, best);
      return (field.descending ? order > 0 : order < 0) ? value : best;
    });
  });
}

export function compareSortKeys(a: SortKey, b: SortKey, fields: readonly SortField[]): number {
  for (let index = 0; index < fields.length; index++) {
    const order = compareValues(a[index], b[index]);
    if (order !== 0) return fields[index]?.descending ? -order : order;
  }
  return 0;
}
