import { Long, Timestamp } from "mongodb";
import { add, bigintOf, multiply } from "../bson/arithmetic.ts";
import { compareValues } from "../bson/compare.ts";
import { describeValue } from "../engine/duplicate-key.ts";
import {
  isDocument,
  isInt32,
  isLong,
  isNumeric,
  numericType,
  typeName,
  type NumericValue,
  type Value,
} from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { addToSet, pop, pull, pullAll, push } from "./array-operators.ts";
import { KEEP, REMOVE, type Change } from "./location.ts";

/** What one operator does at one path; built once per statement, run once per document. */
export interface FieldChange {
  /** `id` is the document's `_id`, for messages. */
  readonly change: (id: Value | undefined) => Change;
  /** Missing parents are made; false for operators that only take away. */
  readonly creates: boolean;
}

export type FieldOperator = (operand: Value, path: string) => FieldChange;

function whichId(id: Value | undefined): string {
  return id === undefined ? "{}" : `{_id: ${describeValue(id)}}`;
}

function arithmetic(
  operator: "$inc" | "$mul",
  combine: (a: NumericValue, b: NumericValue) => NumericValue | undefined,
): FieldOperator {
  return (operand, path) => {
    if (!isNumeric(operand)) {
      throw new CommandError(
        "TypeMismatch",
        `Cannot ${operator === "$inc" ? "increment" : "multiply"} with non-numeric argument: {${path}: ${describeValue(operand)}}`,
      );
    }
    const initial = operator === "$inc" ? operand : (combine(operand, 0) as NumericValue);
    return {
      creates: true,
      change: (id) => (current) => {
        if (current === undefined) return initial;
        if (!isNumeric(current)) {
          throw new CommandError(
            "TypeMismatch",
            `Cannot apply ${operator} to a value of non-numeric type. ${whichId(id)} has the field '${path.split(".").at(-1)}' of non-numeric type ${typeName(current)}`,
          );
        }
        const result = combine(current, operand);
        if (result === undefined) {
          throw new CommandError(
            "BadValue",
            `Failed to apply ${operator} operations to current value (${describeValue(current)}) for document ${whichId(id)}`,
          );
        }
        return result;
      },
    };
  };
}

function extreme(sign: 1 | -1): FieldOperator {
  return (operand) => ({
    creates: true,
    change: () => (current) =>
      current === undefined || compareValues(operand, current) * sign > 0 ? operand : KEEP,
  });
}

const currentDate: FieldOperator = (operand, path) => {
  const type = isDocument(operand)
    ? operand.get("$type")
    : operand === true || operand === false
      ? "date"
      : undefined;
  if (isDocument(operand) && operand.size !== 1) {
    throw new CommandError("BadValue", `the only valid field of the $currentDate option is '$type': ${path}`);
  }
  if (type !== "date" && type !== "timestamp") {
    throw new CommandError("BadValue", "The '$type' string field is required to be 'date' or 'timestamp'");
  }
  return { creates: true, change: () => () => (type === "date" ? new Date() : currentTimestamp()) };
};

export function currentTimestamp(): Timestamp {
  return new Timestamp({ t: Math.floor(Date.now() / 1000), i: 1 });
}

const bitOperations = new Map<string, (a: bigint, b: bigint) => bigint>([
  ["and", (a, b) => a & b],
  ["or", (a, b) => a | b],
  ["xor", (a, b) => a ^ b],
]);

function isInteger(value: Value | undefined): value is number | Long {
  return isLong(value) || (typeof value === "number" && isInt32(value));
}

const bit: FieldOperator = (operand, path) => {
  if (!isDocument(operand) || operand.size === 0) {
    throw new CommandError(
      "BadValue",
      `The $bit modifier is not compatible with a ${typeName(operand)}. You must pass in an embedded document: {$bit: {field: {and/or/xor: #}}`,
    );
  }
  const steps = [...operand].map(([name, value]) => {
    const operation = bitOperations.get(name);
    if (!operation)
      throw new CommandError(
        "BadValue",
        `The $bit modifier only supports 'and', 'or', and 'xor', not '${name}'`,
      );
    if (!isInteger(value)) {
      throw new CommandError(
        "BadValue",
        `The $bit modifier field must be an Integer(32/64 bit); a '${typeName(value)}' is not supported here: {${path}: ${describeValue(value)}}`,
      );
    }
    return { operation, value };
  });
  return {
    creates: true,
    change: (id) => (current) =>
      steps.reduce<number | Long>(
        (result, step) => bitStep(result, step, id),
        checkedInteger(current, id, path),
      ),
  };
};

function checkedInteger(current: Value | undefined, id: Value | undefined, path: string): number | Long {
  if (current === undefined) return 0;
  if (isInteger(current)) return current;
  throw new CommandError(
    "BadValue",
    `Cannot apply $bit to a value of non-integral type.${whichId(id)} has the field ${path} of non-integer type ${typeName(current)}`,
  );
}

function bitStep(
  current: number | Long,
  step: { operation: (a: bigint, b: bigint) => bigint; value: number | Long },
  _id: Value | undefined,
): number | Long {
  const result = step.operation(bigintOf(current), bigintOf(step.value));
  const wide = numericType(current) === "long" || numericType(step.value) === "long";
  return wide ? Long.fromBigInt(BigInt.asIntN(64, result)) : Number(BigInt.asIntN(32, result));
}

/** The operators that change one field without looking at others. `$rename` is apart. */
export const fieldOperators: ReadonlyMap<string, FieldOperator> = new Map<string, FieldOperator>([
  ["$set", (operand) => ({ creates: true, change: () => () => operand })],
  ["$setOnInsert", (operand) => ({ creates: true, change: () => () => operand })],
  ["$unset", () => ({ creates: false, change: () => (current) => (current === undefined ? KEEP : REMOVE) })],
  ["$inc", arithmetic("$inc", add)],
  ["$mul", arithmetic("$mul", multiply)],
  ["$min", extreme(-1)],
  ["$max", extreme(1)],
  ["$currentDate", currentDate],
  ["$bit", bit],
  ["$push", (operand, path) => ({ creates: true, change: push(operand, path, whichId) })],
  ["$addToSet", (operand, path) => ({ creates: true, change: addToSet(operand, path) })],
  ["$pop", (operand, path) => ({ creates: false, change: pop(operand, path) })],
  ["$pull", (operand) => ({ creates: false, change: pull(operand) })],
  ["$pullAll", (operand) => ({ creates: false, change: pullAll(operand) })],
]);
