import { idField, labelsField as protocolLabelsField } from "@rciots/protocol";
import { z } from "zod";

/** `{ id }` of a path. */
export const idParams = (prefix: string) => z.strictObject({ id: idField(prefix) });

export const roleField = z.enum(["owner", "admin", "operator", "viewer"]);

/** A name that people give: one line, trimmed, without control characters. */
export const titleField = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u, "must be one line without control characters");

export const descriptionField = z
  .string()
  .max(2_000)
  .regex(/^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$/, "must not hold control characters");

/** Names that objects give a meaning in JavaScript: the store's driver drops them without a word. */
const reservedNames = ["__proto__", "constructor", "prototype"];
const hasNoReservedName = (map: object): boolean => !reservedNames.some((name) => Object.hasOwn(map, name));
const reservedMessage = `must not use the names ${reservedNames.join(", ")}`;

/** Name of a variable, as `${name}` refers to it. */
export const variableNameField = z
  .string()
  .max(128)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be letters, digits and '_', and not begin with a digit")
  .refine((name) => !reservedNames.includes(name), reservedMessage);

const maxVariables = 256;
const maxVariableBytes = 4_096;

export const variableValueField = z
  .string()
  .refine(
    (value) => Buffer.byteLength(value) <= maxVariableBytes,
    `must have at most ${maxVariableBytes} bytes`,
  )
  .meta({ maxLength: maxVariableBytes });

export const isVariableCountAllowed = (variables: object): boolean =>
  Object.keys(variables).length <= maxVariables;

export const variablesField = z
  .record(variableNameField, variableValueField)
  .refine(isVariableCountAllowed, `must have at most ${maxVariables} variables`);

/** Changes to a map, as a JSON merge patch: null removes a key. */
export const variablesPatch = z
  .record(variableNameField, variableValueField.nullable())
  .refine(isVariableCountAllowed, `must have at most ${maxVariables} variables`);

/** Labels as operators give them. */
export const labelsField = protocolLabelsField.refine(hasNoReservedName, reservedMessage);

/** Changes to labels, as a JSON merge patch: null removes a key. */
export const labelsPatch = z
  .record(z.string().max(63), z.string().max(63).nullable())
  .refine((labels) => Object.keys(labels).length <= 64, "must have at most 64 labels")
  .refine(
    (labels) =>
      labelsField.safeParse(
        Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, value ?? ""])),
      ).success,
    "must be Kubernetes labels: letters, digits, '-', '_' and in values '.', beginning and ending with a letter or digit",
  );

/** Applies a merge patch to a map. */
export function patchMap(
  current: Record<string, string>,
  patch: Record<string, string | null>,
): Record<string, string> {
  const kept = Object.entries(current).filter(([key]) => !Object.hasOwn(patch, key));
  const set = Object.entries(patch).filter((entry): entry is [string, string] => entry[1] !== null);
  return Object.fromEntries([...kept, ...set]);
}

/** A query field that may be repeated: once is a list of one. */
export const repeated = <Item extends z.ZodType<unknown, string>>(item: Item, max: number) =>
  z.union([item.transform((value) => [value]), z.array(item).max(max)]).optional();

/** A moment in the future. */
export const expiryField = z.iso
  .datetime({ offset: true })
  .refine((text) => Date.parse(text) > Date.now(), "must be in the future");

export const dateOrNull = z.iso.datetime().nullable();
export const isoOrNull = (date: Date | null): string | null => date?.toISOString() ?? null;
