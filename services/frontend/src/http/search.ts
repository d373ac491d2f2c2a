/** Text to look for, made into a regular expression in which every character stands for itself. */
export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** A search for names: anywhere in the name, or, with a `^` in front, where it begins. */
export function nameSearch(query: string): string {
  const isPrefix = query.startsWith("^");
  return `${isPrefix ? "^" : ""}${escapeRegex(isPrefix ? query.slice(1) : query)}`;
}
