import { canonicalJson } from "../documents/canonical-json.ts";
import {
  checkIdentities,
  defaultDocumentLimits,
  linesOf,
  parseLine,
  renderedOf,
  tooLarge,
  type DocumentLimits,
  type KubernetesObject,
  type ObjectIdentity,
  type Rendered,
} from "../documents/rendered.ts";
import { faultsError, throwFaults, type Fault } from "../manifest-fault.ts";
import { compileLine, isPlaceholder, type CompiledLine, type Slot } from "./compile-line.ts";
import type { Placeholder, TemplateText } from "./placeholder.ts";
import { coerce, resolvePlaceholder, type SubstitutionValues } from "./values.ts";

/** A value that a template asks for. */
export interface VariableUse {
  name: string;
  /** True when at least one use has no default. */
  required: boolean;
  /** The default of the first use that has one; null: none. */
  fallback: string | null;
  /** Where it is used: `Deployment/shop/web`. */
  objects: string[];
}

export interface Substitution {
  /** Plain variables, sorted by name. */
  variables: VariableUse[];
  /** Names of secrets (without `secret.`), sorted. */
  secrets: string[];
  /** `device.id`, `device.name` and `device.labels.*` that are used, sorted. */
  deviceFields: string[];
  /** True when the output is the same for every device. */
  isConstant: boolean;
  objectCount: number;
  /**
   * The NDJSON for one set of values. Throws one AppError that lists every missing or unfit value
   * with the objects that need it.
   */
  apply: (values: SubstitutionValues) => string;
}

interface Use {
  placeholder: Placeholder;
  objects: Set<string>;
}

/** Where a value stands among the uses; the rest of a slot is as compiled. */
type IndexedSlot =
  | { form: "text" | "auto" | "typed"; use: number }
  | { form: "secretData" | "encoded"; text: (string | number)[]; field: string; object: string };

interface IndexedIdentity {
  group: string;
  kind: string;
  name: (string | number)[];
  namespace: (string | number)[];
}

interface Program {
  parts: (string | IndexedSlot)[];
  uses: Use[];
  /** Of every object, when one of them depends on values; else empty. */
  identities: (ObjectIdentity | IndexedIdentity)[];
  limits: DocumentLimits;
}

const maxObjectsListed = 20;

/**
 * Parses rendered objects once, so that filling in a device's values is only joining strings. Values
 * stand within JSON strings and can never add fields or objects. Throws AppError for placeholders
 * that are malformed or stand where none may.
 */
export function compileSubstitution(ndjson: string, limits: Partial<DocumentLimits> = {}): Substitution {
  const faults: Fault[] = [];
  const lines = linesOf(ndjson).map((line, index) => compileLine(line, parseLine(line, index + 1), faults));
  throwFaults(faults);
  const program = indexProgram(lines, { ...defaultDocumentLimits, ...limits });
  const named = (prefix: string): string[] => sortedNames(program.uses, (name) => name.startsWith(prefix));
  return {
    variables: variableUses(program.uses),
    secrets: named("secret.").map((name) => name.slice("secret.".length)),
    deviceFields: named("device."),
    isConstant: program.uses.length === 0,
    objectCount: lines.length,
    apply: (values) => run(program, values),
  };
}

/** Substitutes once. For many devices compile instead. */
export function substitute(
  source: string | readonly KubernetesObject[],
  values: SubstitutionValues,
): Rendered {
  const ndjson =
    typeof source === "string" ? source : source.map((object) => `${canonicalJson(object)}\n`).join("");
  const substitution = compileSubstitution(ndjson);
  return renderedOf(substitution.apply(values), substitution.objectCount);
}

/** Gives equal placeholders one number and joins neighbouring literals over all objects. */
function indexProgram(lines: readonly CompiledLine[], limits: DocumentLimits): Program {
  const uses: Use[] = [];
  const known = new Map<string, number>();
  const indexOf = (placeholder: Placeholder, object: string): number => {
    const key = JSON.stringify([placeholder.name, placeholder.filter, placeholder.fallback]);
    const index = known.get(key) ?? uses.push({ placeholder, objects: new Set() }) - 1;
    known.set(key, index);
    uses[index]?.objects.add(object);
    return index;
  };
  const indexText = (text: TemplateText, object: string): (string | number)[] =>
    text.map((part) => (isPlaceholder(part) ? indexOf(part, object) : part));
  const indexSlot = (slot: Slot, object: string): IndexedSlot =>
    "placeholder" in slot
      ? { form: slot.form, use: indexOf(slot.placeholder, object) }
      : { ...slot, text: indexText(slot.text, object), object };

  const parts: (string | IndexedSlot)[] = [];
  let literal = "";
  for (const { object, parts: lineParts } of lines) {
    for (const part of lineParts) {
      if (typeof part === "string") literal += part;
      else {
        parts.push(literal, indexSlot(part, object));
        literal = "";
      }
    }
    literal += "\n";
  }
  parts.push(literal);
  const isDynamic = lines.some(({ dynamicIdentity }) => dynamicIdentity !== null);
  const identities = lines.map(({ identity, dynamicIdentity, object }) =>
    dynamicIdentity === null
      ? identity
      : {
          ...dynamicIdentity,
          name: indexText(dynamicIdentity.name, object),
          namespace: indexText(dynamicIdentity.namespace, object),
        },
  );
  if (!isDynamic) checkIdentities(lines.map(({ identity }) => identity));
  return { parts, uses, identities: isDynamic ? identities : [], limits };
}

function run({ parts, uses, identities, limits }: Program, values: SubstitutionValues): string {
  const texts = resolveUses(uses, values);
  const faults: Fault[] = [];
  let output = "";
  for (const part of parts) output += typeof part === "string" ? part : fill(part, texts, faults);
  throwFaults(faults);
  // A UTF-16 unit is at most three bytes: most outputs need no counting.
  if (output.length * 3 > limits.maxBytes && Buffer.byteLength(output) > limits.maxBytes)
    throw tooLarge(limits);
  if (identities.length > 0) checkDynamicIdentities(identities, texts);
  return output;
}

function resolveUses(uses: readonly Use[], values: SubstitutionValues): string[] {
  const faults: Fault[] = [];
  const texts = uses.map(({ placeholder, objects }) => {
    const result = resolvePlaceholder(placeholder, values);
    if ("text" in result) return result.text;
    const listed = [...objects].slice(0, maxObjectsListed);
    faults.push({
      ...result,
      object: listed.join(", "),
      message: `${result.message}; it is used in ${listed.join(", ")}.`,
    });
    return "";
  });
  if (faults.length > 0) throw faultsError(faults, 422);
  return texts;
}

function fill(slot: IndexedSlot, texts: readonly string[], faults: Fault[]): string {
  switch (slot.form) {
    case "text":
      return JSON.stringify(texts[slot.use]).slice(1, -1);
    case "auto":
      return coerce(texts[slot.use] ?? "");
    case "typed":
      return texts[slot.use] ?? "";
    case "encoded":
      return Buffer.from(joinText(slot.text, texts)).toString("base64");
    case "secretData": {
      const text = joinText(slot.text, texts);
      if (!isBase64(text)) faults.push(notBase64(slot));
      return text;
    }
  }
}

function joinText(text: readonly (string | number)[], texts: readonly string[]): string {
  return text.map((part) => (typeof part === "number" ? (texts[part] ?? "") : part)).join("");
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function notBase64({ field, object }: { field: string; object: string }): Fault {
  const message = `${object}: ${field} must be base64; write \${name|base64}, or put the value under stringData.`;
  return { code: "value_invalid", object, entry: field, message };
}

/** Characters the API server takes in a name as part of a URL, with the colons of RBAC names. */
const namePattern = /^[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?$/;

function checkDynamicIdentities(identities: Program["identities"], texts: readonly string[]): void {
  const faults: Fault[] = [];
  const resolved = identities.map((identity) => {
    if ("key" in identity) return identity;
    const [name, namespace] = [joinText(identity.name, texts), joinText(identity.namespace, texts)];
    const label = [identity.kind, namespace, name].filter((part) => part !== "").join("/");
    if (!namePattern.test(name) || (identity.namespace.length > 0 && !namePattern.test(namespace))) {
      faults.push({
        code: "value_invalid",
        object: label,
        message: `${label} is not a name an object can have.`,
      });
    }
    return { key: JSON.stringify([identity.group, identity.kind, namespace, name]), label };
  });
  if (faults.length > 0) throw faultsError(faults, 422);
  checkIdentities(resolved);
}

function variableUses(uses: readonly Use[]): VariableUse[] {
  const byName = new Map<string, VariableUse>();
  for (const { placeholder, objects } of uses) {
    if (placeholder.name.includes(".")) continue;
    const use = byName.get(placeholder.name) ?? {
      name: placeholder.name,
      required: false,
      fallback: null,
      objects: [],
    };
    use.required ||= placeholder.fallback === null;
    use.fallback ??= placeholder.fallback;
    use.objects = [...new Set([...use.objects, ...objects])];
    byName.set(placeholder.name, use);
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function sortedNames(uses: readonly Use[], matches: (name: string) => boolean): string[] {
  return [...new Set(uses.map(({ placeholder }) => placeholder.name).filter(matches))].sort();
}
