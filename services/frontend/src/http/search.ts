/** Text to look for, made into a regular expression in which every character stands for itself. */
export function escapeRegex(text: string): string {
  // The store's protocol ends an expression at the first NUL.
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&").replaceAll("\0", "\\x00");
}

/**
 * A search for names: anywhere in the name, or, with a `^` in front, where it begins. `any-case`: for names that
 * may have capitals; the store's expressions have no flags.
 */
export function nameSearch(query: string, letters: "as-written" | "any-case" = "as-written"): string {
  const isPrefix = query.startsWith("^");
  const escaped = escapeRegex(isPrefix ? query.slice(1) : query);
  return `${isPrefix ? "^" : ""}${letters === "any-case" ? anyCase(escaped) : escaped}`;
}

function anyCase(expression: string): string {
  return expression.replace(/\p{L}/gu, (letter) => {
    const [lower, upper] = [letter.toLowerCase(), letter.toUpperCase()];
    return lower === upper || lower.length !== upper.length ? letter : `[${lower}${upper}]`;
  });
}
