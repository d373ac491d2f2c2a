import { identityOf, type ObjectIdentity } from "../documents/rendered.ts";
import type { Fault } from "../manifest-fault.ts";
import { isRecord } from "../yaml/records.ts";
import { parseTemplateText, PlaceholderError, type Placeholder, type TemplateText } from "./placeholder.ts";
import { scanLine, type ScannedString } from "./scan-line.ts";
import { isTextField } from "./text-fields.ts";

/**
 * A place in the output that depends on values. `text`: inside a JSON string whose quotes are
 * literal. `auto`: a whole field that may become a number or boolean. `typed`: a whole field whose
 * filter says so. `secretData`: a Secret's data, must be base64. `encoded`: text that the source
 * holds as base64.
 */
export type Slot =
  | { form: "text" | "auto" | "typed"; placeholder: Placeholder }
  | { form: "secretData" | "encoded"; text: TemplateText; field: string };

export interface CompiledLine {
  object: string;
  /** Literal output and slots, in order; without the line break. */
  parts: (string | Slot)[];
  identity: ObjectIdentity;
  /** Group, kind, name and namespace when the latter two hold placeholders. */
  dynamicIdentity: { group: string; kind: string; name: TemplateText; namespace: TemplateText } | null;
}

/** Annotations that switch substitution off for an object; the second is Flux's. */
const switches = ["rciots.io/substitute", "kustomize.toolkit.fluxcd.io/substitute"];

/** Compiles one object. Faults are collected, so that an operator sees all of them at once. */
export function compileLine(line: string, value: Record<string, unknown>, faults: Fault[]): CompiledLine {
  const identity = identityOf(value);
  const compiled: CompiledLine = { object: identity.label, parts: [line], identity, dynamicIdentity: null };
  const kind = String(value["kind"]);
  const mayHold = line.includes("${") || line.includes("\\u00") || kind === "Secret";
  if (!mayHold || kind === "CustomResourceDefinition" || isSwitchedOff(value)) return compiled;
  const parts: (string | Slot)[] = [];
  let copied = 0;
  const refuse = (code: string, entry: string, reason: string): void => {
    faults.push({ code, entry, object: identity.label, message: `${identity.label}: ${reason}.` });
  };
  scanLine(line, {
    onKey: (key, path) => {
      if (key.includes("${"))
        refuse(
          "placeholder_not_allowed",
          key,
          `${fieldName([...path, key])}: a field's name cannot hold a placeholder`,
        );
    },
    onString: (found) => {
      const replacement = compileString(found, kind, refuse);
      if (replacement === null) return;
      parts.push(line.slice(copied, found.start), ...replacement);
      copied = found.end;
    },
  });
  parts.push(line.slice(copied));
  return { ...compiled, parts, dynamicIdentity: dynamicIdentity(value) };
}

function compileString(
  found: ScannedString,
  kind: string,
  refuse: (code: string, entry: string, reason: string) => void,
): (string | Slot)[] | null {
  const { path, text } = found;
  const isSecretData = kind === "Secret" && path[0] === "data" && path.length === 2;
  const isTemplate = text.includes("${");
  // Nearly all strings end here.
  if (!isTemplate && !isSecretData) return null;
  const field = fieldName(path);
  try {
    if (!isTemplate) return encodedSlot(text, field);
    if (path.length === 1 && (path[0] === "apiVersion" || path[0] === "kind")) {
      refuse("placeholder_not_allowed", text, `${field} cannot hold a placeholder`);
      return null;
    }
    const template = parseTemplateText(text);
    const literals = template.filter((part) => typeof part === "string");
    if (literals.length === template.length) return [JSON.stringify(literals.join(""))];
    if (
      isIdentityField(path) &&
      template.some((part) => isPlaceholder(part) && part.name.startsWith("secret."))
    ) {
      // Names are shown, reported and logged everywhere.
      refuse("placeholder_not_allowed", text, `${field} cannot hold a secret`);
      return null;
    }
    if (isSecretData) return ['"', { form: "secretData", text: template, field }, '"'];
    return slotsOf(template, isTextField(kind, path));
  } catch (error) {
    if (!(error instanceof PlaceholderError)) throw error;
    refuse(
      "placeholder_invalid",
      error.entry,
      `${field}: ${error.entry} ${error.message}; write $\${ for a literal \${`,
    );
    return null;
  }
}

const isIdentityField = (path: readonly (string | number)[]): boolean =>
  path.length === 2 && path[0] === "metadata" && (path[1] === "name" || path[1] === "namespace");

/** A generated Secret holds its literals as base64: placeholders in them are found within. */
function encodedSlot(text: string, field: string): (string | Slot)[] | null {
  const bytes = Buffer.from(text, "base64");
  if (!bytes.includes("${")) return null;
  const decoded = bytes.toString();
  if (!Buffer.from(decoded).equals(bytes)) return null;
  return ['"', { form: "encoded", text: parseTemplateText(decoded), field }, '"'];
}

function slotsOf(template: TemplateText, isText: boolean): (string | Slot)[] {
  const [only] = template;
  if (template.length === 1 && isPlaceholder(only) && !isText) {
    if (only.filter === null) return [{ form: "auto", placeholder: only }];
    if (only.filter !== "string" && only.filter !== "base64") return [{ form: "typed", placeholder: only }];
  }
  const parts = template.map((part): string | Slot =>
    isPlaceholder(part) ? { form: "text", placeholder: part } : JSON.stringify(part).slice(1, -1),
  );
  return ['"', ...parts, '"'];
}

export function isPlaceholder(part: string | Placeholder | undefined): part is Placeholder {
  return typeof part === "object";
}

function isSwitchedOff(value: Record<string, unknown>): boolean {
  const metadata = value["metadata"];
  const annotations = isRecord(metadata) && isRecord(metadata["annotations"]) ? metadata["annotations"] : {};
  return switches.some((name) => Object.hasOwn(annotations, name) && annotations[name] === "disabled");
}

function dynamicIdentity(value: Record<string, unknown>): CompiledLine["dynamicIdentity"] {
  const { name, namespace = "" } = value["metadata"] as { name: string; namespace?: string };
  if (!name.includes("${") && !namespace.includes("${")) return null;
  const apiVersion = String(value["apiVersion"]);
  try {
    const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
    return {
      group,
      kind: String(value["kind"]),
      name: parseTemplateText(name),
      namespace: parseTemplateText(namespace),
    };
  } catch {
    // The placeholder is a fault already.
    return null;
  }
}

/** `spec.template.spec.containers[0].image` */
function fieldName(path: readonly (string | number)[]): string {
  return path
    .map((step, index) => (typeof step === "number" ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join("");
}
