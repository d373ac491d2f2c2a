import { BSONRegExp } from "mongodb";
import { compileExpression, type Variables } from "../aggregate/expression.ts";
import { isDocument, isTruthy, isNumeric, numberOf, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { arrayIndex, splitPath, type Path } from "./path.ts";
import {
  equalTo,
  inList,
  inRange,
  matchesRegex,
  modulo,
  ofType,
  parseTypes,
  refuseOperator,
  sizeOperand,
  type Test,
} from "./predicates.ts";
import { compileRegex } from "./regex.ts";

/** Which element of an array made the filter match: what a positional `$` in an update stands for. */
export interface MatchPosition {
  index: number | undefined;
}

export type Matches = (document: Document, position?: MatchPosition) => boolean;

/** A condition every matching document meets, in the form the planner can look up in an index. */
export interface Conjunct {
  readonly path: string;
  readonly operator: "$eq" | "$gt" | "$gte" | "$lt" | "$lte" | "$in" | "$exists" | "prefix";
  readonly value: Value;
}

export interface Filter {
  readonly matches: Matches;
  readonly conjuncts: readonly Conjunct[];
  /** The branches of each `$or` all matching documents pass. */
  readonly alternatives: readonly (readonly Filter[])[];
  /** The top-level fields the filter looks at; undefined when it may look at any. */
  readonly fields: ReadonlySet<string> | undefined;
  readonly isEmpty: boolean;
}

export interface FilterScope {
  /** Values of `let`, for `$expr`. */
  readonly variables?: Variables;
}

/** Compiles a query filter. Throws CommandError with MongoDB's code for what is wrong or not supported. */
export function compileFilter(filter: Document, scope: FilterScope = {}): Filter {
  const parts = [...filter].map(([name, operand]) => compileEntry(name, operand, scope));
  return parts.length === 1 ? (parts[0] as Filter) : conjunction(parts);
}

function conjunction(parts: readonly Filter[]): Filter {
  const tests = parts.filter((part) => !part.isEmpty).map((part) => part.matches);
  return {
    matches: (document, position) => tests.every((test) => test(document, position)),
    conjuncts: parts.flatMap((part) => part.conjuncts),
    alternatives: parts.flatMap((part) => part.alternatives),
    fields: unionFields(parts),
    isEmpty: tests.length === 0,
  };
}

function unionFields(parts: readonly Filter[]): ReadonlySet<string> | undefined {
  const fields = new Set<string>();
  for (const part of parts) {
    if (!part.fields) return undefined;
    for (const field of part.fields) fields.add(field);
  }
  return fields;
}

function plain(matches: Matches, fields: ReadonlySet<string> | undefined): Filter {
  return { matches, fields, conjuncts: [], alternatives: [], isEmpty: false };
}

function compileEntry(name: string, operand: Value, scope: FilterScope): Filter {
  if (!name.startsWith("$")) return compileField(name, operand, scope);
  switch (name) {
    case "$and":
      return conjunction(clauses(name, operand, scope));
    case "$or":
      return disjunction(clauses(name, operand, scope));
    case "$nor": {
      const either = disjunction(clauses(name, operand, scope));
      return plain((document) => !either.matches(document), either.fields);
    }
    case "$expr": {
      const evaluate = compileExpression(operand);
      return plain((document) => isTruthy(evaluate(document, scope.variables)), undefined);
    }
    case "$comment":
      return { matches: () => true, conjuncts: [], alternatives: [], fields: new Set(), isEmpty: true };
    case "$alwaysTrue":
      return plain(() => true, new Set());
    case "$alwaysFalse":
      return plain(() => false, new Set());
    default:
      throw unknownTopLevel(name);
  }
}

function unknownTopLevel(name: string): CommandError {
  const refusal = refuseOperator(name);
  if (refusal.codeName === "NotImplemented") return refusal;
  return new CommandError(
    "BadValue",
    `unknown top level operator: ${name}. If you have a field name that starts with a '$' symbol, consider using $getField or $setField.`,
  );
}

function clauses(name: string, operand: Value, scope: FilterScope): Filter[] {
  if (!Array.isArray(operand)) throw new CommandError("BadValue", `${name} must be an array`);
  if (operand.length === 0) throw new CommandError("BadValue", `$and/$or/$nor must be a nonempty array`);
  return operand.map((clause) => {
    if (!isDocument(clause))
      throw new CommandError("BadValue", `$or/$and/$nor entries need to be full objects`);
    return compileFilter(clause, scope);
  });
}

function disjunction(branches: readonly Filter[]): Filter {
  const [only] = branches;
  if (branches.length === 1 && only) return only;
  return {
    matches: (document, position) => branches.some((branch) => branch.matches(document, position)),
    conjuncts: [],
    alternatives: [branches],
    fields: unionFields(branches),
    isEmpty: false,
  };
}

/** Whether `{a: X}` gives operators for `a` rather than a value to equal. */
export function isOperatorDocument(value: Value): value is Document {
  if (!isDocument(value)) return false;
  const first = value.keys().next();
  return !first.done && first.value.startsWith("$") && !["$ref", "$id", "$db"].includes(first.value);
}

function compileField(name: string, operand: Value, scope: FilterScope): Filter {
  const path = name.split(".");
  const fields = new Set([path[0] as string]);
  if (!isOperatorDocument(operand)) return leaf(path, fields, equalityOrRegex(name, operand));
  const regex = regexOf(operand);
  const parts: Filter[] = [];
  for (const [operator, value] of operand) {
    if (operator === "$options" && regex) continue;
    if (operator === "$regex" && regex) parts.push(leaf(path, fields, regexPredicate(name, regex)));
    else if (!operator.startsWith("$")) throw new CommandError("BadValue", `unknown operator: ${operator}`);
    else parts.push(compileOperator(name, path, fields, operator, value, scope));
  }
  return parts.length === 1 ? (parts[0] as Filter) : conjunction(parts);
}

interface Predicate {
  readonly test: Test;
  /** Looks at arrays as a whole only (`$size`). */
  readonly wholeOnly?: boolean;
  readonly conjuncts?: readonly Conjunct[];
}

function leaf(path: Path, fields: ReadonlySet<string>, predicate: Predicate): Filter {
  const { test, wholeOnly = false } = predicate;
  return {
    matches: (document, position) => matchesPath(document, path, 0, test, wholeOnly, position),
    conjuncts: predicate.conjuncts ?? [],
    alternatives: [],
    fields,
    isEmpty: false,
  };
}

function equalityOrRegex(name: string, operand: Value): Predicate {
  if (operand instanceof BSONRegExp) return regexPredicate(name, operand);
  return { test: equalTo(operand), conjuncts: [{ path: name, operator: "$eq", value: operand }] };
}

function regexPredicate(name: string, regex: BSONRegExp): Predicate {
  const { prefix } = compileRegex(regex.pattern, regex.options);
  return {
    test: matchesRegex(regex),
    conjuncts: prefix === undefined ? [] : [{ path: name, operator: "prefix", value: prefix }],
  };
}

function regexOf(operators: Document): BSONRegExp | undefined {
  const regex = operators.get("$regex");
  const options = operators.get("$options");
  if (regex === undefined) {
    if (options !== undefined) throw new CommandError("BadValue", "$options needs a $regex");
    return undefined;
  }
  if (options !== undefined && typeof options !== "string") {
    throw new CommandError("BadValue", "$options has to be a string");
  }
  if (typeof regex === "string") return new BSONRegExp(regex, options ?? "");
  if (!(regex instanceof BSONRegExp)) throw new CommandError("BadValue", "$regex has to be a string");
  if (options !== undefined && regex.options !== "") {
    throw new CommandError(51075, "options set in both $regex and $options");
  }
  return options === undefined ? regex : new BSONRegExp(regex.pattern, options);
}

function negate(filter: Filter): Filter {
  return plain((document) => !filter.matches(document), filter.fields);
}

function compileOperator(
  name: string,
  path: Path,
  fields: ReadonlySet<string>,
  operator: string,
  operand: Value,
  scope: FilterScope,
): Filter {
  switch (operator) {
    case "$not":
      return negate(negated(name, operand, scope));
    case "$ne":
      if (operand instanceof BSONRegExp)
        throw new CommandError("BadValue", "Can't have regex as arg to $ne.");
      return negate(leaf(path, fields, { test: equalTo(operand) }));
    case "$nin":
      return negate(leaf(path, fields, { test: inList(listOperand(operator, operand)) }));
    case "$exists":
      return isTruthy(operand)
        ? leaf(path, fields, existence(name))
        : negate(leaf(path, fields, existence(name)));
    case "$elemMatch":
      return elementMatch(path, fields, operand, scope);
    case "$all":
      return allOf(name, path, fields, operand, scope);
    case "$comment":
      return plain(() => true, new Set());
    default:
      return leaf(path, fields, simplePredicate(name, operator, operand));
  }
}

function existence(name: string): Predicate {
  return {
    test: (value) => value !== undefined,
    conjuncts: [{ path: name, operator: "$exists", value: true }],
  };
}

function negated(name: string, operand: Value, scope: FilterScope): Filter {
  if (operand instanceof BSONRegExp) return compileField(name, operand, scope);
  if (!isDocument(operand)) throw new CommandError("BadValue", "$not needs a regex or a document");
  if (operand.size === 0) throw new CommandError("BadValue", "$not cannot be empty");
  if (!isOperatorDocument(operand)) {
    throw new CommandError(
      "BadValue",
      `unknown operator: ${String((operand as Document).keys().next().value)}`,
    );
  }
  return compileField(name, operand, scope);
}

function simplePredicate(name: string, operator: string, operand: Value): Predicate {
  switch (operator) {
    case "$eq":
      return { test: equalTo(operand), conjuncts: [{ path: name, operator, value: operand }] };
    case "$gt":
    case "$gte":
    case "$lt":
    case "$lte":
      return { test: inRange(operator, operand), conjuncts: [{ path: name, operator, value: operand }] };
    case "$in": {
      const list = listOperand(operator, operand);
      return { test: inList(list), conjuncts: [{ path: name, operator, value: list }] };
    }
    case "$mod":
      return { test: modulo(operand) };
    case "$size": {
      const size = sizeOperand(operand);
      return { test: (value) => Array.isArray(value) && value.length === size, wholeOnly: true };
    }
    case "$type":
      return { test: ofType(parseTypes(operand)) };
    default:
      throw refuseOperator(operator);
  }
}

function listOperand(operator: string, operand: Value): Value[] {
  if (!Array.isArray(operand)) throw new CommandError("BadValue", `${operator} needs an array`);
  if (operand.some(isOperatorDocument)) throw new CommandError("BadValue", `cannot nest $ under ${operator}`);
  return operand;
}

/** A test for one element of an array: of operators on the element itself, or of a filter on its fields. */
export function compileElementTest(
  operand: Document,
  scope: FilterScope,
): (element: Value | undefined) => boolean {
  const first = operand.keys().next();
  const logical = new Set(["$and", "$or", "$nor", "$expr"]);
  if (isOperatorDocument(operand) && !logical.has(String(first.value))) {
    const onElement = compileField("", operand, scope);
    return (element) => onElement.matches(new Map([["", element as Value]]));
  }
  const onFields = compileFilter(operand, scope);
  return (element) => {
    if (isDocument(element)) return onFields.matches(element);
    return Array.isArray(element) && onFields.matches(new Map(element.map((value, i) => [String(i), value])));
  };
}

function elementMatch(path: Path, fields: ReadonlySet<string>, operand: Value, scope: FilterScope): Filter {
  if (!isDocument(operand)) throw new CommandError("BadValue", "$elemMatch needs an Object");
  const test = compileElementTest(operand, scope);
  const onArray = (value: Value | undefined, position?: MatchPosition): boolean => {
    if (!Array.isArray(value)) return false;
    const index = value.findIndex(test);
    if (index >= 0 && position) position.index = index;
    return index >= 0;
  };
  return plain((document, position) => matchesArrays(document, path, 0, onArray, position), fields);
}

function allOf(
  name: string,
  path: Path,
  fields: ReadonlySet<string>,
  operand: Value,
  scope: FilterScope,
): Filter {
  if (!Array.isArray(operand)) throw new CommandError("BadValue", "$all needs an array");
  if (operand.length === 0) return plain(() => false, fields);
  return conjunction(
    operand.map((item) => {
      const inner = isDocument(item) ? item.get("$elemMatch") : undefined;
      if (inner !== undefined) return elementMatch(path, fields, inner, scope);
      if (isOperatorDocument(item)) throw new CommandError("BadValue", "no $ expressions in $all");
      return leaf(path, fields, equalityOrRegex(name, item));
    }),
  );
}

/** Walks a path as MongoDB does: into documents, into the documents of arrays, and by index. */
function matchesPath(
  value: Value | undefined,
  path: Path,
  depth: number,
  test: Test,
  wholeOnly: boolean,
  position: MatchPosition | undefined,
): boolean {
  const part = path[depth];
  if (part === undefined) return matchesEnd(value, test, wholeOnly, position);
  if (isDocument(value)) return matchesPath(value.get(part), path, depth + 1, test, wholeOnly, position);
  if (!Array.isArray(value)) return test(undefined);
  const index = arrayIndex(part);
  if (index !== undefined && index < value.length) {
    if (matchesPath(value[index], path, depth + 1, test, wholeOnly, position)) return true;
  }
  for (let at = 0; at < value.length; at++) {
    if (isDocument(value[at]) && matchesPath(value[at], path, depth, test, wholeOnly, position)) {
      if (position) position.index = at;
      return true;
    }
  }
  return false;
}

function matchesEnd(
  value: Value | undefined,
  test: Test,
  wholeOnly: boolean,
  position: MatchPosition | undefined,
): boolean {
  if (Array.isArray(value) && !wholeOnly) {
    const index = value.findIndex(test);
    if (index >= 0) {
      if (position) position.index = index;
      return true;
    }
  }
  return test(value);
}

type ArrayTest = (value: Value | undefined, position?: MatchPosition) => boolean;

/** As matchesPath, for tests of an array as a whole. */
function matchesArrays(
  value: Value | undefined,
  path: Path,
  depth: number,
  test: ArrayTest,
  position: MatchPosition | undefined,
): boolean {
  const part = path[depth];
  if (part === undefined) return test(value, position);
  if (isDocument(value)) return matchesArrays(value.get(part), path, depth + 1, test, position);
  if (!Array.isArray(value)) return false;
  const index = arrayIndex(part);
  if (index !== undefined && matchesArrays(value[index], path, depth + 1, test, position)) return true;
  for (let at = 0; at < value.length; at++) {
    if (isDocument(value[at]) && matchesArrays(value[at], path, depth, test, position)) {
      if (position) position.index = at;
      return true;
    }
  }
  return false;
}

/** A numeric limit, skip or batch size. Throws CommandError BadValue or TypeMismatch. */
export function nonNegativeInteger(name: string, value: Value | undefined, fallback: number): number {
  if (value === undefined || value === null) return fallback;
  if (!isNumeric(value)) throw new CommandError("TypeMismatch", `'${name}' must be a number`);
  const number = Math.trunc(numberOf(value));
  if (!Number.isFinite(number)) throw new CommandError("BadValue", `'${name}' must be finite`);
  if (number < 0)
    throw new CommandError(51024, `BSON field '${name}' value must be >= 0, actual value '${number}'`);
  return number;
}

export { splitPath };
