import { Decimal128 } from "mongodb";
import { isLong, numberOf, type NumericValue } from "./values.ts";

/** An exact number: `digits * 10^exponent`. */
export interface Exact {
  readonly digits: bigint;
  readonly exponent: number;
}

/** The exact value of a finite number of any type; undefined for NaN and the infinities. */
export function exactOf(value: NumericValue): Exact | undefined {
  if (isLong(value)) return { digits: value.toBigInt(), exponent: 0 };
  if (value instanceof Decimal128) return parseDecimal(value.toString());
  return exactOfDouble(numberOf(value));
}

export function parseDecimal(text: string): Exact | undefined {
  const parts = /^([+-]?)(\d+)(?:\.(\d*))?(?:E([+-]?\d+))?$/i.exec(text);
  if (!parts) return undefined;
  const [, sign = "", whole = "0", fraction = "", exponent = "0"] = parts;
  const digits = BigInt(whole + fraction);
  return { digits: sign === "-" ? -digits : digits, exponent: Number(exponent) - fraction.length };
}

const scratch = new DataView(new ArrayBuffer(8));

/** A double is mantissa * 2^e; a negative e becomes powers of five over powers of ten. */
export function exactOfDouble(value: number): Exact | undefined {
  if (!Number.isFinite(value)) return undefined;
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 63) return { digits: BigInt(value), exponent: 0 };
  scratch.setFloat64(0, value);
  const bits = scratch.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const mantissa = biased === 0 ? fraction : fraction | 0x10000000000000n;
  const power = (biased === 0 ? 1 : biased) - 1075;
  const signed = bits >> 63n ? -mantissa : mantissa;
  if (power >= 0) return { digits: signed << BigInt(power), exponent: 0 };
  return { digits: signed * 5n ** BigInt(-power), exponent: power };
}

/** Brings two exact numbers to one exponent. */
export function align(a: Exact, b: Exact): { a: bigint; b: bigint; exponent: number } {
  const exponent = Math.min(a.exponent, b.exponent);
  return {
    a: a.digits * 10n ** BigInt(a.exponent - exponent),
    b: b.digits * 10n ** BigInt(b.exponent - exponent),
    exponent,
  };
}

/** Decimal128 holds 34 digits. */
const MAX_DIGITS = 34;

/** Rounds half to even to 34 digits, as IEEE 754-2008 decimal128 arithmetic does. */
export function toDecimal128(value: Exact): Decimal128 {
  let { digits, exponent } = value;
  const negative = digits < 0n;
  if (negative) digits = -digits;
  const excess = digits.toString().length - MAX_DIGITS;
  if (excess > 0) {
    const unit = 10n ** BigInt(excess);
    const rest = digits % unit;
    digits /= unit;
    exponent += excess;
    if (rest * 2n > unit || (rest * 2n === unit && digits % 2n === 1n)) digits += 1n;
  }
  return Decimal128.fromString(`${negative ? "-" : ""}${digits.toString()}E${exponent}`);
}

export function asDecimal(value: NumericValue): Decimal128 {
  if (value instanceof Decimal128) return value;
  const double = numberOf(value);
  if (!Number.isFinite(double)) return Decimal128.fromString(String(double));
  if (isLong(value)) return Decimal128.fromString(value.toString());
  // MongoDB turns a double into a decimal by its 15 significant digits.
  const exact = Number.isInteger(double) && Math.abs(double) < 1e15;
  const text = exact ? String(double) : double.toPrecision(15);
  return Decimal128.fromString(text.toUpperCase());
}
