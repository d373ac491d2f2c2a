import { compileExpression, type Evaluate, type Variables } from "../aggregate/expression.ts";
import { isDocument, isNumeric, isTruthy, numberOf, type Document, type Value } from "../bson/values.ts";
import { CommandError, notSupported } from "../errors.ts";
import { compileElementTest, type MatchPosition } from "./filter.ts";

export type Project = (document: Document, variables?: Variables, position?: MatchPosition) => Document;

/** Gives an array or element in the place of the stored field; for `$slice`, `$elemMatch` and `a.$`. */
type Pick = (value: Value, position: MatchPosition | undefined) => Value | undefined;

interface Node {
  readonly children: Map<string, Node>;
  /** What stands at the end of a path: kept, dropped, computed, or a part of the array. */
  leaf?: "keep" | "drop" | Evaluate | { readonly pick: Pick };
}

interface Parsed {
  readonly root: Node;
  readonly mode: "inclusion" | "exclusion";
  readonly computed: Node;
  readonly needsPosition: boolean;
}

export interface Projection {
  readonly project: Project;
  /** Uses the array element the filter matched (`a.$`). */
  readonly needsPosition: boolean;
}

/**
 * Compiles the projection of a `find` or of `$project`. `find` alone has `$slice`, `$elemMatch` and `a.$`.
 * Throws CommandError where inclusion and exclusion are mixed.
 */
export function compileProjection(spec: Document, kind: "find" | "aggregate"): Projection {
  const parsed = parse(spec, kind);
  const { root, mode, computed } = parsed;
  const hasComputed = computed.children.size > 0;
  return {
    needsPosition: parsed.needsPosition,
    project: (document, variables, position) => {
      const kept =
        mode === "inclusion" ? include(document, root, position) : exclude(document, root, position);
      return hasComputed ? addFields(kept, computed, document, variables) : kept;
    },
  };
}

function newNode(): Node {
  return { children: new Map() };
}

function parse(spec: Document, kind: "find" | "aggregate"): Parsed {
  const root = newNode();
  const computed = newNode();
  const entries = flatten(spec, "", kind);
  const state = { mode: undefined as Parsed["mode"] | undefined, needsPosition: false, slices: false };
  let idMode: boolean | undefined;
  for (const [path, value] of entries) {
    if (path === "_id" && isFlag(value)) {
      idMode = isTruthy(value);
      continue;
    }
    place(path, value, kind, { root, computed, state });
  }
  const mode = state.mode ?? modeWithoutFields(idMode, state.slices, computed);
  applyId(root, mode, idMode, computed);
  return { root, mode, computed, needsPosition: state.needsPosition };
}

function modeWithoutFields(idMode: boolean | undefined, slices: boolean, computed: Node): Parsed["mode"] {
  if (computed.children.size > 0) return "inclusion";
  if (slices) return "exclusion";
  return idMode === true ? "inclusion" : "exclusion";
}

function applyId(root: Node, mode: Parsed["mode"], idMode: boolean | undefined, computed: Node): void {
  if (mode === "inclusion") {
    if (idMode !== false && !root.children.has("_id") && !computed.children.has("_id"))
      setLeaf(root, "_id", "keep");
  } else if (idMode === false) setLeaf(root, "_id", "drop");
}

function isFlag(value: Value): boolean {
  return typeof value === "boolean" || isNumeric(value);
}

/** `{a: {b: 1}}` means `{"a.b": 1}`; a document with an operator is an expression. */
function flatten(spec: Document, prefix: string, kind: "find" | "aggregate"): [string, Value][] {
  if (spec.size === 0 && prefix !== "")
    throw new CommandError(51270, "An empty sub-projection is not a valid value. Found empty object at path");
  return [...spec].flatMap(([name, value]): [string, Value][] => {
    if (name === "" || (name.startsWith("$") && !name.startsWith("$$") && prefix === "")) {
      throw new CommandError(
        name === "" ? 40352 : 16410,
        name === ""
          ? "FieldPath cannot be constructed with empty string"
          : "FieldPath field names may not start with '$'. Consider using $getField or $setField.",
      );
    }
    const path = prefix + name;
    const nested = isDocument(value) && ![...value.keys()].some((key) => key.startsWith("$"));
    return nested ? flatten(value, `${path}.`, kind) : [[path, value]];
  });
}

interface Target {
  readonly root: Node;
  readonly computed: Node;
  readonly state: { mode: Parsed["mode"] | undefined; needsPosition: boolean; slices: boolean };
}

function place(path: string, value: Value, kind: "find" | "aggregate", target: Target): void {
  const { root, computed, state } = target;
  if (kind === "find" && path.endsWith(".$")) {
    requireMode(state, "inclusion", path);
    state.needsPosition = true;
    setLeaf(root, path.slice(0, -2), { pick: positionalPick });
  } else if (isFlag(value)) {
    const wanted = isTruthy(value) ? "inclusion" : "exclusion";
    requireMode(state, wanted, path);
    setLeaf(root, path, wanted === "inclusion" ? "keep" : "drop");
  } else if (kind === "find" && isDocument(value) && value.has("$elemMatch")) {
    requireMode(state, "inclusion", path);
    if (path.includes("."))
      throw new CommandError(31275, "Cannot use $elemMatch projection on a nested field.");
    setLeaf(root, path, { pick: elemMatchPick(value.get("$elemMatch") as Value) });
  } else if (
    kind === "find" &&
    isDocument(value) &&
    value.has("$slice") &&
    isFindSlice(value.get("$slice") as Value)
  ) {
    state.slices = true;
    setLeaf(root, path, { pick: slicePick(value.get("$slice") as Value) });
  } else {
    if (isDocument(value) && value.has("$meta")) throw notSupported("the projection operator $meta");
    requireMode(state, "inclusion", path);
    setLeaf(computed, path, compileExpression(value));
  }
}

function requireMode(state: Target["state"], wanted: Parsed["mode"], path: string): void {
  if (state.mode !== undefined && state.mode !== wanted) {
    throw wanted === "exclusion"
      ? new CommandError(31254, `Cannot do exclusion on field ${path} in inclusion projection`)
      : new CommandError(31253, `Cannot do inclusion on field ${path} in exclusion projection`);
  }
  state.mode = wanted;
}

export function setLeaf(root: Node, path: string, leaf: NonNullable<Node["leaf"]>): void {
  const parts = path.split(".");
  if (parts.includes("")) throw new CommandError(15998, "FieldPath field names may not be empty strings.");
  let node = root;
  for (const part of parts) {
    if (node.leaf !== undefined) throw collision(path);
    let child = node.children.get(part);
    if (!child) node.children.set(part, (child = newNode()));
    node = child;
  }
  if (node.leaf !== undefined || node.children.size > 0) throw collision(path);
  node.leaf = leaf;
}

function collision(path: string): CommandError {
  return new CommandError(31250, `Path collision at ${path}`);
}

function isFindSlice(operand: Value): boolean {
  return (
    isNumeric(operand) ||
    (Array.isArray(operand) && operand.length === 2 && operand.every((one) => isNumeric(one)))
  );
}

function slicePick(operand: Value): Pick {
  const [first, second] = (Array.isArray(operand) ? operand : [operand]).map((one) =>
    Math.trunc(numberOf(one as number)),
  );
  if (second !== undefined && second <= 0)
    throw new CommandError(28724, "Third argument to $slice must be positive");
  return (value) => {
    if (!Array.isArray(value)) return value;
    if (second === undefined) return (first as number) < 0 ? value.slice(first) : value.slice(0, first);
    const skip = first as number;
    const start = skip < 0 ? Math.max(0, value.length + skip) : skip;
    return value.slice(start, start + second);
  };
}

function elemMatchPick(operand: Value): Pick {
  if (!isDocument(operand))
    throw new CommandError("BadValue", "elemMatch: Invalid argument, object required");
  const test = compileElementTest(operand, {});
  return (value) => {
    if (!Array.isArray(value)) return undefined;
    const found = value.find(test);
    return found === undefined ? undefined : [found];
  };
}

const positionalPick: Pick = (value, position) => {
  if (!Array.isArray(value)) return value;
  const index = position?.index;
  if (index === undefined) {
    throw new CommandError(
      51246,
      "Executor error during find command :: caused by :: positional operator '.$' couldn't find a matching element in the array",
    );
  }
  return value.slice(index, index + 1);
};

function include(document: Document, node: Node, position: MatchPosition | undefined): Document {
  const result: Document = new Map();
  for (const [name, value] of document) {
    const child = node.children.get(name);
    if (!child) continue;
    const kept = includeValue(value, child, position);
    if (kept !== undefined) result.set(name, kept);
  }
  return result;
}

function includeValue(value: Value, node: Node, position: MatchPosition | undefined): Value | undefined {
  if (node.leaf === "keep") return value;
  if (typeof node.leaf === "object") return node.leaf.pick(value, position);
  if (isDocument(value)) return include(value, node, position);
  if (!Array.isArray(value)) return undefined;
  return value.flatMap((element) => {
    const kept = includeValue(element, node, position);
    return kept === undefined ? [] : [kept];
  });
}

function exclude(document: Document, node: Node, position: MatchPosition | undefined): Document {
  const result: Document = new Map();
  for (const [name, value] of document) {
    const child = node.children.get(name);
    if (!child) result.set(name, value);
    else if (typeof child.leaf === "object") {
      const kept = child.leaf.pick(value, position);
      if (kept !== undefined) result.set(name, kept);
    } else if (child.leaf === undefined) result.set(name, excludeValue(value, child, position));
  }
  return result;
}

function excludeValue(value: Value, node: Node, position: MatchPosition | undefined): Value {
  if (isDocument(value)) return exclude(value, node, position);
  return Array.isArray(value) ? value.map((element) => excludeValue(element, node, position)) : value;
}

/** Compiles `$addFields`: a tree of paths with an expression at the end of each. */
export function compileAddFields(spec: Document): (document: Document, variables?: Variables) => Document {
  const root = newNode();
  for (const [path, value] of flattenFields(spec, "")) setLeaf(root, path, compileExpression(value));
  return (document, variables) => addFields(document, root, document, variables);
}

function flattenFields(spec: Document, prefix: string): [string, Value][] {
  return [...spec].flatMap(([name, value]): [string, Value][] => {
    if (name === "" || name.startsWith("$"))
      throw new CommandError(
        16410,
        "FieldPath field names may not start with '$'. Consider using $getField or $setField.",
      );
    const nested =
      isDocument(value) && value.size > 0 && ![...value.keys()].some((key) => key.startsWith("$"));
    return nested ? flattenFields(value, `${prefix}${name}.`) : [[prefix + name, value]];
  });
}

/** Expressions see the document as it came in, not what other fields of the same stage make of it. */
function addFields(
  target: Document,
  node: Node,
  source: Document,
  variables: Variables | undefined,
): Document {
  const result: Document = new Map(target);
  for (const [name, child] of node.children) {
    if (typeof child.leaf === "function") {
      const value = child.leaf(source, variables);
      if (value === undefined) result.delete(name);
      else result.set(name, value);
    } else result.set(name, addBelow(result.get(name), child, source, variables));
  }
  return result;
}

function addBelow(
  value: Value | undefined,
  node: Node,
  source: Document,
  variables: Variables | undefined,
): Value {
  if (Array.isArray(value)) return value.map((element) => addBelow(element, node, source, variables));
  return addFields(isDocument(value) ? value : new Map<string, Value>(), node, source, variables);
}
