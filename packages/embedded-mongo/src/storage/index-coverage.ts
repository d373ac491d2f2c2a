import { valuesEqual } from "../bson/compare.ts";
import type { Document, Value } from "../bson/values.ts";
import { compileFilter, isOperatorDocument, type Conjunct, type Filter } from "../query/filter.ts";
import type { Index } from "./catalog.ts";

/** Whether every document the filter can match is in the sparse index: some indexed field must be there. */
export function sparseCovers(index: Index, filter: Filter): boolean {
  if (!index.sparse) return true;
  return index.fields.some((field) =>
    filter.conjuncts.some((conjunct) => conjunct.path === field.name && impliesPresence(conjunct)),
  );
}

function impliesPresence({ operator, value }: Conjunct): boolean {
  if (operator === "$exists" || operator === "prefix") return true;
  if (operator === "$in") return !(value as Value[]).includes(null);
  return value !== null;
}

/** Whether the filter asks for everything the partial index asks of its documents. */
export function partialCovers(index: Index, filter: Filter): boolean {
  return index.partialSource === undefined || implies(filter, index.partialSource);
}

function implies(filter: Filter, wanted: Document): boolean {
  return [...wanted].every(([name, condition]) => {
    if (name === "$and") return (condition as Document[]).every((clause) => implies(filter, clause));
    if (!isOperatorDocument(condition)) return impliesOne(filter, name, "$eq", condition);
    return [...condition].every(([operator, value]) => impliesOne(filter, name, operator, value));
  });
}

function impliesOne(filter: Filter, path: string, operator: string, value: Value): boolean {
  const own = filter.conjuncts.filter((conjunct) => conjunct.path === path);
  if (own.some((conjunct) => conjunct.operator === operator && valuesEqual(conjunct.value, value)))
    return true;
  if (operator === "$exists") return own.some(impliesPresence);
  const condition = compileFilter(new Map([["v", new Map([[operator, value]])]]));
  return own.some(({ operator: asked, value: operand }) => {
    if (Array.isArray(operand) && asked === "$eq") return false;
    if (asked === "$eq") return condition.matches(new Map([["v", operand]]));
    if (asked === "$in") return (operand as Value[]).every((one) => condition.matches(new Map([["v", one]])));
    return impliesRange(asked, operand, operator, value);
  });
}

/** `a > 5` implies `a > 3` and `a >= 5`, within one type. */
function impliesRange(asked: string, operand: Value, wanted: string, value: Value): boolean {
  const upward = new Set(["$gt", "$gte"]);
  const downward = new Set(["$lt", "$lte"]);
  const sameWay = (upward.has(asked) && upward.has(wanted)) || (downward.has(asked) && downward.has(wanted));
  if (!sameWay) return false;
  const inclusive = wanted === "$gte" || wanted === "$lte";
  if (valuesEqual(operand, value)) return inclusive || asked === wanted;
  return compileFilter(new Map([["v", new Map([[wanted, value]])]])).matches(new Map([["v", operand]]));
}
