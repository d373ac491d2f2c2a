import { formatBytes } from "../files/manifest-file.ts";
import type { Fault } from "../manifest-fault.ts";
import { isVariableName, type Filter, type Placeholder } from "./placeholder.ts";

export type VariableValue = string | number | boolean;

/** What one device's placeholders are filled with. Values are taken as they are: a `${` in one is not looked at again. */
export interface SubstitutionValues {
  variables?: Readonly<Record<string, VariableValue>>;
  device?: { id: string; name: string; labels?: Readonly<Record<string, string>> };
  secrets?: Readonly<Record<string, string>>;
}

/** Characters of one value; a Kubernetes object cannot hold more than about 1 MiB. */
const maxValueLength = 1024 * 1024;

/** The value of a name, or undefined when it is not there. Only own properties count. */
export function lookUp(
  name: string,
  { variables = {}, device, secrets = {} }: SubstitutionValues,
): string | undefined {
  if (name === "device.id") return device?.id;
  if (name === "device.name") return device?.name;
  if (name.startsWith("device.labels."))
    return own(device?.labels ?? {}, name.slice("device.labels.".length));
  if (name.startsWith("secret.")) return own(secrets, name.slice("secret.".length));
  return isVariableName(name) ? own(variables, name) : undefined;
}

function own(record: Readonly<Record<string, VariableValue>>, key: string): string | undefined {
  const value = Object.hasOwn(record, key) ? record[key] : undefined;
  return value === undefined || value === null ? undefined : String(value);
}

/** The text of a placeholder, or why there is none. The message never shows the value. */
export function resolvePlaceholder(
  { name, filter, fallback }: Placeholder,
  values: SubstitutionValues,
): { text: string } | Omit<Fault, "object"> {
  const found = lookUp(name, values);
  const text = found === undefined || found === "" ? (fallback ?? found) : found;
  if (text === undefined)
    return { code: "variable_missing", entry: name, message: `\${${name}} has no value and no default` };
  if (text.length > maxValueLength)
    return {
      code: "value_too_large",
      entry: name,
      message: `The value of \${${name}} is larger than ${formatBytes(maxValueLength)}`,
    };
  const wanted = filter === null ? undefined : typedForms[filter];
  if (wanted !== undefined && !wanted.test(text)) {
    return { code: "value_invalid", entry: name, message: `The value of \${${name}} is not ${wanted.name}` };
  }
  return { text: filter === "base64" ? Buffer.from(text).toString("base64") : text };
}

const wholeNumber = /^-?(?:0|[1-9]\d{0,15})$/;

const typedForms: Partial<Record<Filter, { name: string; test: (text: string) => boolean }>> = {
  int: { name: "a whole number", test: isWholeNumber },
  number: {
    name: "a number",
    test: (text) =>
      /^-?(?:0|[1-9]\d{0,15})(?:\.\d{1,20})?(?:[eE][-+]?\d{1,3})?$/.test(text) &&
      Number.isFinite(Number(text)),
  },
  bool: { name: "true or false", test: (text) => text === "true" || text === "false" },
};

/** A whole number as JSON and Kubernetes write it: no leading zero, no sign but minus, exact in a double. */
function isWholeNumber(text: string): boolean {
  return wholeNumber.test(text) && text !== "-0" && Number.isSafeInteger(Number(text));
}

/** The JSON of a text that fills a whole field which is not known to be text: whole numbers and booleans as such. */
export function coerce(text: string): string {
  return text === "true" || text === "false" || isWholeNumber(text) ? text : JSON.stringify(text);
}
