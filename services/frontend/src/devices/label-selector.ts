import { badRequest } from "@rciots/runtime";
import type { LabelCondition } from "@rciots/store";
import { labelsField } from "@rciots/protocol";

const maxConditions = 20;
const maxValues = 50;

const setCondition = /^([^\s=!(),]+)\s+(in|notin)\s+\(([^()]*)\)$/;
const equality = /^([^\s=!(),]+)\s*(==|=|!=)\s*([^\s=!(),]*)$/;
const existence = /^(!?)\s*([^\s=!(),]+)$/;

function invalid(part: string, reason: string): Error {
  return badRequest({
    code: "invalid_selector",
    message:
      `The label selector ${JSON.stringify(part.slice(0, 100))} ${reason}; ` +
      "write site=berlin, tier!=x, tier in (a,b), tier notin (a,b), site or !site, with commas between them.",
  });
}

/** Splits at the commas that are not within parentheses. */
function split(selector: string): string[] {
  return selector.split(/,(?![^(]*\))/).map((part) => part.trim());
}

function parseCondition(part: string): LabelCondition {
  const asSet = setCondition.exec(part);
  if (asSet !== null) {
    const values = (asSet[3] ?? "").split(",").map((value) => value.trim());
    return { key: asSet[1] ?? "", operator: asSet[2] === "in" ? "in" : "notIn", values };
  }
  const asEquality = equality.exec(part);
  if (asEquality !== null) {
    const operator = asEquality[2] === "!=" ? "notIn" : "in";
    return { key: asEquality[1] ?? "", operator, values: [asEquality[3] ?? ""] };
  }
  const asExistence = existence.exec(part);
  if (asExistence === null) throw invalid(part, "can't be understood");
  return { key: asExistence[2] ?? "", operator: asExistence[1] === "!" ? "absent" : "exists" };
}

/** Keys become part of a field's path in the store's queries: only the syntax of labels gets there. */
function checkSyntax(part: string, condition: LabelCondition): LabelCondition {
  const values = "values" in condition ? condition.values : [""];
  if (values.length > maxValues) throw invalid(part, `has more than ${maxValues} values`);
  const isValid = values.every((value) => labelsField.safeParse({ [condition.key]: value }).success);
  if (!isValid) throw invalid(part, "holds what can't be a label");
  return condition;
}

/**
 * Parses selectors in the syntax of Kubernetes; all conditions must hold. As there, `tier!=x` and `tier notin (x)`
 * also select what has no such label. Throws 400 `invalid_selector`.
 */
export function parseLabelSelectors(selectors: readonly string[]): LabelCondition[] {
  const parts = selectors.flatMap(split).filter((part) => part !== "");
  if (parts.length > maxConditions)
    throw invalid(selectors.join(","), `has more than ${maxConditions} conditions`);
  return parts.map((part) => checkSyntax(part, parseCondition(part)));
}
