import { Long, type Decimal128 } from "mongodb";
import { align, asDecimal, exactOf, toDecimal128 } from "./decimal.ts";
import {
  INT64_MAX,
  INT64_MIN,
  isInt32,
  isLong,
  numberOf,
  numericType,
  toDouble,
  type NumericValue,
} from "./values.ts";

/** MongoDB's rule for results: decimal over double over long over int; an int that overflows becomes a long. */
export function add(a: NumericValue, b: NumericValue): NumericValue | undefined {
  return combine(
    a,
    b,
    (x, y) => x + y,
    (x, y) => x + y,
    addDecimals,
  );
}

export function multiply(a: NumericValue, b: NumericValue): NumericValue | undefined {
  return combine(
    a,
    b,
    (x, y) => x * y,
    (x, y) => x * y,
    multiplyDecimals,
  );
}

export function subtract(a: NumericValue, b: NumericValue): NumericValue | undefined {
  return combine(
    a,
    b,
    (x, y) => x - y,
    (x, y) => x - y,
    (x, y) => addDecimals(x, negateDecimal(y)),
  );
}

/** Undefined where the exact result does not fit an int64, which the caller answers in its own way. */
function combine(
  a: NumericValue,
  b: NumericValue,
  doubles: (x: number, y: number) => number,
  integers: (x: bigint, y: bigint) => bigint,
  decimals: (x: Decimal128, y: Decimal128) => Decimal128,
): NumericValue | undefined {
  const typeA = numericType(a);
  const typeB = numericType(b);
  if (typeA === "decimal" || typeB === "decimal") return decimals(asDecimal(a), asDecimal(b));
  if (typeA === "double" || typeB === "double") return toDouble(doubles(numberOf(a), numberOf(b)));
  if (typeA === "int" && typeB === "int") {
    const result = doubles(a as number, b as number);
    if (isInt32(result)) return result;
    if (Object.is(result, -0)) return 0;
  }
  const exact = integers(bigintOf(a), bigintOf(b));
  return exact > INT64_MAX || exact < INT64_MIN ? undefined : Long.fromBigInt(exact);
}

export function bigintOf(value: NumericValue): bigint {
  return isLong(value) ? value.toBigInt() : BigInt(Math.trunc(numberOf(value)));
}

function negateDecimal(value: Decimal128): Decimal128 {
  const exact = exactOf(value);
  if (exact) return toDecimal128({ digits: -exact.digits, exponent: exact.exponent });
  return asDecimal(-numberOf(value));
}

function addDecimals(a: Decimal128, b: Decimal128): Decimal128 {
  const x = exactOf(a);
  const y = exactOf(b);
  if (!x || !y) return asDecimal(numberOf(a) + numberOf(b));
  const aligned = align(x, y);
  return toDecimal128({ digits: aligned.a + aligned.b, exponent: aligned.exponent });
}

function multiplyDecimals(a: Decimal128, b: Decimal128): Decimal128 {
  const x = exactOf(a);
  const y = exactOf(b);
  if (!x || !y) return asDecimal(numberOf(a) * numberOf(b));
  return toDecimal128({ digits: x.digits * y.digits, exponent: x.exponent + y.exponent });
}

/** An int where it fits, else a long: how counts and sizes are answered. */
export function integerValue(value: number): number | Long {
  return isInt32(value) ? value : Long.fromNumber(value);
}
