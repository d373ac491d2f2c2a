import { isObject, order, rank, same, type Json, type JsonObject } from "./model-values.ts";

/** What stands at a path: whole values, and the elements of a final array apart from it. */
interface Reached {
  readonly whole: (Json | undefined)[];
  readonly elements: Json[];
}

/**
 * Following a path: an object gives its field. In an array, an index gives that element, and every element that is
 * an object is followed too. Where nothing is found the value is missing, but an array without objects gives none.
 */
function reach(value: Json | undefined, path: readonly string[]): Reached {
  const [part, ...rest] = path;
  if (part === undefined) return { whole: [value], elements: Array.isArray(value) ? value : [] };
  if (isObject(value)) return reach(Object.hasOwn(value, part) ? value[part] : undefined, rest);
  if (!Array.isArray(value)) return { whole: [undefined], elements: [] };
  const index = /^\d+$/.test(part) ? Number(part) : -1;
  const branches = value.filter(isObject).map((element) => reach(element, path));
  if (index >= 0 && index < value.length) branches.push(reach(value[index], rest));
  return { whole: branches.flatMap((one) => one.whole), elements: branches.flatMap((one) => one.elements) };
}

function some(document: JsonObject, path: string, test: (value: Json | undefined) => boolean): boolean {
  const { whole, elements } = reach(document, path.split("."));
  return whole.some(test) || elements.some(test);
}

function isOperators(value: Json): value is JsonObject {
  return isObject(value) && Object.keys(value).some((name) => name.startsWith("$"));
}

function equals(operand: Json): (value: Json | undefined) => boolean {
  return (value) => (operand === null ? value === null || value === undefined : same(value, operand));
}

function compares(operand: Json, accept: (result: number) => boolean): (value: Json | undefined) => boolean {
  return (value) => {
    if (operand === null) return accept(0) && (value === null || value === undefined);
    return value !== undefined && rank(value) === rank(operand) && accept(order(value, operand));
  };
}

function field(document: JsonObject, path: string, operators: JsonObject): boolean {
  return Object.entries(operators).every(([operator, operand]) => {
    switch (operator) {
      case "$eq":
        return some(document, path, equals(operand));
      case "$ne":
        return !some(document, path, equals(operand));
      case "$gt":
        return some(
          document,
          path,
          compares(operand, (result) => result > 0),
        );
      case "$gte":
        return some(
          document,
          path,
          compares(operand, (result) => result >= 0),
        );
      case "$lt":
        return some(
          document,
          path,
          compares(operand, (result) => result < 0),
        );
      case "$lte":
        return some(
          document,
          path,
          compares(operand, (result) => result <= 0),
        );
      case "$in":
        return (operand as Json[]).some((one) => some(document, path, equals(one)));
      case "$nin":
        return !(operand as Json[]).some((one) => some(document, path, equals(one)));
      case "$exists":
        return some(document, path, (value) => value !== undefined) === operand;
      case "$size":
        return reach(document, path.split(".")).whole.some(
          (value) => Array.isArray(value) && value.length === operand,
        );
      case "$all":
        return (
          (operand as Json[]).length > 0 &&
          (operand as Json[]).every((one) => some(document, path, equals(one)))
        );
      case "$not":
        return !field(document, path, operand as JsonObject);
      case "$elemMatch":
        return reach(document, path.split(".")).whole.some(
          (value) => Array.isArray(value) && value.some((one) => element(one, operand as JsonObject)),
        );
      default:
        throw new Error(`the model has no ${operator}`);
    }
  });
}

export function element(value: Json, condition: JsonObject): boolean {
  if (isOperators(condition)) return field({ value }, "value", condition);
  // An array counts as an object whose names are its indexes.
  if (Array.isArray(value)) return matches({ ...value } as unknown as JsonObject, condition);
  return isObject(value) && matches(value, condition);
}

export function matches(document: JsonObject, filter: JsonObject): boolean {
  return Object.entries(filter).every(([name, condition]) => {
    if (name === "$and") return (condition as JsonObject[]).every((one) => matches(document, one));
    if (name === "$or") return (condition as JsonObject[]).some((one) => matches(document, one));
    if (name === "$nor") return !(condition as JsonObject[]).some((one) => matches(document, one));
    return isOperators(condition)
      ? field(document, name, condition)
      : some(document, name, equals(condition));
  });
}

/** The documented sort: of an array its least element ascending, its greatest descending; an empty one is least. */
export function sortValue(
  document: JsonObject,
  path: string,
  direction: number,
): { empty: boolean; value: Json | undefined } {
  const { whole, elements } = reach(document, path.split("."));
  const values: (Json | undefined)[] = [...whole.filter((value) => !Array.isArray(value)), ...elements];
  const someEmpty = whole.some((value) => Array.isArray(value) && value.length === 0);
  if (someEmpty && (direction === 1 || values.length === 0)) return { empty: true, value: undefined };
  if (values.length === 0) return { empty: false, value: undefined };
  return {
    empty: false,
    value: values.reduce((best, value) => (order(value, best) * direction < 0 ? value : best)),
  };
}
