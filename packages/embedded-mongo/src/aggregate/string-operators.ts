import { BSONRegExp } from "mongodb";
import { compareStrings } from "../bson/compare.ts";
import { isNumeric, numberOf, typeName, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { compileRegex } from "../query/regex.ts";
import {
  compileBetween,
  compileExactly,
  compileExpression,
  compileNamed,
  compileOperands,
  isNullish,
  type Evaluate,
  type OperatorCompiler,
} from "./expression.ts";

const concat: OperatorCompiler = (operand) => {
  const parts = compileOperands(operand);
  return (document, variables) => {
    const values = parts.map((part) => part(document, variables));
    if (values.some(isNullish)) return null;
    let text = "";
    for (const value of values) {
      if (typeof value !== "string")
        throw new CommandError(16702, `$concat only supports strings, not ${typeName(value)}`);
      text += value;
    }
    return text;
  };
};

/** What MongoDB takes as a text: strings, and by their usual spelling numbers and dates; null gives nothing. */
function coerced(value: Value | undefined, operator: string): string {
  if (isNullish(value)) return "";
  if (typeof value === "string") return value;
  if (isNumeric(value)) return String(numberOf(value));
  if (value instanceof Date) return value.toISOString();
  throw new CommandError(16007, `can't convert from BSON type ${typeName(value)} to String in ${operator}`);
}

function mapText(map: (text: string) => Value): OperatorCompiler {
  return (operand, operator) => {
    const [part] = compileExactly(1, operand, operator) as [Evaluate];
    return (document, variables) => map(coerced(part(document, variables), operator));
  };
}

/** `$toLower` and `$toUpper` know ASCII letters only. */
function asciiCase(text: string, upper: boolean): string {
  return upper
    ? text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
    : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function lengthOf(operatorLength: (text: string) => number): OperatorCompiler {
  return (operand, operator) => {
    const [part] = compileExactly(1, operand, operator) as [Evaluate];
    return (document, variables) => {
      const value = part(document, variables);
      if (typeof value !== "string")
        throw new CommandError(34473, `${operator} requires a string argument, found: ${typeName(value)}`);
      return operatorLength(value);
    };
  };
}

function integerArgument(value: Value | undefined, operator: string): number {
  if (value === undefined || !isNumeric(value) || !Number.isInteger(numberOf(value))) {
    throw new CommandError(34450, `${operator}: starting index and length must be whole numbers`);
  }
  return numberOf(value);
}

const substrCP: OperatorCompiler = (operand, operator) => {
  const parts = compileExactly(3, operand, operator);
  return (document, variables) => {
    const [text, start, length] = parts.map((part) => part(document, variables));
    const from = integerArgument(start, operator);
    const size = integerArgument(length, operator);
    if (from < 0 || size < 0)
      throw new CommandError(34454, `${operator}: starting index and length must be non-negative integers`);
    return [...coerced(text, operator)].slice(from, from + size).join("");
  };
};

/** By UTF-8 bytes; both ends have to be between characters. A negative length means up to the end. */
const substrBytes: OperatorCompiler = (operand, operator) => {
  const parts = compileExactly(3, operand, operator);
  return (document, variables) => {
    const [text, start, length] = parts.map((part) => part(document, variables));
    const from = integerArgument(start, operator);
    const size = integerArgument(length, operator);
    if (from < 0)
      throw new CommandError(50752, `${operator}: starting index must be non-negative (got: ${from})`);
    const bytes = Buffer.from(coerced(text, operator));
    const end = size < 0 ? bytes.length : Math.min(bytes.length, from + size);
    for (const at of [from, end]) {
      if (((bytes[at] ?? 0) & 0xc0) === 0x80)
        throw new CommandError(
          28656,
          `${operator}: Invalid range, the index is in the middle of a UTF-8 character.`,
        );
    }
    return bytes.toString("utf8", Math.min(from, bytes.length), end);
  };
};

const split: OperatorCompiler = (operand, operator) => {
  const [text, separator] = compileExactly(2, operand, operator) as [Evaluate, Evaluate];
  return (document, variables) => {
    const value = text(document, variables);
    const by = separator(document, variables);
    if (isNullish(value) || isNullish(by)) return null;
    if (typeof value !== "string")
      throw new CommandError(
        40085,
        `$split requires an expression that evaluates to a string as a first argument, found: ${typeName(value)}`,
      );
    if (typeof by !== "string")
      throw new CommandError(
        40086,
        `$split requires an expression that evaluates to a string as a second argument, found: ${typeName(by)}`,
      );
    if (by === "") throw new CommandError(40087, "$split requires a non-empty separator");
    return value.split(by);
  };
};

/** What `$trim` takes away unless it is told: Unicode white space and the null character. */
const whitespace =
  "\0 \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a";

function trim(left: boolean, right: boolean): OperatorCompiler {
  return (operand, operator) => {
    const named = compileNamed(operand, operator, ["input"], ["chars"]);
    const input = compileExpression(named.input as Value);
    const chars = named.chars === undefined ? undefined : compileExpression(named.chars);
    return (document, variables) => {
      const text = input(document, variables);
      const set = chars ? chars(document, variables) : whitespace;
      if (isNullish(text) || isNullish(set)) return null;
      if (typeof text !== "string" || typeof set !== "string")
        throw new CommandError(50699, `${operator} requires its input to be a string`);
      const unwanted = new Set(set);
      const points = [...text];
      let from = 0;
      let to = points.length;
      while (left && from < to && unwanted.has(points[from] as string)) from++;
      while (right && to > from && unwanted.has(points[to - 1] as string)) to--;
      return points.slice(from, to).join("");
    };
  };
}

const indexOfCP: OperatorCompiler = (operand, operator) => {
  const parts = compileBetween(2, 4, operand, operator);
  return (document, variables) => {
    const [text, wanted, start, end] = parts.map((part) => part(document, variables));
    if (isNullish(text)) return null;
    if (typeof text !== "string" || typeof wanted !== "string")
      throw new CommandError(40091, `${operator} requires strings as its first two arguments`);
    const points = [...text];
    const target = [...wanted];
    const from = start === undefined ? 0 : integerArgument(start, operator);
    const to = Math.min(points.length, end === undefined ? Infinity : integerArgument(end, operator));
    for (let at = from; at + target.length <= to; at++) {
      if (target.every((point, offset) => points[at + offset] === point)) return at;
    }
    return -1;
  };
};

const regexMatch: OperatorCompiler = (operand, operator) => {
  const named = compileNamed(operand, operator, ["input", "regex"], ["options"]);
  const [input, regex, options] = [named.input as Value, named.regex as Value, named.options ?? null].map(
    compileExpression,
  ) as [Evaluate, Evaluate, Evaluate];
  return (document, variables) => {
    const text = input(document, variables);
    const pattern = regex(document, variables);
    const flags = options(document, variables);
    if (isNullish(text) || isNullish(pattern)) return false;
    if (typeof text !== "string")
      throw new CommandError(51104, "$regexMatch needs 'input' to be of type string");
    const given = typeof flags === "string" ? flags : "";
    if (pattern instanceof BSONRegExp)
      return compileRegex(pattern.pattern, given || pattern.options).test(text);
    if (typeof pattern !== "string")
      throw new CommandError(51105, "$regexMatch needs 'regex' to be of type string or regex");
    return compileRegex(pattern, given).test(text);
  };
};

function replace(all: boolean): OperatorCompiler {
  return (operand, operator) => {
    const named = compileNamed(operand, operator, ["input", "find", "replacement"]);
    const parts = [named.input, named.find, named.replacement].map((part) =>
      compileExpression(part as Value),
    );
    return (document, variables) => {
      const values = parts.map((part) => part(document, variables));
      for (const value of values) {
        if (!isNullish(value) && typeof value !== "string")
          throw new CommandError(51746, `${operator} requires strings, found: ${typeName(value)}`);
      }
      if (values.some(isNullish)) return null;
      const [input, find, replacement] = values as [string, string, string];
      return all ? input.replaceAll(find, () => replacement) : input.replace(find, () => replacement);
    };
  };
}

const strcasecmp: OperatorCompiler = (operand, operator) => {
  const [a, b] = compileExactly(2, operand, operator) as [Evaluate, Evaluate];
  return (document, variables) => {
    const left = asciiCase(coerced(a(document, variables), operator), true);
    return Math.sign(compareStrings(left, asciiCase(coerced(b(document, variables), operator), true)));
  };
};

export const stringOperators: ReadonlyMap<string, OperatorCompiler> = new Map<string, OperatorCompiler>([
  ["$concat", concat],
  ["$toLower", mapText((text) => asciiCase(text, false))],
  ["$toUpper", mapText((text) => asciiCase(text, true))],
  ["$strLenCP", lengthOf((text) => [...text].length)],
  ["$strLenBytes", lengthOf((text) => Buffer.byteLength(text))],
  ["$substrCP", substrCP],
  ["$substrBytes", substrBytes],
  ["$substr", substrBytes],
  ["$split", split],
  ["$trim", trim(true, true)],
  ["$ltrim", trim(true, false)],
  ["$rtrim", trim(false, true)],
  ["$indexOfCP", indexOfCP],
  ["$regexMatch", regexMatch],
  ["$replaceOne", replace(false)],
  ["$replaceAll", replace(true)],
  ["$strcasecmp", strcasecmp],
]);
