import { Long, ObjectId, Timestamp } from "mongodb";
import { $dateAdd, $dateDiff, $dateSubtract, $dateToString, $dateTrunc } from "mingo/operators/expression";
import { isDocument, isNumeric, numberOf, typeName, type Value } from "../bson/values.ts";
import { CommandError, notSupported } from "../errors.ts";
import {
  compileExactly,
  compileExpression,
  compileNamed,
  isNullish,
  type Evaluate,
  type OperatorCompiler,
} from "./expression.ts";

/** The date of a value that has one; ids and timestamps do. */
function dateOf(value: Value, operator: string): Date {
  if (value instanceof Date) return value;
  if (value instanceof ObjectId) return value.getTimestamp();
  if (value instanceof Timestamp) return new Date((value.high >>> 0) * 1000);
  throw new CommandError(16006, `can't convert from BSON type ${typeName(value)} to Date in ${operator}`);
}

/** All arithmetic of dates is in UTC here; other zones are refused rather than ignored. */
function refuseZone(zone: Value | undefined): void {
  if (isNullish(zone) || zone === "UTC" || zone === "GMT" || zone === "Z" || zone === "+00:00") return;
  throw notSupported("a time zone other than UTC");
}

const MS_PER_DAY = 86_400_000;

function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / MS_PER_DAY) + 1;
}

/** ISO weeks begin on Monday; the first one holds the year's first Thursday. */
function isoWeekAndYear(date: Date): { week: number; year: number } {
  const thursday = new Date(date.getTime() + (4 - (date.getUTCDay() || 7)) * MS_PER_DAY);
  return { week: Math.ceil(dayOfYear(thursday) / 7), year: thursday.getUTCFullYear() };
}

const parts = new Map<string, (date: Date) => Value>([
  ["$year", (date) => date.getUTCFullYear()],
  ["$month", (date) => date.getUTCMonth() + 1],
  ["$dayOfMonth", (date) => date.getUTCDate()],
  ["$dayOfWeek", (date) => date.getUTCDay() + 1],
  ["$dayOfYear", dayOfYear],
  ["$hour", (date) => date.getUTCHours()],
  ["$minute", (date) => date.getUTCMinutes()],
  ["$second", (date) => date.getUTCSeconds()],
  ["$millisecond", (date) => date.getUTCMilliseconds()],
  ["$isoDayOfWeek", (date) => date.getUTCDay() || 7],
  ["$isoWeek", (date) => isoWeekAndYear(date).week],
  ["$isoWeekYear", (date) => Long.fromNumber(isoWeekAndYear(date).year)],
  ["$week", (date) => Math.floor((dayOfYear(date) + 6 - date.getUTCDay()) / 7)],
]);

function partOf(part: (date: Date) => Value): OperatorCompiler {
  return (operand, operator) => {
    const withZone = isDocument(operand) && operand.has("date");
    const named = withZone ? compileNamed(operand, operator, ["date"], ["timezone"]) : undefined;
    const date = named
      ? compileExpression(named.date as Value)
      : (compileExactly(1, operand, operator)[0] as Evaluate);
    const zone = compileExpression(named?.timezone ?? null);
    return (document, variables) => {
      const value = date(document, variables);
      if (isNullish(value)) return null;
      refuseZone(zone(document, variables));
      return part(dateOf(value, operator));
    };
  };
}

/** Evaluated operands of the operators mingo computes; its answers in UTC are MongoDB's. */
type Arguments = Record<string, Value | undefined>;

function named(
  required: readonly string[],
  optional: readonly string[],
  compute: (values: Arguments, operator: string) => Value,
): OperatorCompiler {
  return (operand, operator) => {
    const given = compileNamed(operand, operator, required, optional);
    const evaluators = Object.entries(given).map(
      ([name, value]) => [name, compileExpression(value as Value)] as const,
    );
    return (document, variables) => {
      const values = Object.fromEntries(
        evaluators.map(([name, evaluate]) => [name, evaluate(document, variables)]),
      );
      refuseZone(values["timezone"]);
      return compute(values, operator);
    };
  };
}

/** mingo's signature wants a document and options, which literal operands have no use for. */
type MingoOperator = (document: Record<string, unknown>, operand: unknown, options: never) => unknown;

function compute(operator: MingoOperator, operand: Record<string, unknown>): unknown {
  return operator({}, operand, mingoOptions as never);
}

const mingoOptions = { idKey: "_id", processingMode: "CLONE_OFF", useStrictMode: true, scriptEnabled: false };

const units = new Set(["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"]);

function unitOf(value: Value | undefined, operator: string): string {
  if (typeof value !== "string" || !units.has(value)) {
    throw new CommandError(
      "FailedToParse",
      `${operator} parameter 'unit' value cannot be recognized as a time unit`,
    );
  }
  return value;
}

function wholeNumber(value: Value | undefined, operator: string): number {
  if (value === undefined || !isNumeric(value) || !Number.isInteger(numberOf(value))) {
    throw new CommandError(5166405, `${operator} expects integer amounts`);
  }
  return numberOf(value);
}

/** Month names depend on a locale; the other specifiers are numbers. */
const knownFormat = /^(?:[^%]|%[YmdHMSLjuwUVGzZ%])*$/;

function dateToString({ date, format, onNull }: Arguments, operator: string): Value {
  if (isNullish(date)) return onNull ?? null;
  if (!isNullish(format) && (typeof format !== "string" || !knownFormat.test(format))) {
    throw notSupported(`this format of ${operator}`);
  }
  const chosen = format ?? "%Y-%m-%dT%H:%M:%S.%LZ";
  return String(compute($dateToString, { date: new Date(dateOf(date, operator)), format: chosen }));
}

function dateTrunc({ date, unit, binSize, startOfWeek }: Arguments, operator: string): Value {
  if (isNullish(date) || isNullish(unit)) return null;
  const operand: Record<string, unknown> = { date: dateOf(date, operator), unit: unitOf(unit, operator) };
  if (!isNullish(binSize)) operand["binSize"] = wholeNumber(binSize, operator);
  if (!isNullish(startOfWeek)) operand["startOfWeek"] = startOfWeek;
  return compute($dateTrunc, operand) as Date;
}

function moved(operator: MingoOperator) {
  return ({ startDate, unit, amount }: Arguments, name: string): Value => {
    if (isNullish(startDate) || isNullish(unit) || isNullish(amount)) return null;
    const operand = {
      startDate: dateOf(startDate, name),
      unit: unitOf(unit, name),
      amount: wholeNumber(amount, name),
    };
    return compute(operator, operand) as Date;
  };
}

function dateDiff({ startDate, endDate, unit, startOfWeek }: Arguments, operator: string): Value {
  if (isNullish(startDate) || isNullish(endDate) || isNullish(unit)) return null;
  const operand: Record<string, unknown> = {
    startDate: dateOf(startDate, operator),
    endDate: dateOf(endDate, operator),
    unit: unitOf(unit, operator),
  };
  if (!isNullish(startOfWeek)) operand["startOfWeek"] = startOfWeek;
  return Long.fromNumber(Number(compute($dateDiff, operand)));
}

export const dateOperators: ReadonlyMap<string, OperatorCompiler> = new Map<string, OperatorCompiler>([
  ...[...parts].map(([name, part]) => [name, partOf(part)] as const),
  ["$dateToString", named(["date"], ["format", "timezone", "onNull"], dateToString)],
  ["$dateTrunc", named(["date", "unit"], ["binSize", "timezone", "startOfWeek"], dateTrunc)],
  ["$dateAdd", named(["startDate", "unit", "amount"], ["timezone"], moved($dateAdd))],
  ["$dateSubtract", named(["startDate", "unit", "amount"], ["timezone"], moved($dateSubtract))],
  ["$dateDiff", named(["startDate", "endDate", "unit"], ["timezone", "startOfWeek"], dateDiff)],
]);
