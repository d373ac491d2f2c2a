import { isDeepStrictEqual } from "node:util";
import { Binary, Decimal128, Double, Int32, Long, ObjectId } from "mongodb";

/** A difference between what a test expects and what there was. */
export class Mismatch extends Error {}

type Plain = Record<string, unknown>;

export interface MatchScope {
  readonly entities: ReadonlyMap<string, unknown>;
  /** Keys the expectation does not name are allowed in the outermost document. */
  readonly rootExtras: boolean;
}

function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Long) return value.toNumber();
  if (value instanceof Int32 || value instanceof Double) return value.value;
  return undefined;
}

/** Checks a value by the rules of the unified test format. Throws Mismatch. */
export function match(
  expected: unknown,
  actual: unknown,
  scope: MatchScope,
  path = "result",
  root = true,
): void {
  if (isPlain(expected)) {
    const [operator] = Object.keys(expected);
    if (operator?.startsWith("$$"))
      return matchSpecial(operator, expected[operator], actual, scope, path, root);
    return matchDocument(expected, actual, scope, path, root);
  }
  if (Array.isArray(expected)) {
    const list = Array.isArray(actual) ? actual : undefined;
    if (!list || list.length !== expected.length) throw mismatch(path, expected, actual);
    expected.forEach((one, at) => match(one, list[at], scope, `${path}[${at}]`, root && scope.rootExtras));
    return;
  }
  const wanted = numberOf(expected);
  if (wanted !== undefined ? wanted !== numberOf(actual) : !isDeepStrictEqual(expected, actual)) {
    throw mismatch(path, expected, actual);
  }
}

function matchDocument(
  expected: Plain,
  actual: unknown,
  scope: MatchScope,
  path: string,
  root: boolean,
): void {
  if (typeof actual !== "object" || actual === null || Array.isArray(actual))
    throw mismatch(path, expected, actual);
  // The driver sends sort orders as Maps.
  const fields = (actual instanceof Map ? Object.fromEntries(actual) : actual) as Plain;
  for (const [name, wanted] of Object.entries(expected)) {
    const present = Object.hasOwn(fields, name) || fields[name] !== undefined;
    const special = isPlain(wanted) ? Object.keys(wanted)[0] : undefined;
    if (!present && special !== "$$exists" && special !== "$$unsetOrMatches") {
      throw mismatch(`${path}.${name}`, wanted, undefined);
    }
    if (special === "$$exists") {
      if ((wanted as Plain)["$$exists"] !== (present && fields[name] !== undefined))
        throw mismatch(`${path}.${name}`, wanted, fields[name]);
    } else match(wanted, fields[name], scope, `${path}.${name}`, false);
  }
  if (root && scope.rootExtras) return;
  for (const name of Object.keys(fields)) {
    if (!Object.hasOwn(expected, name) && fields[name] !== undefined)
      throw new Mismatch(`${path} has an unexpected field ${name}`);
  }
}

function matchSpecial(
  operator: string,
  operand: unknown,
  actual: unknown,
  scope: MatchScope,
  path: string,
  root: boolean,
): void {
  switch (operator) {
    case "$$unsetOrMatches":
      if (actual === undefined || actual === null) return;
      return match(operand, actual, scope, path, root);
    case "$$exists":
      if ((actual !== undefined) !== operand) throw mismatch(path, operand, actual);
      return;
    case "$$type": {
      const types = Array.isArray(operand) ? operand : [operand];
      if (!types.includes(typeOf(actual)) && !(types.includes("number") && numberOf(actual) !== undefined))
        throw mismatch(path, operand, actual);
      return;
    }
    case "$$matchesEntity":
      return match(scope.entities.get(String(operand)), actual, scope, path, root);
    case "$$sessionLsid":
      return match((scope.entities.get(String(operand)) as { id: unknown }).id, actual, scope, path, false);
    case "$$matchAsRoot":
      return match(operand, actual, { ...scope, rootExtras: true }, path, true);
    case "$$lte":
      if (!((numberOf(actual) ?? Infinity) <= (numberOf(operand) ?? -Infinity)))
        throw mismatch(path, operand, actual);
      return;
    default:
      throw new Error(`the runner does not know the matching operator ${operator}`);
  }
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (value instanceof ObjectId) return "objectId";
  if (value instanceof Binary) return "binData";
  if (value instanceof Long) return "long";
  if (value instanceof Decimal128) return "decimal";
  if (value instanceof Date) return "date";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "double";
  if (typeof value === "boolean") return "bool";
  return typeof value;
}

function mismatch(path: string, expected: unknown, actual: unknown): Mismatch {
  return new Mismatch(`${path}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(actual)}`);
}
