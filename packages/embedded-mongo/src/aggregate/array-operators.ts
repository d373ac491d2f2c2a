import { valuesEqual } from "../bson/compare.ts";
import {
  isDocument,
  isNumeric,
  isTruthy,
  numberOf,
  typeName,
  type Document,
  type Value,
} from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { lookupKey } from "../query/predicates.ts";
import {
  compileBetween,
  compileExactly,
  compileExpression,
  compileNamed,
  compileOperands,
  isNullish,
  withVariables,
  type Evaluate,
  type OperatorCompiler,
} from "./expression.ts";

const MAX_RANGE = 1_000_000;

/** An operator of one array; null and missing give null. */
function onArray(code: number, map: (values: Value[]) => Value | undefined): OperatorCompiler {
  return (operand, operator) => {
    const [part] = compileExactly(1, operand, operator) as [Evaluate];
    return (document, variables) => {
      const value = part(document, variables);
      if (isNullish(value)) return null;
      if (!Array.isArray(value))
        throw new CommandError(code, `${operator}'s argument must be an array, but is ${typeName(value)}`);
      return map(value);
    };
  };
}

const size: OperatorCompiler = (operand, operator) => {
  const [part] = compileExactly(1, operand, operator) as [Evaluate];
  return (document, variables) => {
    const value = part(document, variables);
    if (!Array.isArray(value))
      throw new CommandError(
        17124,
        `The argument to $size must be an array, but was of type: ${typeName(value)}`,
      );
    return value.length;
  };
};

function wholeNumber(value: Value | undefined, operator: string): number {
  if (value === undefined || !isNumeric(value) || !Number.isInteger(numberOf(value))) {
    throw new CommandError(
      28690,
      `${operator}'s numeric arguments must be representable as 32-bit integers, found ${typeName(value)}`,
    );
  }
  return numberOf(value);
}

const arrayElemAt: OperatorCompiler = (operand, operator) => {
  const [array, index] = compileExactly(2, operand, operator) as [Evaluate, Evaluate];
  return (document, variables) => {
    const values = array(document, variables);
    const at = index(document, variables);
    if (isNullish(values) || isNullish(at)) return null;
    if (!Array.isArray(values))
      throw new CommandError(
        28689,
        `$arrayElemAt's first argument must be an array, but is ${typeName(values)}`,
      );
    return values.at(wholeNumber(at, operator));
  };
};

const slice: OperatorCompiler = (operand, operator) => {
  const parts = compileBetween(2, 3, operand, operator);
  return (document, variables) => {
    const [values, second, third] = parts.map((part) => part(document, variables));
    if (isNullish(values) || isNullish(second) || (parts.length === 3 && isNullish(third))) return null;
    if (!Array.isArray(values))
      throw new CommandError(
        28724,
        `First argument to $slice must be an array, but is of type: ${typeName(values)}`,
      );
    const first = wholeNumber(second, operator);
    if (parts.length === 2) return first >= 0 ? values.slice(0, first) : values.slice(first);
    const count = wholeNumber(third, operator);
    if (count <= 0) throw new CommandError(28729, `Third argument to $slice must be positive: ${count}`);
    const from = first < 0 ? Math.max(0, values.length + first) : first;
    return values.slice(from, from + count);
  };
};

const concatArrays: OperatorCompiler = (operand, operator) => {
  const parts = compileOperands(operand);
  return (document, variables) => {
    const values = parts.map((part) => part(document, variables));
    if (values.some(isNullish)) return null;
    return values.flatMap((value) => {
      if (!Array.isArray(value))
        throw new CommandError(28664, `${operator} only supports arrays, not ${typeName(value)}`);
      return value;
    });
  };
};

const contains: OperatorCompiler = (operand, operator) => {
  const [wanted, array] = compileExactly(2, operand, operator) as [Evaluate, Evaluate];
  return (document, variables) => {
    const values = array(document, variables);
    if (!Array.isArray(values))
      throw new CommandError(40081, `$in requires an array as a second argument, found: ${typeName(values)}`);
    const value = wanted(document, variables);
    return values.some((one) => valuesEqual(one, value));
  };
};

/** The variable an array operator gives each element: `this` unless it is named. */
function elementName(value: Value | undefined): string {
  if (value === undefined) return "this";
  if (typeof value !== "string") throw new CommandError("TypeMismatch", "'as' must be a string");
  return value;
}

const filter: OperatorCompiler = (operand, operator) => {
  const named = compileNamed(operand, operator, ["input", "cond"], ["as", "limit"]);
  const [input, condition, limit] = [named.input as Value, named.cond as Value, named.limit ?? null].map(
    compileExpression,
  ) as [Evaluate, Evaluate, Evaluate];
  const name = elementName(named.as);
  return (document, variables) => {
    const values = input(document, variables);
    if (isNullish(values)) return null;
    if (!Array.isArray(values))
      throw new CommandError(28651, `input to $filter must be an array not ${typeName(values)}`);
    const most = limit(document, variables);
    const kept = values.filter((value) =>
      isTruthy(condition(document, withVariables(variables, [[name, value]]))),
    );
    return isNullish(most) ? kept : kept.slice(0, wholeNumber(most, operator));
  };
};

const map: OperatorCompiler = (operand, operator) => {
  const named = compileNamed(operand, operator, ["input", "in"], ["as"]);
  const input = compileExpression(named.input as Value);
  const body = compileExpression(named.in as Value);
  const name = elementName(named.as);
  return (document, variables) => {
    const values = input(document, variables);
    if (isNullish(values)) return null;
    if (!Array.isArray(values))
      throw new CommandError(16883, `input to $map must be an array not ${typeName(values)}`);
    return values.map((value) => body(document, withVariables(variables, [[name, value]])) ?? null);
  };
};

const reduce: OperatorCompiler = (operand, operator) => {
  const named = compileNamed(operand, operator, ["input", "initialValue", "in"]);
  const [input, initial, body] = [named.input, named.initialValue, named.in].map((part) =>
    compileExpression(part as Value),
  ) as [Evaluate, Evaluate, Evaluate];
  return (document, variables) => {
    const values = input(document, variables);
    if (isNullish(values)) return null;
    if (!Array.isArray(values))
      throw new CommandError(40080, `$reduce requires that 'input' be an array, found: ${typeName(values)}`);
    return values.reduce<Value | undefined>(
      (value, element) =>
        body(
          document,
          withVariables(variables, [
            ["this", element],
            ["value", value],
          ]),
        ),
      initial(document, variables),
    );
  };
};

const range: OperatorCompiler = (operand, operator) => {
  const parts = compileBetween(2, 3, operand, operator);
  return (document, variables) => {
    const [from = 0, to = 0, step = 1] = parts.map((part) =>
      wholeNumber(part(document, variables), operator),
    );
    if (step === 0) throw new CommandError(34449, "$range requires a non-zero step value");
    const count = Math.max(0, Math.ceil((to - from) / step));
    if (count > MAX_RANGE)
      throw new CommandError("ExceededMemoryLimit", `$range may give at most ${MAX_RANGE} values`);
    return Array.from({ length: count }, (_, at) => from + at * step);
  };
};

const indexOfArray: OperatorCompiler = (operand, operator) => {
  const parts = compileBetween(2, 4, operand, operator);
  return (document, variables) => {
    const [values, wanted, start = 0, end] = parts.map((part) => part(document, variables));
    if (isNullish(values)) return null;
    if (!Array.isArray(values))
      throw new CommandError(
        40090,
        `$indexOfArray requires an array as a first argument, found: ${typeName(values)}`,
      );
    const from = wholeNumber(start, operator);
    const to = end === undefined ? values.length : wholeNumber(end, operator);
    return values.findIndex((value, at) => at >= from && at < to && valuesEqual(value, wanted));
  };
};

const isArray: OperatorCompiler = (operand, operator) => {
  const [part] = compileExactly(1, operand, operator) as [Evaluate];
  return (document, variables) => Array.isArray(part(document, variables));
};

function entriesToDocument(values: readonly Value[]): Document {
  const result: Document = new Map();
  for (const entry of values) {
    const [name, value] = Array.isArray(entry)
      ? entry
      : isDocument(entry)
        ? [entry.get("k"), entry.get("v")]
        : [];
    if (typeof name !== "string")
      throw new CommandError(
        40394,
        "$arrayToObject requires an array of key-value pairs whose keys are strings",
      );
    result.set(name, value ?? null);
  }
  return result;
}

function distinctOf(values: readonly Value[]): Value[] {
  return [...new Map(values.map((value) => [lookupKey(value), value])).values()];
}

function setOperator(
  least: number,
  most: number,
  combine: (sets: Value[][]) => Value,
  nullable: boolean,
): OperatorCompiler {
  return (operand, operator) => {
    const parts = compileBetween(least, most, operand, operator);
    return (document, variables) => {
      const values = parts.map((part) => part(document, variables));
      if (nullable && values.some(isNullish)) return null;
      for (const value of values) {
        if (!Array.isArray(value))
          throw new CommandError(
            17040,
            `All operands of ${operator} must be arrays. One argument is of type: ${typeName(value)}`,
          );
      }
      return combine(values as Value[][]);
    };
  };
}

function keysOf(values: readonly Value[]): Set<string> {
  return new Set(values.map(lookupKey));
}

function intersection(sets: Value[][]): Value {
  const [first = [], ...others] = sets;
  const keys = others.map(keysOf);
  return distinctOf(first).filter((value) => keys.every((set) => set.has(lookupKey(value))));
}

function equalSets(sets: Value[][]): Value {
  const [first = new Set<string>(), ...others] = sets.map(keysOf);
  return others.every((set) => set.size === first.size && [...set].every((key) => first.has(key)));
}

export const arrayOperators: ReadonlyMap<string, OperatorCompiler> = new Map<string, OperatorCompiler>([
  ["$size", size],
  ["$arrayElemAt", arrayElemAt],
  ["$first", onArray(28689, (values) => values[0])],
  ["$last", onArray(28689, (values) => values.at(-1))],
  ["$slice", slice],
  ["$concatArrays", concatArrays],
  ["$in", contains],
  ["$filter", filter],
  ["$map", map],
  ["$reduce", reduce],
  ["$range", range],
  ["$indexOfArray", indexOfArray],
  ["$isArray", isArray],
  ["$reverseArray", onArray(34435, (values) => [...values].reverse())],
  ["$arrayToObject", onArray(40386, entriesToDocument)],
  ["$setUnion", setOperator(0, Infinity, (sets) => distinctOf(sets.flat()), true)],
  ["$setIntersection", setOperator(0, Infinity, intersection, true)],
  [
    "$setDifference",
    setOperator(
      2,
      2,
      ([a = [], b = []]) => distinctOf(a).filter((value) => !keysOf(b).has(lookupKey(value))),
      true,
    ),
  ],
  ["$setEquals", setOperator(2, Infinity, equalSets, false)],
  [
    "$setIsSubset",
    setOperator(2, 2, ([a = [], b = []]) => a.every((value) => keysOf(b).has(lookupKey(value))), false),
  ],
  ["$anyElementTrue", setOperator(1, 1, ([values = []]) => values.some(isTruthy), false)],
  ["$allElementsTrue", setOperator(1, 1, ([values = []]) => values.every(isTruthy), false)],
]);
