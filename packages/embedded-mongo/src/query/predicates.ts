import { BSONRegExp, Long, MaxKey, MinKey } from "mongodb";
import { compareValues, orderOf, valuesEqual } from "../bson/compare.ts";
import { encodeKey } from "../bson/key.ts";
import { isDocument, isNumeric, numberOf, typeName, type Value } from "../bson/values.ts";
import { CommandError, notSupported } from "../errors.ts";
import { compileBsonRegex } from "./regex.ts";

/** Tests one value found at a path; `undefined` is a missing field. */
export type Test = (value: Value | undefined) => boolean;

export function equalTo(operand: Value): Test {
  if (operand === null) return (value) => value === null || value === undefined;
  if (typeof operand === "string" || typeof operand === "boolean") return (value) => value === operand;
  return (value) => value !== undefined && valuesEqual(value, operand);
}

export type RangeOperator = "$gt" | "$gte" | "$lt" | "$lte";

/** `$gt` and its like: only values of the operand's own type can match, except for MinKey and MaxKey. */
export function inRange(operator: RangeOperator, operand: Value): Test {
  if (operand instanceof BSONRegExp) {
    throw new CommandError("BadValue", `Can't have RegEx as arg to predicate over field with ${operator}`);
  }
  const orEqual = operator === "$gte" || operator === "$lte";
  if (operand === null) return orEqual ? equalTo(null) : () => false;
  if (isNumeric(operand) && Number.isNaN(numberOf(operand))) return orEqual ? equalTo(operand) : () => false;
  const sign = operator === "$gt" || operator === "$gte" ? 1 : -1;
  const bracket = operand instanceof MinKey || operand instanceof MaxKey ? undefined : orderOf(operand);
  return (value) => {
    if (value === undefined || (bracket !== undefined && orderOf(value) !== bracket)) return false;
    if (bracket !== undefined && isNumeric(value) && Number.isNaN(numberOf(value))) return false;
    const result = compareValues(value, operand) * sign;
    return result > 0 || (orEqual && result === 0);
  };
}

/** A regular expression matches strings, and itself stored as a value. */
export function matchesRegex(regex: BSONRegExp): Test {
  const compiled = compileBsonRegex(regex);
  return (value) =>
    typeof value === "string"
      ? compiled.test(value)
      : value instanceof BSONRegExp && valuesEqual(value, regex);
}

/** Sorted keys of the operands make `$in` with thousands of values a look-up, not a walk. */
export function inList(operands: readonly Value[]): Test {
  const regexes = operands.filter((operand) => operand instanceof BSONRegExp).map(matchesRegex);
  const plain = operands.filter((operand) => !(operand instanceof BSONRegExp));
  const keys = new Set(plain.map(lookupKey));
  const hasNull = plain.includes(null);
  return (value) => {
    if (value === undefined) return hasNull;
    return keys.has(lookupKey(value)) || regexes.some((test) => test(value));
  };
}

/** One string per value, the same for values that are equal. */
export function lookupKey(value: Value | undefined): string {
  if (typeof value === "string") return `s${value}`;
  return encodeKey([value], [false]).toString("latin1");
}

const typeNumbers = new Map<number, string>([
  [1, "double"],
  [2, "string"],
  [3, "object"],
  [4, "array"],
  [5, "binData"],
  [6, "undefined"],
  [7, "objectId"],
  [8, "bool"],
  [9, "date"],
  [10, "null"],
  [11, "regex"],
  [12, "dbPointer"],
  [13, "javascript"],
  [14, "symbol"],
  [15, "javascriptWithScope"],
  [16, "int"],
  [17, "timestamp"],
  [18, "long"],
  [19, "decimal"],
  [127, "maxKey"],
  [-1, "minKey"],
]);
const typeNames = new Set(typeNumbers.values());

/** The set of type names a `$type` operand asks for. */
export function parseTypes(operand: Value): ReadonlySet<string> {
  const list = Array.isArray(operand) ? operand : [operand];
  if (list.length === 0) throw new CommandError("FailedToParse", "$type must match at least one type");
  return new Set(list.flatMap(oneType));
}

function oneType(operand: Value): string[] {
  if (typeof operand === "string") {
    if (operand === "number") return ["int", "long", "double", "decimal"];
    if (!typeNames.has(operand)) throw new CommandError("BadValue", `Unknown type name alias: ${operand}`);
    return [operand];
  }
  if (!isNumeric(operand)) {
    throw new CommandError("TypeMismatch", "type must be represented as a number or a string");
  }
  const name = typeNumbers.get(numberOf(operand));
  if (!name) throw new CommandError("BadValue", `Invalid numerical type code: ${numberOf(operand)}`);
  return [name];
}

export function ofType(types: ReadonlySet<string>): Test {
  return (value) => value !== undefined && types.has(typeName(value));
}

export function modulo(operand: Value): Test {
  if (!Array.isArray(operand)) throw new CommandError("BadValue", "malformed mod, needs to be an array");
  if (operand.length < 2) throw new CommandError("BadValue", "malformed mod, not enough elements");
  if (operand.length > 2) throw new CommandError("BadValue", "malformed mod, too many elements");
  const [divisor, remainder] = operand.map(integerOperand);
  if (divisor === 0n) throw new CommandError("BadValue", "divisor cannot be 0");
  return (value) => {
    if (value === undefined || !isNumeric(value)) return false;
    const number = numberOf(value);
    if (!Number.isFinite(number)) return false;
    const whole = value instanceof Long ? value.toBigInt() : BigInt(Math.trunc(number));
    return whole % (divisor as bigint) === remainder;
  };
}

function integerOperand(value: Value): bigint {
  if (!isNumeric(value))
    throw new CommandError("BadValue", "malformed mod, divisor and remainder must be numbers");
  const number = numberOf(value);
  if (!Number.isFinite(number)) {
    throw new CommandError("BadValue", "malformed mod, divisor and remainder must be finite numbers");
  }
  return value instanceof Long ? value.toBigInt() : BigInt(Math.trunc(number));
}

export function sizeOperand(operand: Value): number {
  if (!isNumeric(operand)) {
    throw new CommandError(
      "FailedToParse",
      `Failed to parse $size. Expected a number in: $size: ${describe(operand)}`,
    );
  }
  const size = numberOf(operand);
  if (!Number.isInteger(size)) {
    throw new CommandError("FailedToParse", "Failed to parse $size. Expected an integer");
  }
  if (size < 0)
    throw new CommandError("FailedToParse", "Failed to parse $size. Expected a non-negative number");
  return size;
}

function describe(value: Value): string {
  return isDocument(value) ? "an object" : typeName(value);
}

/** Query operators MongoDB has and this store does not. */
export function refuseOperator(operator: string): CommandError {
  const known = new Set([
    "$geoWithin",
    "$geoIntersects",
    "$near",
    "$nearSphere",
    "$within",
    "$maxDistance",
    "$minDistance",
    "$text",
    "$where",
    "$jsonSchema",
    "$bitsAllSet",
    "$bitsAllClear",
    "$bitsAnySet",
    "$bitsAnyClear",
    "$sampleRate",
  ]);
  if (known.has(operator)) return notSupported(`the query operator ${operator}`);
  return new CommandError("BadValue", `unknown operator: ${operator}`);
}
