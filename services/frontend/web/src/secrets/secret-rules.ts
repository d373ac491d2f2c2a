const maxValueBytes = 32_768;
/** Names that JavaScript gives a meaning; the platform refuses them. */
const reserved = ["__proto__", "constructor", "prototype"];

/** What is wrong with the name of a new secret; null for a good one. */
export function secretNameFault(name: string, taken: readonly string[]): string | null {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return "Letters, digits and _ only, and no digit at the beginning.";
  }
  if (name.length > 128) return "At most 128 characters.";
  if (reserved.includes(name)) return "This name can't be used.";
  return taken.includes(name) ? "There is a secret of this name; give it a new value from the list." : null;
}

export function secretValueFault(value: string): string | null {
  const sizeBytes = new TextEncoder().encode(value).length;
  return sizeBytes > maxValueBytes ? `At most 32 KiB; this is ${(sizeBytes / 1_024).toFixed(1)} KiB.` : null;
}
