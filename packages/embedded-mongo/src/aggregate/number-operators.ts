import { Decimal128, Long } from "mongodb";
import { add, bigintOf, integerValue, multiply, subtract } from "../bson/arithmetic.ts";
import { compareValues } from "../bson/compare.ts";
import {
  INT64_MAX,
  INT64_MIN,
  isInt32,
  isNumeric,
  numberOf,
  numericType,
  toDouble,
  typeName,
  type NumericValue,
  type Value,
} from "../bson/values.ts";
import { CommandError, notSupported } from "../errors.ts";
import {
  compileBetween,
  compileExactly,
  compileOperands,
  isNullish,
  type Evaluate,
  type OperatorCompiler,
} from "./expression.ts";

/** What an operator does with numbers once null and missing operands have given null. */
type Calculate = (values: NumericValue[]) => Value;

function numeric(count: { least: number; most: number }, calculate: Calculate): OperatorCompiler {
  return (operand, operator) => {
    const parts = compileBetween(count.least, count.most, operand, operator);
    return (document, variables) => {
      const values = parts.map((part) => part(document, variables));
      if (values.some(isNullish)) return null;
      for (const value of values) {
        if (!isNumeric(value)) {
          throw new CommandError(28765, `${operator} only supports numeric types, not ${typeName(value)}`);
        }
      }
      return calculate(values as NumericValue[]);
    };
  };
}

const one = { least: 1, most: 1 };
const two = { least: 2, most: 2 };

/** An exact sum that leaves int64 becomes a double, as in MongoDB's aggregation. */
export function addOrDouble(a: NumericValue, b: NumericValue): NumericValue {
  return add(a, b) ?? toDouble(numberOf(a) + numberOf(b));
}

/** Numbers add up; one date among them moves by the others' milliseconds. */
const addAll: OperatorCompiler = (operand, operator) => {
  const parts = compileOperands(operand);
  return (document, variables) => {
    let sum: NumericValue = 0;
    let date: Date | undefined;
    let missing = false;
    for (const part of parts) {
      const value = part(document, variables);
      if (isNullish(value)) missing = true;
      else if (value instanceof Date) {
        if (date) throw new CommandError(16612, "only one date allowed in an $add expression");
        date = value;
      } else if (isNumeric(value)) sum = addOrDouble(sum, value);
      else
        throw new CommandError(
          16554,
          `${operator} only supports numeric or date types, not ${typeName(value)}`,
        );
    }
    if (missing) return null;
    return date ? new Date(date.getTime() + Math.round(numberOf(sum))) : sum;
  };
};

const subtractOne: OperatorCompiler = (operand, operator) => {
  const [left, right] = compileExactly(2, operand, operator) as [Evaluate, Evaluate];
  return (document, variables) => {
    const a = left(document, variables);
    const b = right(document, variables);
    if (isNullish(a) || isNullish(b)) return null;
    if (a instanceof Date && b instanceof Date) return Long.fromNumber(a.getTime() - b.getTime());
    if (a instanceof Date && isNumeric(b)) return new Date(a.getTime() - Math.round(numberOf(b)));
    if (isNumeric(a) && isNumeric(b)) return subtract(a, b) ?? toDouble(numberOf(a) - numberOf(b));
    throw new CommandError(16556, `can't $subtract ${typeName(b)} from ${typeName(a)}`);
  };
};

function refuseDecimal(operator: string, values: readonly NumericValue[]): void {
  if (values.some((value) => value instanceof Decimal128)) throw notSupported(`${operator} of a Decimal128`);
}

function divide([a, b]: NumericValue[]): Value {
  refuseDecimal("$divide", [a, b] as NumericValue[]);
  const divisor = numberOf(b as NumericValue);
  if (divisor === 0) throw new CommandError("BadValue", "can't $divide by zero");
  return toDouble(numberOf(a as NumericValue) / divisor);
}

function modulo([a, b]: NumericValue[]): Value {
  const left = a as NumericValue;
  const right = b as NumericValue;
  refuseDecimal("$mod", [left, right]);
  if (numberOf(right) === 0) throw new CommandError(16610, "can't $mod by zero");
  const types = [numericType(left), numericType(right)];
  if (types.includes("double")) return toDouble(numberOf(left) % numberOf(right));
  const result = bigintOf(left) % bigintOf(right);
  return types.includes("long") ? Long.fromBigInt(result) : Number(result);
}

function abs([value]: NumericValue[]): Value {
  const number = value as NumericValue;
  refuseDecimal("$abs", [number]);
  if (number instanceof Long) {
    const exact = number.toBigInt();
    if (exact === INT64_MIN) throw new CommandError(28680, "can't take $abs of long long min");
    return Long.fromBigInt(exact < 0n ? -exact : exact);
  }
  const result = Math.abs(numberOf(number));
  return numericType(number) === "int" ? integerValue(result) : toDouble(result);
}

/** Rounding keeps the type; integers are what they are. */
function rounding(operator: string, round: (value: number) => number): Calculate {
  return ([value]) => {
    const number = value as NumericValue;
    refuseDecimal(operator, [number]);
    return numericType(number) === "double" ? toDouble(round(numberOf(number))) : number;
  };
}

/** `$round` is to even at halves; `$trunc` is towards zero. Places may be from -20 to 100. */
function toPlaces(operator: "$round" | "$trunc"): Calculate {
  return ([value, digits]) => {
    const number = value as NumericValue;
    refuseDecimal(operator, [number]);
    const places = digits === undefined ? 0 : numberOf(digits);
    if (!Number.isInteger(places) || places < -20 || places > 100) {
      throw new CommandError(
        51083,
        `cannot apply ${operator} with precision value ${places} value must be in [-20, 100]`,
      );
    }
    const type = numericType(number);
    if (type !== "double") return places >= 0 ? number : wholePlaces(operator, number, places);
    const double = numberOf(number);
    if (!Number.isFinite(double) || places > 15) return number;
    return toDouble(scaled(operator, double, places));
  };
}

function scaled(operator: "$round" | "$trunc", value: number, places: number): number {
  // By the decimal text: multiplying by a power of ten would round on the way.
  const shifted = Number(shiftText(value, places));
  const result = operator === "$trunc" ? Math.trunc(shifted) : halfToEven(shifted);
  return Number(shiftText(result, -places));
}

function shiftText(value: number, places: number): string {
  const [mantissa = "0", exponent = "0"] = value.toString().split("e");
  return `${mantissa}e${Number(exponent) + places}`;
}

function halfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

function wholePlaces(operator: "$round" | "$trunc", value: NumericValue, places: number): Value {
  const exact = bigintOf(value);
  const unit = 10n ** BigInt(-places);
  const rest = exact % unit;
  let result = exact - rest;
  const size = (rest < 0n ? -rest : rest) * 2n;
  if (operator === "$round" && (size > unit || (size === unit && (result / unit) % 2n !== 0n))) {
    result += rest < 0n ? -unit : unit;
  }
  if (numericType(value) === "int" && isInt32(Number(result))) return Number(result);
  if (result > INT64_MAX || result < INT64_MIN)
    throw new CommandError(51080, "invalid conversion from Decimal128 result in $round");
  return Long.fromBigInt(result);
}

function floating(
  operator: string,
  calculate: (value: number) => number,
  isValid: (value: number) => boolean,
): Calculate {
  return ([value]) => {
    refuseDecimal(operator, [value as NumericValue]);
    const number = numberOf(value as NumericValue);
    if (!isValid(number))
      throw new CommandError(28714, `${operator}'s argument must be in its domain, but is ${number}`);
    return toDouble(calculate(number));
  };
}

function power([base, exponent]: NumericValue[]): Value {
  const values = [base as NumericValue, exponent as NumericValue];
  refuseDecimal("$pow", values);
  const result = Math.pow(numberOf(values[0] as NumericValue), numberOf(values[1] as NumericValue));
  if (values.some((value) => numericType(value) === "double") || !Number.isSafeInteger(result))
    return toDouble(result);
  if (values.every((value) => numericType(value) === "int") && isInt32(result)) return result;
  return Long.fromNumber(result);
}

/** `$max` and its like as expressions: of a list of operands, or of the elements of one array. */
function overList(choose: (values: Value[]) => Value): OperatorCompiler {
  return (operand) => {
    const parts = compileOperands(operand);
    return (document, variables) => {
      const values = parts.map((part) => part(document, variables));
      const [only] = values;
      const list = values.length === 1 && Array.isArray(only) ? only : values;
      return choose(list.filter((value) => value !== undefined));
    };
  };
}

export function sumOf(values: readonly (Value | undefined)[]): NumericValue {
  return values.filter((value) => isNumeric(value)).reduce<NumericValue>(addOrDouble, 0);
}

export function averageOf(values: readonly (Value | undefined)[]): Value {
  const numbers = values.filter((value) => isNumeric(value));
  if (numbers.length === 0) return null;
  const sum = sumOf(numbers);
  if (sum instanceof Decimal128) throw notSupported("the average of Decimal128 values");
  return toDouble(numberOf(sum) / numbers.length);
}

export function extremeOf(values: readonly (Value | undefined)[], sign: 1 | -1): Value {
  let best: Value | undefined;
  for (const value of values) {
    if (isNullish(value)) continue;
    if (best === undefined || compareValues(value, best) * sign > 0) best = value;
  }
  return best ?? null;
}

export const numberOperators: ReadonlyMap<string, OperatorCompiler> = new Map<string, OperatorCompiler>([
  ["$add", addAll],
  ["$subtract", subtractOne],
  [
    "$multiply",
    numeric({ least: 0, most: Infinity }, (values) =>
      values.reduce((a, b) => multiply(a, b) ?? toDouble(numberOf(a) * numberOf(b)), 1),
    ),
  ],
  ["$divide", numeric(two, divide)],
  ["$mod", numeric(two, modulo)],
  ["$abs", numeric(one, abs)],
  ["$ceil", numeric(one, rounding("$ceil", Math.ceil))],
  ["$floor", numeric(one, rounding("$floor", Math.floor))],
  ["$round", numeric({ least: 1, most: 2 }, toPlaces("$round"))],
  ["$trunc", numeric({ least: 1, most: 2 }, toPlaces("$trunc"))],
  [
    "$sqrt",
    numeric(
      one,
      floating("$sqrt", Math.sqrt, (value) => !(value < 0)),
    ),
  ],
  [
    "$exp",
    numeric(
      one,
      floating("$exp", Math.exp, () => true),
    ),
  ],
  [
    "$ln",
    numeric(
      one,
      floating("$ln", Math.log, (value) => !(value <= 0)),
    ),
  ],
  [
    "$log10",
    numeric(
      one,
      floating("$log10", Math.log10, (value) => !(value <= 0)),
    ),
  ],
  ["$pow", numeric(two, power)],
  ["$sum", overList(sumOf)],
  ["$avg", overList(averageOf)],
  ["$min", overList((values) => extremeOf(values, -1))],
  ["$max", overList((values) => extremeOf(values, 1))],
]);
