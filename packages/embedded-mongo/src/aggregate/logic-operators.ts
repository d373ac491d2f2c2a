import { compareValues } from "../bson/compare.ts";
import { isDocument, isTruthy, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import {
  compileBetween,
  compileExactly,
  compileExpression,
  compileNamed,
  compileOperands,
  isNullish,
  withVariables,
  type Evaluate,
  type OperatorCompiler,
} from "./expression.ts";

function comparison(accepts: (order: number) => Value): OperatorCompiler {
  return (operand, operator) => {
    const [a, b] = compileExactly(2, operand, operator) as [Evaluate, Evaluate];
    return (document, variables) => accepts(compareValues(a(document, variables), b(document, variables)));
  };
}

const and: OperatorCompiler = (operand) => {
  const parts = compileOperands(operand);
  return (document, variables) => parts.every((part) => isTruthy(part(document, variables)));
};

const or: OperatorCompiler = (operand) => {
  const parts = compileOperands(operand);
  return (document, variables) => parts.some((part) => isTruthy(part(document, variables)));
};

const not: OperatorCompiler = (operand, operator) => {
  const [part] = compileExactly(1, operand, operator) as [Evaluate];
  return (document, variables) => !isTruthy(part(document, variables));
};

const cond: OperatorCompiler = (operand, operator) => {
  const parts = isDocument(operand)
    ? conditionParts(operand, operator)
    : compileExactly(3, operand, operator);
  const [test, yes, no] = parts as [Evaluate, Evaluate, Evaluate];
  return (document, variables) => (isTruthy(test(document, variables)) ? yes : no)(document, variables);
};

function conditionParts(operand: Value, operator: string): Evaluate[] {
  const named = compileNamed(operand, operator, ["if", "then", "else"]);
  return [named.if, named.then, named.else].map((part) => compileExpression(part as Value));
}

const ifNull: OperatorCompiler = (operand, operator) => {
  const parts = compileBetween(2, Infinity, operand, operator);
  return (document, variables) => {
    let value: Value | undefined;
    for (const part of parts) {
      value = part(document, variables);
      if (!isNullish(value)) return value;
    }
    return value;
  };
};

const switchCase: OperatorCompiler = (operand, operator) => {
  const named = compileNamed(operand, operator, ["branches"], ["default"]);
  if (!Array.isArray(named.branches) || named.branches.length === 0) {
    throw new CommandError(40068, "$switch requires at least one branch.");
  }
  const branches = named.branches.map((branch) => {
    const parts = compileNamed(branch, "$switch branch", ["case", "then"]);
    return { test: compileExpression(parts.case as Value), then: compileExpression(parts.then as Value) };
  });
  const fallback = named.default === undefined ? undefined : compileExpression(named.default);
  return (document, variables) => {
    const hit = branches.find((branch) => isTruthy(branch.test(document, variables)));
    if (hit) return hit.then(document, variables);
    if (!fallback) {
      throw new CommandError(
        40066,
        "$switch could not find a matching branch for an input, and no default was specified.",
      );
    }
    return fallback(document, variables);
  };
};

const letIn: OperatorCompiler = (operand, operator) => {
  const named = compileNamed(operand, operator, ["vars", "in"]);
  if (!isDocument(named.vars)) throw new CommandError(10065, "$let's vars must be an object");
  const bindings = [...named.vars].map(([name, value]) => [name, compileExpression(value)] as const);
  const body = compileExpression(named.in as Value);
  return (document, variables) =>
    body(
      document,
      withVariables(
        variables,
        bindings.map(([name, evaluate]) => [name, evaluate(document, variables)] as const),
      ),
    );
};

export const logicOperators: ReadonlyMap<string, OperatorCompiler> = new Map<string, OperatorCompiler>([
  ["$eq", comparison((order) => order === 0)],
  ["$ne", comparison((order) => order !== 0)],
  ["$gt", comparison((order) => order > 0)],
  ["$gte", comparison((order) => order >= 0)],
  ["$lt", comparison((order) => order < 0)],
  ["$lte", comparison((order) => order <= 0)],
  ["$cmp", comparison((order) => Math.sign(order))],
  ["$and", and],
  ["$or", or],
  ["$not", not],
  ["$cond", cond],
  ["$ifNull", ifNull],
  ["$switch", switchCase],
  ["$let", letIn],
  ["$literal", (operand) => () => operand],
]);
