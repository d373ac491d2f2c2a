import { BSONRegExp } from "mongodb";
import { compareValues, valuesEqual } from "../bson/compare.ts";
import { isDocument, isNumeric, numberOf, typeName, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { compileElementTest, compileFilter, isOperatorDocument } from "../query/filter.ts";
import { lookupKey, matchesRegex } from "../query/predicates.ts";
import { compareSortKeys, parseSort, sortKeyOf } from "../query/sort.ts";
import { KEEP, type Change } from "./location.ts";

type ArrayChange = (id: Value | undefined) => Change;

interface PushClauses {
  readonly each: readonly Value[];
  readonly position: number | undefined;
  readonly slice: number | undefined;
  readonly order: ((a: Value, b: Value) => number) | undefined;
}

/** `$push` with `$each`, `$position`, `$sort` and `$slice`, applied in that order. */
export function push(operand: Value, path: string, whichId: (id: Value | undefined) => string): ArrayChange {
  const clauses = parsePush(operand);
  return (id) => (current) => {
    if (current !== undefined && !Array.isArray(current)) {
      throw new CommandError(
        "BadValue",
        `The field '${path}' must be an array but is of type ${typeName(current)} in document ${whichId(id)}`,
      );
    }
    const result = [...(current ?? [])];
    result.splice(startOf(clauses.position, result.length), 0, ...clauses.each);
    if (clauses.order) result.sort(clauses.order);
    return sliced(result, clauses.slice);
  };
}

function startOf(position: number | undefined, length: number): number {
  if (position === undefined || position >= length) return length;
  return position < 0 ? Math.max(0, length + position) : position;
}

function sliced(values: Value[], slice: number | undefined): Value[] {
  if (slice === undefined) return values;
  return slice >= 0 ? values.slice(0, slice) : values.slice(slice);
}

function parsePush(operand: Value): PushClauses {
  if (!isDocument(operand) || !operand.has("$each")) {
    return { each: [operand], position: undefined, slice: undefined, order: undefined };
  }
  for (const name of operand.keys()) {
    if (!["$each", "$position", "$slice", "$sort"].includes(name)) {
      throw new CommandError("BadValue", `Unrecognized clause in $push: ${name}`);
    }
  }
  const each = operand.get("$each") as Value;
  if (!Array.isArray(each)) {
    throw new CommandError(
      "BadValue",
      `The argument to $each in $push must be an array but it was of type: ${typeName(each)}`,
    );
  }
  const sort = operand.get("$sort");
  return {
    each,
    position: integerClause("$position", operand),
    slice: integerClause("$slice", operand),
    order: sort === undefined ? undefined : pushOrder(sort),
  };
}

function integerClause(name: string, operand: Document): number | undefined {
  const value = operand.get(name);
  if (value === undefined) return undefined;
  const number = isNumeric(value) ? numberOf(value) : NaN;
  if (!Number.isInteger(number)) {
    throw new CommandError(
      "BadValue",
      `The value for ${name} must be an integer value but was given type: ${typeName(value)}`,
    );
  }
  return number;
}

function pushOrder(sort: Value): (a: Value, b: Value) => number {
  if (isDocument(sort)) {
    if (sort.size === 0)
      throw new CommandError("BadValue", "The sort pattern is empty when it should have at least one field");
    const fields = parseSort(sort);
    return (a, b) => compareSortKeys(elementKey(a, fields), elementKey(b, fields), fields);
  }
  const direction = isNumeric(sort) ? numberOf(sort) : NaN;
  if (direction !== 1 && direction !== -1)
    throw new CommandError("BadValue", "The $sort element value must be either 1 or -1");
  return (a, b) => compareValues(a, b) * direction;
}

function elementKey(element: Value, fields: Parameters<typeof sortKeyOf>[1]): ReturnType<typeof sortKeyOf> {
  return isDocument(element) ? sortKeyOf(element, fields) : fields.map(() => null);
}

export function addToSet(operand: Value, path: string): ArrayChange {
  const added = setElements(operand);
  return () => (current) => {
    if (current !== undefined && !Array.isArray(current)) {
      throw new CommandError(
        "BadValue",
        `Cannot apply $addToSet to non-array field. Field named '${path.split(".").at(-1)}' has non-array type ${typeName(current)}`,
      );
    }
    const present = new Set((current ?? []).map(lookupKey));
    const fresh = added.filter((value) => {
      const key = lookupKey(value);
      return present.has(key) ? false : present.add(key);
    });
    return current !== undefined && fresh.length === 0 ? KEEP : [...(current ?? []), ...fresh];
  };
}

function setElements(operand: Value): readonly Value[] {
  if (!isDocument(operand) || operand.keys().next().value !== "$each") return [operand];
  const each = operand.get("$each") as Value;
  if (!Array.isArray(each)) {
    throw new CommandError(
      "TypeMismatch",
      `The argument to $each in $addToSet must be an array but it was of type ${typeName(each)}`,
    );
  }
  if (operand.size > 1) {
    throw new CommandError(
      "BadValue",
      `Found unexpected fields after $each in $addToSet: ${[...operand.keys()].join(", ")}`,
    );
  }
  return each;
}

export function pop(operand: Value, path: string): ArrayChange {
  const end = isNumeric(operand) ? numberOf(operand) : NaN;
  if (end !== 1 && end !== -1)
    throw new CommandError("FailedToParse", `$pop expects 1 or -1, found: ${typeName(operand)}`);
  return () => (current) => {
    if (current === undefined) return KEEP;
    if (!Array.isArray(current)) {
      throw new CommandError(
        "TypeMismatch",
        `Path '${path}' contains an element of non-array type '${typeName(current)}'`,
      );
    }
    return end === 1 ? current.slice(0, -1) : current.slice(1);
  };
}

function keepElements(operator: string, keep: (element: Value) => boolean): ArrayChange {
  return () => (current) => {
    if (current === undefined) return KEEP;
    if (!Array.isArray(current))
      throw new CommandError("BadValue", `Cannot apply ${operator} to a non-array value`);
    const kept = current.filter(keep);
    return kept.length === current.length ? KEEP : kept;
  };
}

/** A document without operators is a filter on the elements' fields, not a value to equal. */
export function pull(operand: Value): ArrayChange {
  return keepElements("$pull", negate(pullTest(operand)));
}

function negate(test: (element: Value) => boolean): (element: Value) => boolean {
  return (element) => !test(element);
}

function pullTest(operand: Value): (element: Value) => boolean {
  if (operand instanceof BSONRegExp) return matchesRegex(operand);
  if (!isDocument(operand)) return (element) => valuesEqual(element, operand);
  if (isOperatorDocument(operand)) return compileElementTest(operand, {});
  const filter = compileFilter(operand);
  return (element) => isDocument(element) && filter.matches(element);
}

export function pullAll(operand: Value): ArrayChange {
  if (!Array.isArray(operand)) {
    throw new CommandError(
      "BadValue",
      `$pullAll requires an array argument but was given a ${typeName(operand)}`,
    );
  }
  const unwanted = new Set(operand.map(lookupKey));
  return keepElements("$pullAll", (element) => !unwanted.has(lookupKey(element)));
}
