import { element } from "./model-query.ts";
import { copy, isObject, order, same, type Json, type JsonObject } from "./model-values.ts";

/** An update MongoDB refuses; which message and code is not the model's matter. */
export class Refused extends Error {}

type Container = JsonObject | Json[];

function child(container: Container, part: string): Json | undefined {
  if (!Array.isArray(container)) return Object.hasOwn(container, part) ? container[part] : undefined;
  return /^\d+$/.test(part) ? container[Number(part)] : undefined;
}

function put(container: Container, part: string, value: Json): void {
  if (!Array.isArray(container)) {
    container[part] = value;
    return;
  }
  if (!/^\d+$/.test(part)) throw new Refused("a name in an array");
  while (container.length < Number(part)) container.push(null);
  container[Number(part)] = value;
}

function parentOf(document: JsonObject, path: readonly string[], create: boolean): Container | undefined {
  let container: Container = document;
  for (const part of path.slice(0, -1)) {
    const next: Json | undefined = child(container, part);
    if (isObject(next) || Array.isArray(next)) container = next;
    else if (!create) return undefined;
    else if (next !== undefined) throw new Refused("a scalar is no parent");
    else {
      const made: JsonObject = {};
      put(container, part, made);
      container = made;
    }
  }
  if (create && Array.isArray(container) && !/^\d+$/.test(path.at(-1) as string))
    throw new Refused("a name in an array");
  return container;
}

function conflicting(paths: readonly string[]): boolean {
  return paths.some((one, at) =>
    paths.some((other, index) => index !== at && (one === other || other.startsWith(`${one}.`))),
  );
}

/** Applies an update with operators; throws Refused where MongoDB would. Field order is as MongoDB makes it. */
export function applyUpdate(before: JsonObject, update: JsonObject, inserting: boolean): JsonObject {
  const steps = Object.entries(update).flatMap(([operator, fields]) =>
    Object.entries(fields as JsonObject).map(([path, operand]) => ({ operator, path, operand })),
  );
  const paths = steps.flatMap((step) =>
    step.operator === "$rename" ? [step.path, step.operand as string] : [step.path],
  );
  if (conflicting(paths)) throw new Refused("conflicting paths");
  const document = copy(before);
  steps.sort((a, b) => comparePaths(a.path, b.path));
  for (const { operator, path, operand } of steps) {
    if (operator === "$setOnInsert" && !inserting) continue;
    applyStep(document, operator, path.split("."), operand);
  }
  if (!same(document["_id"], before["_id"])) throw new Refused("_id is immutable");
  return document;
}

function comparePaths(a: string, b: string): number {
  const left = a.split(".");
  const right = b.split(".");
  for (const [at, part] of left.entries()) {
    const other = right[at];
    if (other === undefined) return 1;
    if (part === other) continue;
    if (/^\d+$/.test(part) && /^\d+$/.test(other)) return Number(part) - Number(other);
    return part < other ? -1 : 1;
  }
  return left.length - right.length;
}

function applyStep(document: JsonObject, operator: string, path: readonly string[], operand: Json): void {
  if (operator === "$rename") return rename(document, path, (operand as string).split("."));
  const takesAway = ["$unset", "$pull", "$pop", "$pullAll"].includes(operator);
  // A value that leaves things as they are must not make parents either: $pull and its like never do.
  const container = parentOf(document, path, !takesAway);
  if (!container) return;
  const last = path.at(-1) as string;
  const current = child(container, last);
  if (operator === "$unset") {
    if (current === undefined) return;
    if (Array.isArray(container)) container[Number(last)] = null;
    else delete container[last];
    return;
  }
  if (takesAway && current === undefined) return;
  put(container, last, changed(operator, current, operand));
}

function rename(document: JsonObject, from: readonly string[], to: readonly string[]): void {
  const source = parentOf(document, from, false);
  if (throughArray(document, from)) throw new Refused("through an array");
  const value = source && child(source, from.at(-1) as string);
  if (value === undefined) return;
  if (throughArray(document, to)) throw new Refused("through an array");
  delete (source as JsonObject)[from.at(-1) as string];
  put(parentOf(document, to, true) as Container, to.at(-1) as string, value);
}

function throughArray(document: JsonObject, path: readonly string[]): boolean {
  let current: Json | undefined = document;
  for (const part of path) {
    if (Array.isArray(current)) return true;
    if (!isObject(current)) return false;
    current = child(current, part);
  }
  return false;
}

function list(current: Json | undefined): Json[] {
  if (current === undefined) return [];
  if (!Array.isArray(current)) throw new Refused("not an array");
  return [...current];
}

function number(current: Json | undefined): number {
  if (current === undefined) return 0;
  if (typeof current !== "number") throw new Refused("not a number");
  return current;
}

function changed(operator: string, current: Json | undefined, operand: Json): Json {
  switch (operator) {
    case "$set":
    case "$setOnInsert":
      return copy(operand);
    case "$inc":
      return number(current) + (operand as number);
    case "$mul":
      return number(current) * (operand as number) + 0;
    case "$min":
      return current === undefined || order(operand, current) < 0 ? copy(operand) : current;
    case "$max":
      return current === undefined || order(operand, current) > 0 ? copy(operand) : current;
    case "$push":
      return pushed(list(current), operand);
    case "$addToSet":
      return added(list(current), operand);
    case "$pop":
      return operand === 1 ? list(current).slice(0, -1) : list(current).slice(1);
    case "$pull":
      return list(current).filter((one) => !pulls(one, operand));
    case "$pullAll":
      return list(current).filter((one) => !(operand as Json[]).some((other) => same(one, other)));
    default:
      throw new Error(`the model has no ${operator}`);
  }
}

function pulls(value: Json, operand: Json): boolean {
  if (!isObject(operand)) return same(value, operand);
  if (Object.keys(operand).some((name) => name.startsWith("$"))) return element(value, operand);
  return isObject(value) && element(value, operand);
}

function pushed(values: Json[], operand: Json): Json[] {
  if (!isObject(operand) || !Object.hasOwn(operand, "$each")) return [...values, copy(operand)];
  const { $each, $position, $sort, $slice } = operand as {
    $each: Json[];
    $position?: number;
    $sort?: number;
    $slice?: number;
  };
  const at =
    $position === undefined
      ? values.length
      : $position < 0
        ? Math.max(0, values.length + $position)
        : Math.min($position, values.length);
  values.splice(at, 0, ...$each.map(copy));
  if ($sort !== undefined) {
    const indexed = values.map((value, index) => ({ value, index }));
    indexed.sort((a, b) => order(a.value, b.value) * $sort || a.index - b.index);
    values = indexed.map(({ value }) => value);
  }
  if ($slice === undefined) return values;
  return $slice < 0 ? values.slice($slice) : values.slice(0, $slice);
}

function added(values: Json[], operand: Json): Json[] {
  const news =
    isObject(operand) && Object.hasOwn(operand, "$each") ? (operand["$each"] as Json[]) : [operand];
  for (const one of news) if (!values.some((other) => same(other, one))) values.push(copy(one));
  return values;
}
