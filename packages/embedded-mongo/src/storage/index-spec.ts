import { isDocument, isNumeric, isTruthy, numberOf, type Document, type Value } from "../bson/values.ts";
import { valuesEqual } from "../bson/compare.ts";
import { CommandError, notSupported } from "../errors.ts";
import { compileFilter, type Filter } from "../query/filter.ts";
import { splitPath, type Path } from "../query/path.ts";

export interface IndexDefinition {
  readonly name: string;
  /** As the client gave it, without `v` and `background`. */
  readonly spec: Document;
  readonly keyPattern: Document;
  readonly fields: readonly { readonly name: string; readonly path: Path; readonly descending: boolean }[];
  readonly directions: readonly boolean[];
  readonly unique: boolean;
  readonly sparse: boolean;
  readonly partial: Filter | undefined;
  readonly partialSource: Document | undefined;
  readonly expireAfterSeconds: number | undefined;
}

const MAX_FIELDS = 32;
/** Seconds; MongoDB's own limit. */
const MAX_EXPIRY = 2147483647;

const knownOptions = new Set([
  "key",
  "name",
  "unique",
  "sparse",
  "partialFilterExpression",
  "expireAfterSeconds",
  "v",
  "background",
  "ns",
  "hidden",
  "collation",
]);
const refusedOptions = new Set([
  "weights",
  "default_language",
  "language_override",
  "textIndexVersion",
  "2dsphereIndexVersion",
  "bits",
  "min",
  "max",
  "bucketSize",
  "storageEngine",
  "wildcardProjection",
  "prepareUnique",
  "clustered",
]);

/** Reads one index of `createIndexes`. Throws CommandError with MongoDB's code for what it refuses. */
export function parseIndexSpec(spec: Value): IndexDefinition {
  if (!isDocument(spec)) throw new CommandError("TypeMismatch", "an index specification must be an object");
  checkOptions(spec);
  const key = spec.get("key");
  if (!isDocument(key))
    throw new CommandError(
      "FailedToParse",
      "The 'key' field is a required property of an index specification",
    );
  const fields = parseFields(key);
  const name = spec.get("name");
  if (typeof name !== "string" || name === "") {
    throw new CommandError(
      "FailedToParse",
      "The 'name' field is a required property of an index specification",
    );
  }
  const partialSource = parsePartial(spec.get("partialFilterExpression"));
  const sparse = isTruthy(spec.get("sparse"));
  if (sparse && partialSource) {
    throw new CommandError("CannotCreateIndex", 'cannot mix "partialFilterExpression" and "sparse" options');
  }
  return {
    name,
    spec: normalised(spec),
    keyPattern: key,
    fields,
    directions: fields.map((field) => field.descending),
    unique: isTruthy(spec.get("unique")),
    sparse,
    partial: partialSource ? compileFilter(partialSource) : undefined,
    partialSource,
    expireAfterSeconds: parseExpiry(spec.get("expireAfterSeconds"), fields.length),
  };
}

function checkOptions(spec: Document): void {
  for (const [option, value] of spec) {
    if (refusedOptions.has(option)) throw notSupported(`the index option ${option}`);
    if (!knownOptions.has(option)) {
      throw new CommandError(
        "InvalidOptions",
        `The field '${option}' is not valid for an index specification`,
      );
    }
    if (option === "hidden" && isTruthy(value)) throw notSupported("a hidden index");
    if (option === "collation" && !(isDocument(value) && value.get("locale") === "simple")) {
      throw notSupported("collation");
    }
  }
}

function parseFields(key: Document): IndexDefinition["fields"] {
  if (key.size === 0) throw new CommandError("CannotCreateIndex", "Index keys cannot be an empty object");
  if (key.size > MAX_FIELDS) throw new CommandError(13103, `too many compound keys`);
  return [...key].map(([name, direction]) => {
    if (typeof direction === "string") throw notSupported(`an index of type '${direction}'`);
    const number = isNumeric(direction) ? numberOf(direction) : NaN;
    if (!(number < 0 || number > 0)) {
      throw new CommandError(
        "CannotCreateIndex",
        "Values in the index key pattern must be numbers other than 0",
      );
    }
    if (name === "" || name.startsWith("$") || name.split(".").includes("")) {
      throw new CommandError("CannotCreateIndex", `Index key contains an illegal field name: '${name}'`);
    }
    if (name.includes("$**")) throw notSupported("a wildcard index");
    return { name, path: splitPath(name), descending: number < 0 };
  });
}

const partialOperators = new Set(["$eq", "$exists", "$gt", "$gte", "$lt", "$lte", "$type", "$in"]);

function parsePartial(source: Value | undefined): Document | undefined {
  if (source === undefined) return undefined;
  if (!isDocument(source)) {
    throw new CommandError("CannotCreateIndex", '"partialFilterExpression" must be an object');
  }
  checkPartial(source);
  return source;
}

function checkPartial(source: Document): void {
  for (const [name, condition] of source) {
    if (name === "$and" && Array.isArray(condition)) {
      for (const clause of condition) if (isDocument(clause)) checkPartial(clause);
    } else if (name.startsWith("$")) {
      throw new CommandError("CannotCreateIndex", `unsupported expression in partial index: ${name}`);
    } else if (isDocument(condition)) {
      for (const [operator, value] of condition) {
        if (!operator.startsWith("$")) continue;
        if (!partialOperators.has(operator) || (operator === "$exists" && !isTruthy(value))) {
          throw new CommandError("CannotCreateIndex", `unsupported expression in partial index: ${operator}`);
        }
      }
    }
  }
}

function parseExpiry(value: Value | undefined, fieldCount: number): number | undefined {
  if (value === undefined) return undefined;
  const seconds = isNumeric(value) ? numberOf(value) : NaN;
  if (!(seconds >= 0 && seconds <= MAX_EXPIRY)) {
    throw new CommandError(
      "CannotCreateIndex",
      `TTL index 'expireAfterSeconds' option must be within 0 to ${MAX_EXPIRY}`,
    );
  }
  if (fieldCount > 1) {
    throw new CommandError(
      "CannotCreateIndex",
      "TTL indexes are single-field indexes, compound indexes do not support TTL",
    );
  }
  return seconds;
}

function normalised(spec: Document): Document {
  const kept: Document = new Map();
  kept.set("v", 2);
  for (const name of ["key", "name"]) kept.set(name, spec.get(name) as Value);
  for (const name of ["unique", "sparse"]) if (isTruthy(spec.get(name))) kept.set(name, true);
  for (const name of ["expireAfterSeconds", "partialFilterExpression"]) {
    const value = spec.get(name);
    if (value !== undefined) kept.set(name, value);
  }
  return kept;
}

/** Same fields, in the same order and directions. */
export function sameKeyPattern(a: IndexDefinition, b: IndexDefinition): boolean {
  return (
    a.fields.length === b.fields.length &&
    a.fields.every((field, at) => {
      const other = b.fields[at];
      return field.name === other?.name && field.descending === other.descending;
    })
  );
}

export function sameOptions(a: IndexDefinition, b: IndexDefinition): boolean {
  return (
    a.unique === b.unique &&
    a.sparse === b.sparse &&
    a.expireAfterSeconds === b.expireAfterSeconds &&
    valuesEqual(a.partialSource, b.partialSource)
  );
}
