import { isDocument, typeName, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import {
  compileExactly,
  compileExpression,
  compileNamed,
  compileOperands,
  isNullish,
  type Evaluate,
  type OperatorCompiler,
} from "./expression.ts";

const mergeObjects: OperatorCompiler = (operand) => {
  const parts = compileOperands(operand);
  return (document, variables) => {
    const values = parts.map((part) => part(document, variables));
    const [only] = values;
    return mergeAll(values.length === 1 && Array.isArray(only) ? only : values);
  };
};

export function mergeAll(values: readonly (Value | undefined)[]): Document {
  const result: Document = new Map();
  for (const value of values) {
    if (isNullish(value)) continue;
    if (!isDocument(value))
      throw new CommandError(
        40400,
        `$mergeObjects requires object inputs, but input is of type ${typeName(value)}`,
      );
    for (const [name, one] of value) result.set(name, one);
  }
  return result;
}

const objectToArray: OperatorCompiler = (operand, operator) => {
  const [part] = compileExactly(1, operand, operator) as [Evaluate];
  return (document, variables) => {
    const value = part(document, variables);
    if (isNullish(value)) return null;
    if (!isDocument(value))
      throw new CommandError(40390, `$objectToArray requires a document input, found: ${typeName(value)}`);
    return [...value].map(
      ([k, v]) =>
        new Map<string, Value>([
          ["k", k],
          ["v", v],
        ]),
    );
  };
};

/** A name as it is written: dots and dollars in it have no meaning. */
function constantName(value: Value | undefined, operator: string): string {
  const name = isDocument(value) ? value.get("$literal") : value;
  if (typeof name !== "string" || (name.startsWith("$") && !isDocument(value))) {
    throw new CommandError(4161107, `${operator} requires 'field' to be specified as a string constant`);
  }
  return name;
}

const getField: OperatorCompiler = (operand, operator) => {
  const short = !isDocument(operand) || operand.has("$literal");
  const named = short
    ? { field: operand, input: "$$CURRENT" }
    : compileNamed(operand, operator, ["field"], ["input"]);
  const name = constantName(named.field, operator);
  const input = compileExpression(named.input ?? "$$CURRENT");
  return (document, variables) => {
    const value = input(document, variables);
    return isDocument(value) ? value.get(name) : isNullish(value) ? null : undefined;
  };
};

function fieldSetter(
  fields: readonly ("field" | "input" | "value")[],
  change: (target: Document, name: string, value: Value | undefined) => void,
): OperatorCompiler {
  return (operand, operator) => {
    const named = compileNamed(operand, operator, fields);
    const name = constantName(named.field, operator);
    const input = compileExpression(named.input as Value);
    const value = named.value === undefined ? undefined : compileExpression(named.value);
    return (document, variables) => {
      const target = input(document, variables);
      if (isNullish(target)) return null;
      if (!isDocument(target))
        throw new CommandError(4161105, `${operator} requires 'input' to evaluate to type Object`);
      const result: Document = new Map(target);
      change(result, name, value?.(document, variables));
      return result;
    };
  };
}

function setOrRemove(target: Document, name: string, value: Value | undefined): void {
  if (value === undefined) target.delete(name);
  else target.set(name, value);
}

export const objectOperators: ReadonlyMap<string, OperatorCompiler> = new Map<string, OperatorCompiler>([
  ["$mergeObjects", mergeObjects],
  ["$objectToArray", objectToArray],
  ["$getField", getField],
  ["$setField", fieldSetter(["field", "input", "value"], setOrRemove)],
  ["$unsetField", fieldSetter(["field", "input"], (target, name) => target.delete(name))],
]);
