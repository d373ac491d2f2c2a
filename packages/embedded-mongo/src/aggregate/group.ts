import {
  isDocument,
  isNumeric,
  numberOf,
  toDouble,
  type Document,
  type NumericValue,
  type Value,
} from "../bson/values.ts";
import { CommandError, notSupported } from "../errors.ts";
import { lookupKey } from "../query/predicates.ts";
import { compileExpression, type Evaluate, type Variables } from "./expression.ts";
import { averageOf, addOrDouble, extremeOf } from "./number-operators.ts";
import { mergeAll } from "./object-operators.ts";
import { MEMORY_LIMIT_BYTES, memoryExceeded, roughSize } from "./memory.ts";
import { documentOperand } from "./transforms.ts";

interface Accumulator {
  /** Takes a value in; returns about how many bytes the group has grown by. */
  add(value: Value | undefined): number;
  result(): Value;
}

type AccumulatorFactory = () => Accumulator;

function sum(): Accumulator {
  let total: NumericValue = 0;
  return {
    add: (value) => {
      if (value !== undefined && isNumeric(value)) total = addOrDouble(total, value);
      return 0;
    },
    result: () => total,
  };
}

function average(): Accumulator {
  let total: NumericValue = 0;
  let count = 0;
  return {
    add: (value) => {
      if (value !== undefined && isNumeric(value)) {
        total = addOrDouble(total, value);
        count++;
      }
      return 0;
    },
    result: () => {
      if (count === 0) return null;
      // Refuses decimals in the same words as the expression does.
      averageOf([total]);
      return toDouble(numberOf(total) / count);
    },
  };
}

function extreme(sign: 1 | -1): AccumulatorFactory {
  return () => {
    let best: Value = null;
    return {
      add: (value) => {
        best = extremeOf([best, value], sign);
        return 0;
      },
      result: () => best,
    };
  };
}

function firstOrLast(last: boolean): AccumulatorFactory {
  return () => {
    let kept: Value | undefined;
    let seen = false;
    return {
      add: (value) => {
        if (last || !seen) kept = value;
        seen = true;
        return 0;
      },
      result: () => kept ?? null,
    };
  };
}

function pushed(): Accumulator {
  const values: Value[] = [];
  return {
    add: (value) => {
      if (value === undefined) return 0;
      values.push(value);
      return roughSize(value);
    },
    result: () => values,
  };
}

function set(): Accumulator {
  const values = new Map<string, Value>();
  return {
    add: (value) => {
      if (value === undefined) return 0;
      const key = lookupKey(value);
      if (values.has(key)) return 0;
      values.set(key, value);
      return roughSize(value) + key.length;
    },
    result: () => [...values.values()],
  };
}

function merged(): Accumulator {
  let result: Document = new Map();
  return {
    add: (value) => {
      result = mergeAll([result, value]);
      return 0;
    },
    result: () => result,
  };
}

/** Welford's way: one pass, no loss where values are large and close together. */
function deviation(sample: boolean): AccumulatorFactory {
  return () => {
    let count = 0;
    let mean = 0;
    let squares = 0;
    return {
      add: (value) => {
        if (value === undefined || !isNumeric(value)) return 0;
        const number = numberOf(value);
        const delta = number - mean;
        count++;
        mean += delta / count;
        squares += delta * (number - mean);
        return 0;
      },
      result: () => {
        const divisor = sample ? count - 1 : count;
        return divisor < 1 ? null : toDouble(Math.sqrt(squares / divisor));
      },
    };
  };
}

const accumulators = new Map<string, AccumulatorFactory>([
  ["$sum", sum],
  ["$avg", average],
  ["$min", extreme(-1)],
  ["$max", extreme(1)],
  ["$first", firstOrLast(false)],
  ["$last", firstOrLast(true)],
  ["$push", pushed],
  ["$addToSet", set],
  ["$mergeObjects", merged],
  ["$stdDevPop", deviation(false)],
  ["$stdDevSamp", deviation(true)],
]);

const refusedAccumulators = new Set([
  "$accumulator",
  "$bottom",
  "$bottomN",
  "$firstN",
  "$lastN",
  "$max",
  "$maxN",
  "$median",
  "$minN",
  "$percentile",
  "$top",
  "$topN",
]);

interface GroupField {
  readonly name: string;
  readonly create: AccumulatorFactory;
  readonly evaluate: Evaluate;
}

export type GroupStage = (input: Iterable<Document>, variables?: Variables) => Generator<Document, void>;

/** Compiles `$group`. Holds one accumulator per group and field, never the documents themselves. */
export function compileGroup(operand: Value): GroupStage {
  const spec = documentOperand("$group", operand, 15947);
  const id = spec.get("_id");
  if (id === undefined) throw new CommandError(15955, "a group specification must include an _id");
  const groupBy = compileExpression(id);
  const fields = [...spec]
    .filter(([name]) => name !== "_id")
    .map(([name, value]) => compileField(name, value));
  return function* (input, variables) {
    const groups = new Map<string, { id: Value; parts: Accumulator[] }>();
    let bytes = 0;
    for (const document of input) {
      const value = groupBy(document, variables) ?? null;
      const key = lookupKey(value);
      let group = groups.get(key);
      if (!group) {
        groups.set(key, (group = { id: value, parts: fields.map((field) => field.create()) }));
        bytes += key.length * 2 + 100 * (fields.length + 1);
      }
      for (let at = 0; at < fields.length; at++) {
        const field = fields[at] as GroupField;
        bytes += (group.parts[at] as Accumulator).add(field.evaluate(document, variables));
      }
      if (bytes > MEMORY_LIMIT_BYTES) throw memoryExceeded("$group");
    }
    for (const group of groups.values()) {
      const result: Document = new Map([["_id", group.id]]);
      fields.forEach((field, at) => result.set(field.name, (group.parts[at] as Accumulator).result()));
      yield result;
    }
  };
}

function compileField(name: string, value: Value): GroupField {
  if (name.includes(".")) throw new CommandError(40235, `The field name '${name}' cannot contain '.'`);
  if (name.startsWith("$"))
    throw new CommandError(40236, `The field name '${name}' cannot be an operator name`);
  const [entry] = isDocument(value) ? value : [];
  if (!entry || !isDocument(value) || !entry[0].startsWith("$"))
    throw new CommandError(40234, `The field '${name}' must be an accumulator object`);
  if (value.size !== 1) throw new CommandError(40238, `The field '${name}' must specify one accumulator`);
  const [operator, operand] = entry;
  if (operator === "$count") {
    if (!isDocument(operand) || operand.size > 0)
      throw new CommandError("TypeMismatch", "$count takes no arguments, i.e. $count:{}");
    return { name, create: sum, evaluate: () => 1 };
  }
  const create = accumulators.get(operator);
  if (create) return { name, create, evaluate: compileExpression(operand) };
  if (refusedAccumulators.has(operator)) throw notSupported(`the accumulator ${operator}`);
  throw new CommandError(15952, `unknown group operator '${operator}'`);
}
