import { Decimal128, Long, ObjectId } from "mongodb";
import { bigintOf, integerValue } from "../bson/arithmetic.ts";
import { asDecimal } from "../bson/decimal.ts";
import {
  INT64_MAX,
  INT64_MIN,
  isInt32,
  isNumeric,
  isTruthy,
  numberOf,
  toDouble,
  typeName,
  type Value,
} from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { compileExactly, isNullish, type Evaluate, type OperatorCompiler } from "./expression.ts";

function failure(value: Value, target: string, reason = ""): CommandError {
  return new CommandError(
    "ConversionFailure",
    `Unsupported or failed conversion from ${typeName(value)} to ${target} in $convert with no onError value${reason}`,
  );
}

function conversion(convert: (value: Value) => Value): OperatorCompiler {
  return (operand, operator) => {
    const [part] = compileExactly(1, operand, operator) as [Evaluate];
    return (document, variables) => {
      const value = part(document, variables);
      return isNullish(value) ? null : convert(value);
    };
  };
}

const decimalText = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

function toText(value: Value): Value {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof ObjectId) return value.toHexString();
  if (value instanceof Long || value instanceof Decimal128) return value.toString();
  if (isNumeric(value)) return String(numberOf(value));
  throw failure(value, "string");
}

function wholeOf(value: Value, target: string): bigint {
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value === "string" && /^[+-]?\d+$/.test(value)) return BigInt(value.replace(/^\+/, ""));
  if (isNumeric(value) && Number.isFinite(numberOf(value))) return bigintOf(value);
  if (value instanceof Date && target === "long") return BigInt(value.getTime());
  throw failure(value, target);
}

function toInt(value: Value): Value {
  const whole = Number(wholeOf(value, "int"));
  if (!isInt32(whole)) throw failure(value, "int", ": the value is out of range");
  return whole;
}

function toLong(value: Value): Value {
  const whole = wholeOf(value, "long");
  if (whole > INT64_MAX || whole < INT64_MIN) throw failure(value, "long", ": the value is out of range");
  return Long.fromBigInt(whole);
}

function toNumber(value: Value): Value {
  if (typeof value === "boolean") return toDouble(value ? 1 : 0);
  if (typeof value === "string" && decimalText.test(value)) return toDouble(Number(value));
  if (isNumeric(value)) return toDouble(numberOf(value));
  if (value instanceof Date) return toDouble(value.getTime());
  throw failure(value, "double");
}

function toDecimal(value: Value): Value {
  if (typeof value === "boolean") return asDecimal(value ? 1 : 0);
  if (typeof value === "string" && decimalText.test(value)) return Decimal128.fromString(value);
  if (isNumeric(value)) return asDecimal(value);
  if (value instanceof Date) return asDecimal(integerValue(value.getTime()));
  throw failure(value, "decimal");
}

function toDate(value: Value): Value {
  if (value instanceof Date) return value;
  if (value instanceof ObjectId) return value.getTimestamp();
  if (isNumeric(value) && typeName(value) !== "int") return new Date(Math.trunc(numberOf(value)));
  if (
    typeof value === "string" &&
    /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/.test(value)
  ) {
    const zoned = /T.*(?:Z|[+-]\d{2}:?\d{2})$/.test(value) || !value.includes("T") ? value : `${value}Z`;
    const date = new Date(zoned);
    if (!Number.isNaN(date.getTime())) return date;
  }
  throw failure(value, "date");
}

function toObjectId(value: Value): Value {
  if (value instanceof ObjectId) return value;
  if (typeof value === "string" && /^[0-9a-fA-F]{24}$/.test(value)) return new ObjectId(value);
  throw failure(value, "objectId");
}

const typeOf: OperatorCompiler = (operand, operator) => {
  const [part] = compileExactly(1, operand, operator) as [Evaluate];
  return (document, variables) => typeName(part(document, variables));
};

const isNumber: OperatorCompiler = (operand, operator) => {
  const [part] = compileExactly(1, operand, operator) as [Evaluate];
  return (document, variables) => isNumeric(part(document, variables));
};

export const typeOperators: ReadonlyMap<string, OperatorCompiler> = new Map<string, OperatorCompiler>([
  ["$type", typeOf],
  ["$isNumber", isNumber],
  ["$toString", conversion(toText)],
  ["$toInt", conversion(toInt)],
  ["$toLong", conversion(toLong)],
  ["$toDouble", conversion(toNumber)],
  ["$toDecimal", conversion(toDecimal)],
  ["$toBool", conversion(isTruthy)],
  ["$toDate", conversion(toDate)],
  ["$toObjectId", conversion(toObjectId)],
]);
