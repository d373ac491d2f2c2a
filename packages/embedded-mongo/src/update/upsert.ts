import { BSONRegExp } from "mongodb";
import { isDocument, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { isOperatorDocument } from "../query/filter.ts";
import { pathsConflict, type Path } from "../query/path.ts";
import { changeAt } from "./location.ts";

/** The fields a filter fixes by equality: what an upsert with operators starts from. */
export function upsertBase(filter: Document): Document {
  const equalities: { path: Path; value: Value }[] = [];
  collect(filter, equalities);
  const document: Document = new Map();
  for (const [at, { path, value }] of equalities.entries()) {
    if (equalities.some((other, index) => index < at && pathsConflict(other.path, path))) {
      throw new CommandError(
        "NotSingleValueField",
        `cannot infer query fields to set, path '${path.join(".")}' is matched twice`,
      );
    }
    changeAt(document, path, () => value, true);
  }
  return document;
}

/** A replacement takes nothing but `_id` from the filter. */
export function upsertId(filter: Document): Value | undefined {
  return upsertBase(new Map([...filter].filter(([name]) => name === "_id" || name === "$and"))).get("_id");
}

function collect(filter: Document, found: { path: Path; value: Value }[]): void {
  for (const [name, condition] of filter) {
    if (name === "$and" || (name === "$or" && Array.isArray(condition) && condition.length === 1)) {
      for (const clause of condition as Value[]) if (isDocument(clause)) collect(clause, found);
    } else if (!name.startsWith("$")) {
      const value = equalityOf(condition);
      if (value !== undefined) found.push({ path: name.split("."), value });
    }
  }
}

function equalityOf(condition: Value): Value | undefined {
  if (condition instanceof BSONRegExp) return undefined;
  if (!isOperatorDocument(condition)) return condition;
  const equal = condition.get("$eq");
  if (equal !== undefined) return equal;
  const all = condition.get("$all");
  if (Array.isArray(all) && all.length === 1 && !isOperatorDocument(all[0] as Value)) return all[0];
  const list = condition.get("$in");
  return Array.isArray(list) && list.length === 1 && !(list[0] instanceof BSONRegExp) ? list[0] : undefined;
}
