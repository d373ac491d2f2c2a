import { isDocument, typeName, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { compileAddFields, compileProjection } from "../query/projection.ts";
import { compileExpression, type Variables } from "./expression.ts";

/** A stage that makes one document of each document. */
export type Transform = (document: Document, variables?: Variables) => Document;

/** Compiles the pipeline of an update. Throws CommandError InvalidOptions for stages an update may not have. */
export function compileTransforms(pipeline: readonly Value[]): Transform[] {
  return pipeline.map((stage) => {
    const { name, operand } = parseStage(stage);
    const transform = compileTransform(name, operand);
    if (!transform)
      throw new CommandError("InvalidOptions", `${name} is not allowed to be used within an update`);
    return transform;
  });
}

export function parseStage(stage: Value): { name: string; operand: Value } {
  if (!isDocument(stage))
    throw new CommandError("TypeMismatch", "Each element of the 'pipeline' array must be an object");
  const [entry] = stage;
  if (!entry || stage.size !== 1) {
    throw new CommandError(40323, "A pipeline stage specification object must contain exactly one field.");
  }
  return { name: entry[0], operand: entry[1] };
}

export function compileTransform(name: string, operand: Value): Transform | undefined {
  switch (name) {
    case "$set":
    case "$addFields":
      return compileAddFields(documentOperand(name, operand, 40272));
    case "$project": {
      const spec = documentOperand(name, operand, 15969);
      if (spec.size === 0)
        throw new CommandError(
          51272,
          "Invalid $project :: caused by :: projection specification must have at least one field",
        );
      return compileProjection(spec, "aggregate").project;
    }
    case "$unset":
      return compileProjection(unsetSpec(operand), "aggregate").project;
    case "$replaceRoot": {
      const spec = documentOperand(name, operand, 40229);
      const root = spec.get("newRoot");
      if (root === undefined || spec.size !== 1)
        throw new CommandError(40231, "no newRoot specified for the $replaceRoot stage");
      return replaceWith(root, "'newRoot' expression");
    }
    case "$replaceWith":
      return replaceWith(operand, "'replacement document'");
    default:
      return undefined;
  }
}

export function documentOperand(name: string, operand: Value, code: number): Document {
  if (!isDocument(operand))
    throw new CommandError(code, `${name} specification stage must be an object, got ${typeName(operand)}`);
  return operand;
}

function unsetSpec(operand: Value): Document {
  const names = Array.isArray(operand) ? operand : [operand];
  if (
    names.length === 0 ||
    names.some((name) => typeof name !== "string" || name === "" || name.startsWith("$"))
  ) {
    throw new CommandError(
      31120,
      "$unset specification must be a string or an array containing only string values",
    );
  }
  return new Map(names.map((name) => [name as string, 0]));
}

function replaceWith(expression: Value, what: string): Transform {
  const evaluate = compileExpression(expression);
  return (document, variables) => {
    const value = evaluate(document, variables);
    if (!isDocument(value)) {
      throw new CommandError(
        40228,
        `${what} must evaluate to an object, but resulting value was of type: ${typeName(value)}`,
      );
    }
    return value;
  };
}
