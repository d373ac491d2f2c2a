/** How a value is written: `string` never becomes a number; the others must be the whole field. */
export type Filter = "string" | "int" | "number" | "bool" | "base64";

/** One `${...}`. */
export interface Placeholder {
  /** `VAR`, `device.name`, `device.labels.site`, `secret.NAME`. */
  name: string;
  filter: Filter | null;
  /** Used when the value is missing or empty; null: there is none. */
  fallback: string | null;
}

export type TemplateText = (string | Placeholder)[];

export class PlaceholderError extends Error {
  /** The placeholder as written, shortened. */
  readonly entry: string;
  constructor(entry: string, reason: string) {
    super(reason);
    this.name = "PlaceholderError";
    this.entry = entry;
  }
}

const grammar =
  /^(?<name>[A-Za-z_][A-Za-z0-9_]*|device\.(?:name|id|labels\.[A-Za-z0-9][A-Za-z0-9._/-]*)|secret\.[A-Za-z0-9][A-Za-z0-9._-]*)(?:\|(?<filter>[a-z0-9]+))?(?::[=-](?<fallback>.*))?$/s;

const filters: readonly string[] = ["string", "int", "number", "bool", "base64"];

export function isVariableName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/**
 * Splits text at its placeholders. `$${` stands for `${`; a `$` without `{` is left as it is.
 * Throws PlaceholderError for a `${` that does not begin a placeholder of this grammar.
 */
export function parseTemplateText(text: string): TemplateText {
  const parts: TemplateText = [];
  let literal = "";
  let at = 0;
  for (let open = text.indexOf("${"); open !== -1; open = text.indexOf("${", at)) {
    if (open > at && text[open - 1] === "$") {
      literal += `${text.slice(at, open - 1)}\${`;
      at = open + 2;
      continue;
    }
    const close = text.indexOf("}", open);
    const entry = text.slice(open, close === -1 ? open + 40 : Math.min(close + 1, open + 200));
    if (close === -1) throw new PlaceholderError(entry, "has no closing }");
    literal += text.slice(at, open);
    if (literal !== "") parts.push(literal);
    literal = "";
    parts.push(parsePlaceholder(text.slice(open + 2, close), entry));
    at = close + 1;
  }
  literal += text.slice(at);
  if (literal !== "") parts.push(literal);
  return parts;
}

function parsePlaceholder(inner: string, entry: string): Placeholder {
  const groups = grammar.exec(inner)?.groups;
  const { name, filter = null, fallback = null } = groups ?? {};
  if (name === undefined || name === "device" || name === "secret")
    throw new PlaceholderError(entry, "is not a placeholder");
  if (filter !== null && !filters.includes(filter))
    throw new PlaceholderError(entry, `has an unknown filter; there are ${filters.join(", ")}`);
  if (fallback?.includes("${") === true)
    throw new PlaceholderError(entry, "has a placeholder within its default");
  return { name, filter: filter as Filter | null, fallback };
}
