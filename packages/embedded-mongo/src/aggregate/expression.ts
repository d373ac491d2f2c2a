import { isDocument, type Document, type Value } from "../bson/values.ts";
import { CommandError, notSupported } from "../errors.ts";
import { arrayOperators } from "./array-operators.ts";
import { dateOperators } from "./date-operators.ts";
import { logicOperators } from "./logic-operators.ts";
import { numberOperators } from "./number-operators.ts";
import { objectOperators } from "./object-operators.ts";
import { stringOperators } from "./string-operators.ts";
import { typeOperators } from "./type-operators.ts";

/** Values of `$$name`; ROOT is always there. A value of `undefined` is a missing one. */
export type Variables = ReadonlyMap<string, Value | undefined>;

/** Gives an expression's value for one document; `undefined` means the field is missing. */
export type Evaluate = (document: Document, variables?: Variables) => Value | undefined;

/** Compiles the operand of one operator. */
export type OperatorCompiler = (operand: Value, operator: string) => Evaluate;

const noVariables: Variables = new Map();

/** Compiles an aggregation expression. Throws CommandError for unknown or unsupported operators. */
export function compileExpression(expression: Value): Evaluate {
  if (typeof expression === "string" && expression.startsWith("$")) return compileReference(expression);
  if (Array.isArray(expression)) return compileArray(expression);
  if (isDocument(expression)) return compileDocument(expression);
  return () => expression;
}

function compileArray(items: readonly Value[]): Evaluate {
  const evaluators = items.map(compileExpression);
  return (document, variables) => evaluators.map((evaluate) => evaluate(document, variables) ?? null);
}

function compileDocument(expression: Document): Evaluate {
  const first = expression.keys().next();
  if (!first.done && first.value.startsWith("$")) return compileOperator(expression, first.value);
  const fields = [...expression].map(([name, value]) => {
    checkFieldName(name);
    return [name, compileExpression(value)] as const;
  });
  return (document, variables) => {
    const result: Document = new Map();
    for (const [name, evaluate] of fields) {
      const value = evaluate(document, variables);
      if (value !== undefined) result.set(name, value);
    }
    return result;
  };
}

function checkFieldName(name: string): void {
  if (name.startsWith("$")) {
    throw new CommandError(
      16410,
      `FieldPath field names may not start with '$'. Consider using $getField or $setField.`,
    );
  }
  if (name.includes(".")) {
    throw new CommandError(
      16412,
      `FieldPath field names may not contain '.'. Consider using $getField or $setField.`,
    );
  }
}

function compileOperator(expression: Document, operator: string): Evaluate {
  if (expression.size !== 1) {
    throw new CommandError(
      15983,
      `an expression specification must contain exactly one field, the name of the expression; found ${expression.size}`,
    );
  }
  const compile = findOperator(operator);
  if (!compile) {
    if (refusedOperators.has(operator)) throw notSupported(`the expression operator ${operator}`);
    throw new CommandError("InvalidPipelineOperator", `Unrecognized expression '${operator}'`);
  }
  return compile(expression.get(operator) as Value, operator);
}

/** A function, not a merged table: the operators' modules import this one. */
function findOperator(operator: string): OperatorCompiler | undefined {
  return (
    logicOperators.get(operator) ??
    numberOperators.get(operator) ??
    stringOperators.get(operator) ??
    arrayOperators.get(operator) ??
    objectOperators.get(operator) ??
    typeOperators.get(operator) ??
    dateOperators.get(operator)
  );
}

const refusedOperators = new Set([
  "$accumulator",
  "$function",
  "$where",
  "$meta",
  "$rand",
  "$sampleRate",
  "$tsIncrement",
  "$tsSecond",
  "$toHashedIndexKey",
  "$sortArray",
  "$zip",
  "$regexFind",
  "$regexFindAll",
  "$dateFromParts",
  "$dateFromString",
  "$binarySize",
  "$bsonSize",
  "$bitAnd",
  "$bitOr",
  "$bitXor",
  "$bitNot",
  "$convert",
  "$degreesToRadians",
  "$radiansToDegrees",
  "$sin",
  "$cos",
  "$tan",
  "$asin",
  "$acos",
  "$atan",
  "$atan2",
  "$sinh",
  "$cosh",
  "$tanh",
  "$asinh",
  "$acosh",
  "$atanh",
  "$firstN",
  "$lastN",
  "$maxN",
  "$minN",
  "$median",
  "$percentile",
  "$stdDevPop",
  "$stdDevSamp",
  "$indexOfBytes",
]);

/** `$a.b` of the document, or `$$name.b` of a variable. */
function compileReference(reference: string): Evaluate {
  if (!reference.startsWith("$$")) return compileFieldPath(reference.slice(1));
  const [name = "", ...path] = reference.slice(2).split(".");
  if (path.includes(""))
    throw new CommandError(15998, "FieldPath must not end with a '.' or contain an empty part.");
  if (!/^[a-zA-Z\u0080-\uffff][\w\u0080-\uffff]*$/.test(name)) {
    throw new CommandError("FailedToParse", `'${name}' is not a valid variable name`);
  }
  if (/^[A-Z]/.test(name) && !["ROOT", "CURRENT", "NOW", "REMOVE"].includes(name)) {
    throw notSupported(`the variable $$${name}`);
  }
  return (document, variables = noVariables) => walkPath(variableValue(name, document, variables), path, 0);
}

function variableValue(name: string, document: Document, variables: Variables): Value | undefined {
  if (variables.has(name)) return variables.get(name);
  if (name === "ROOT" || name === "CURRENT") return document;
  if (name === "REMOVE") return undefined;
  if (name === "NOW") return new Date();
  throw new CommandError(17276, `Use of undefined variable: ${name}`);
}

function compileFieldPath(text: string): Evaluate {
  if (text === "") throw new CommandError(16872, "'$' by itself is not a valid FieldPath");
  const path = text.split(".");
  if (path.includes("")) throw new CommandError(15998, "FieldPath field names may not be empty strings.");
  const [only] = path;
  if (path.length === 1 && only !== undefined) return (document) => document.get(only);
  return (document) => walkPath(document, path, 0);
}

/** Through documents; an array on the way gives the array of what its documents have there. */
export function walkPath(
  value: Value | undefined,
  path: readonly string[],
  depth: number,
): Value | undefined {
  const part = path[depth];
  if (part === undefined) return value;
  if (isDocument(value)) return walkPath(value.get(part), path, depth + 1);
  if (!Array.isArray(value)) return undefined;
  return value.flatMap((element) => {
    const found = isDocument(element) || Array.isArray(element) ? walkPath(element, path, depth) : undefined;
    return found === undefined ? [] : [found];
  });
}

/** The operands of an operator that takes a list, or one operand outside a list. */
export function compileOperands(operand: Value): Evaluate[] {
  return Array.isArray(operand) ? operand.map(compileExpression) : [compileExpression(operand)];
}

/** As compileOperands, for operators with a fixed number of operands. Throws Location16020. */
export function compileExactly(count: number, operand: Value, operator: string): Evaluate[] {
  return compileBetween(count, count, operand, operator);
}

export function compileBetween(least: number, most: number, operand: Value, operator: string): Evaluate[] {
  const evaluators = compileOperands(operand);
  if (evaluators.length < least || evaluators.length > most) {
    const takes = least === most ? `exactly ${least}` : `at least ${least} and at most ${most}`;
    throw new CommandError(
      least === most ? 16020 : 28667,
      `Expression ${operator} takes ${takes} arguments. ${evaluators.length} were passed in.`,
    );
  }
  return evaluators;
}

/** The named operands of an operator such as `$filter`. Throws for names it does not know. */
export function compileNamed<Name extends string>(
  operand: Value,
  operator: string,
  required: readonly Name[],
  optional: readonly Name[] = [],
): Partial<Record<Name, Value>> {
  if (!isDocument(operand))
    throw new CommandError("FailedToParse", `${operator} only supports an object as its argument`);
  const names = new Set<string>([...required, ...optional]);
  for (const name of operand.keys()) {
    if (!names.has(name))
      throw new CommandError("FailedToParse", `Unrecognized parameter to ${operator}: ${name}`);
  }
  for (const name of required) {
    if (!operand.has(name))
      throw new CommandError("FailedToParse", `Missing '${name}' parameter to ${operator}`);
  }
  return Object.fromEntries(operand) as Partial<Record<Name, Value>>;
}

export function isNullish(value: Value | undefined): value is null | undefined {
  return value === null || value === undefined;
}

/** A set of variables with some added. */
export function withVariables(
  variables: Variables | undefined,
  added: Iterable<readonly [string, Value | undefined]>,
): Variables {
  return new Map([...(variables ?? noVariables), ...added]);
}
