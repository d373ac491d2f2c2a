import { Timestamp } from "mongodb";
import { valuesEqual } from "../bson/compare.ts";
import { describeValue } from "../engine/duplicate-key.ts";
import { isDocument, typeName, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import type { MatchPosition } from "../query/filter.ts";
import { arrayIndex, pathsConflict, type Path } from "../query/path.ts";
import type { Variables } from "../aggregate/expression.ts";
import { compileTransforms, type Transform } from "../aggregate/transforms.ts";
import { changeAt } from "./location.ts";
import { currentTimestamp, fieldOperators, type FieldChange } from "./operators.ts";
import { checkFiltersUsed, concretePaths, parseArrayFilters, type ArrayFilters } from "./positions.ts";
import { applyRename, parseRename, type Rename } from "./rename.ts";

export interface UpdateContext {
  /** Which array element the query matched. */
  readonly position: MatchPosition;
  /** The document is being inserted by an upsert: `$setOnInsert` counts. */
  readonly inserting: boolean;
  readonly variables?: Variables | undefined;
}

export interface Update {
  readonly isReplacement: boolean;
  /**
   * Gives the document after the update; may change and return the one it is given. `changed` names the top-level
   * fields that may differ, undefined means any.
   */
  apply(document: Document, context: UpdateContext): { document: Document; changed?: ReadonlySet<string> };
}

/** Compiles the `u` of an update. Throws CommandError with MongoDB's code for what is wrong. */
export function compileUpdate(update: Value, arrayFilters: Value | undefined): Update {
  if (Array.isArray(update)) {
    if (arrayFilters !== undefined)
      throw new CommandError("FailedToParse", "arrayFilters may not be specified for pipeline-syle updates");
    return pipelineUpdate(compileTransforms(update));
  }
  if (!isDocument(update))
    throw new CommandError("FailedToParse", "Update argument must be either an object or an array");
  const first = update.keys().next();
  if (first.done || !first.value.startsWith("$")) {
    if (arrayFilters !== undefined && Array.isArray(arrayFilters) && arrayFilters.length > 0) {
      throw new CommandError("FailedToParse", "arrayFilters may not be specified for replacement updates");
    }
    return replacement(update);
  }
  return operatorUpdate(update, parseArrayFilters(arrayFilters));
}

function checkId(before: Document, after: Document, message: (id: string) => string): void {
  const id = before.get("_id");
  if (id === undefined || valuesEqual(id, after.get("_id"))) return;
  throw new CommandError("ImmutableField", message(describeValue(after.get("_id") ?? null)));
}

function replacement(update: Document): Update {
  for (const name of update.keys()) {
    if (name.startsWith("$")) {
      throw new CommandError(
        "DollarPrefixedFieldName",
        `The dollar ($) prefixed field '${name}' in '${name}' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith.`,
      );
    }
  }
  return {
    isReplacement: true,
    apply: (document) => {
      if (update.has("_id")) {
        checkId(
          document,
          update,
          (id) =>
            `After applying the update, the (immutable) field '_id' was found to have been altered to _id: ${id}`,
        );
      }
      const id = document.get("_id") ?? update.get("_id");
      const next: Document = new Map(id === undefined ? [] : [["_id", id]]);
      for (const [name, value] of update) if (name !== "_id") next.set(name, value);
      fillTimestamps(next);
      return { document: next };
    },
  };
}

/** The server puts its time in place of an empty timestamp at the top level. */
export function fillTimestamps(document: Document): void {
  for (const [name, value] of document) {
    if (value instanceof Timestamp && value.isZero() && name !== "_id")
      document.set(name, currentTimestamp());
  }
}

function pipelineUpdate(transforms: readonly Transform[]): Update {
  return {
    isReplacement: false,
    apply: (document, { variables }) => {
      const result = transforms.reduce((current, transform) => transform(current, variables), document);
      const id = document.get("_id");
      const next: Document = new Map(id === undefined ? [] : [["_id", result.get("_id") ?? id]]);
      for (const [name, value] of result) next.set(name, value);
      checkId(
        document,
        next,
        () => "Performing an update on the path '_id' would modify the immutable field '_id'",
      );
      return { document: next };
    },
  };
}

interface PathChange {
  readonly path: Path;
  readonly onInsertOnly: boolean;
  readonly field: FieldChange;
}

interface RenameStep {
  readonly path: Path;
  readonly rename: Rename;
}

type Step = PathChange | RenameStep;

function operatorUpdate(update: Document, filters: ArrayFilters): Update {
  const steps = parseSteps(update);
  checkConflicts(steps);
  checkFiltersUsed(
    filters,
    steps.map((step) => step.path),
  );
  steps.sort((a, b) => comparePaths(a.path, b.path));
  const changed = new Set(steps.flatMap(touchedPaths).map((path) => path[0] as string));
  return {
    isReplacement: false,
    apply: (document, context) => {
      const id = document.get("_id");
      const scope = { position: context.position, filters };
      const done: Path[] = [];
      for (const step of steps) {
        if ("rename" in step) applyRename(document, step.rename);
        else if (!step.onInsertOnly || context.inserting) {
          const paths = concretePaths(document, step.path, scope);
          if (step.path.some((part) => part.startsWith("$"))) checkConcrete(done, paths);
          for (const path of paths) changeAt(document, path, step.field.change(id), step.field.creates);
          done.push(...paths);
        }
      }
      if (changed.has("_id") && id !== undefined && !valuesEqual(document.get("_id"), id)) {
        throw new CommandError(
          "ImmutableField",
          "Performing an update on the path '_id' would modify the immutable field '_id'",
        );
      }
      return { document, changed };
    },
  };
}

function parseSteps(update: Document): Step[] {
  return [...update].flatMap(([operator, fields]) => {
    if (operator !== "$rename" && !fieldOperators.has(operator)) {
      throw new CommandError(
        "FailedToParse",
        `Unknown modifier: ${operator}. Expected a valid update modifier or pipeline-style update specified as an array`,
      );
    }
    if (!isDocument(fields)) {
      throw new CommandError(
        "FailedToParse",
        `Modifiers operate on fields but we found type ${typeName(fields)} instead. For example: {$mod: {<field>: ...}} not {${operator}: ${describeValue(fields)}}`,
      );
    }
    return [...fields].map(([name, operand]) => parseStep(operator, name, operand));
  });
}

function parseStep(operator: string, name: string, operand: Value): Step {
  const path = updatePath(name);
  if (operator === "$rename") return { path, rename: parseRename(name, operand) };
  const field = (fieldOperators.get(operator) as NonNullable<ReturnType<typeof fieldOperators.get>>)(
    operand,
    name,
  );
  return { path, field, onInsertOnly: operator === "$setOnInsert" };
}

function updatePath(name: string): Path {
  if (name === "") throw new CommandError("EmptyFieldName", "An empty update path is not valid.");
  const path = name.split(".");
  if (path.includes("")) {
    throw new CommandError(
      "EmptyFieldName",
      `The update path '${name}' contains an empty field name, which is not allowed.`,
    );
  }
  if (
    path.some(
      (part, at) =>
        part.startsWith("$") &&
        (at === 0 || !/^\$(?:\[[^\]]*\])?$/.test(part)) &&
        !["$id", "$ref", "$db"].includes(part),
    )
  ) {
    throw new CommandError(
      "DollarPrefixedFieldName",
      `The dollar ($) prefixed field '${path.find((part) => part.startsWith("$"))}' in '${name}' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith.`,
    );
  }
  if (path.filter((part) => part === "$").length > 1) {
    throw new CommandError("BadValue", `Too many positional (i.e. '$') elements found in path '${name}'`);
  }
  return path;
}

function touchedPaths(step: Step): Path[] {
  return "rename" in step ? [step.rename.from, step.rename.to] : [step.path];
}

function checkConflicts(steps: readonly Step[]): void {
  const root: PathNode = { children: new Map(), ends: false };
  for (const path of steps.flatMap(touchedPaths)) claimPath(root, path);
}

interface PathNode {
  readonly children: Map<string, PathNode>;
  ends: boolean;
}

/** A tree of the paths: linear in their number, where comparing each with each is not. */
function claimPath(root: PathNode, path: Path): void {
  let node = root;
  for (const [depth, part] of path.entries()) {
    let child = node.children.get(part);
    if (!child) node.children.set(part, (child = { children: new Map(), ends: false }));
    else if (child.ends) throw conflict(path, path.slice(0, depth + 1));
    node = child;
  }
  if (node.children.size > 0 || node.ends) throw conflict(path, path);
  node.ends = true;
}

function conflict(path: Path, at: Path): CommandError {
  return new CommandError(
    "ConflictingUpdateOperators",
    `Updating the path '${path.join(".")}' would create a conflict at '${at.join(".")}'`,
  );
}

/** Two filters may choose the same element: only the document shows it. */
function checkConcrete(done: readonly Path[], next: readonly Path[]): void {
  for (const path of next) {
    const other = done.find((one) => pathsConflict(one, path));
    if (other) throw conflict(path, other);
  }
}

/** MongoDB creates fields in the order of their names, numbers by value, not in the order of the update. */
function comparePaths(a: Path, b: Path): number {
  const size = Math.min(a.length, b.length);
  for (let at = 0; at < size; at++) {
    const x = a[at] as string;
    const y = b[at] as string;
    if (x === y) continue;
    const left = arrayIndex(x);
    const right = arrayIndex(y);
    if (left !== undefined && right !== undefined) return left - right;
    return x < y ? -1 : 1;
  }
  return a.length - b.length;
}
