export interface ChangedField {
  field: string;
  before: string;
  after: string;
}

export interface Detail {
  name: string;
  value: string;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `expiresAt` as people write it: `Expires at`. */
export function words(field: string): string {
  const spaced = field
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[._-]/g, " ")
    .toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

/** Whether it names something by what only programs know it by. */
export const isIdentifier = (text: string): boolean => /^[a-z]{3}_[0-9A-HJKMNP-TV-Z]{26}$/.test(text);

const isTime = (text: string): boolean => /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(text);

/** A value in words: no quotes, no braces. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined || value === "") return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return isTime(value) ? new Date(value).toLocaleString() : value;
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map(textOf).join(", ");
  if (isRecord(value)) {
    const entries = Object.entries(value);
    return entries.length === 0
      ? "none"
      : entries.map(([key, inner]) => `${key}: ${textOf(inner)}`).join(", ");
  }
  // What is left of JSON is a number.
  return JSON.stringify(value);
}

/** What was there before and is there now, field by field. */
export function changedFields(details: Record<string, unknown>): ChangedField[] {
  const before = isRecord(details["before"]) ? details["before"] : {};
  const after = isRecord(details["after"]) ? details["after"] : {};
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return fields.map((field) => ({
    field: words(field),
    before: textOf(before[field]),
    after: textOf(after[field]),
  }));
}

/** Everything else that was noted. */
export function otherDetails(details: Record<string, unknown>): Detail[] {
  return Object.entries(details)
    .filter(([name]) => !["before", "after", "requestId"].includes(name))
    .map(([name, value]) => ({ name: words(name), value: textOf(value) }));
}
