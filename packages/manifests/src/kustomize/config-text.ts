import { canonicalJson } from "../documents/canonical-json.ts";
import { isRecord } from "../yaml/records.ts";

/**
 * Kustomize's YAML and JSON readers and ours must agree on what a configuration says, or a file could
 * show one thing to the check and another to kustomize. What they are known to read differently is
 * refused here; what was checked is then written anew, in a form that leaves nothing to read
 * differently.
 */

/** Line breaks of YAML 1.1 that are ordinary characters in YAML 1.2, and a carriage return by itself. */
const disputedLineBreak = /[\u0085\u2028\u2029]|\r(?!\n)/;

/** Why a configuration's text is not taken, or null. */
export function configTextFault(text: string): string | null {
  return disputedLineBreak.test(text) ? "holds a line break that YAML readers understand differently" : null;
}

/** A key that Go's JSON reader may fold into an ASCII one (`fileſ` is `files` to it), or null. */
export function oddKey(value: unknown, seen = new Set<unknown>()): string | null {
  if (typeof value !== "object" || value === null || seen.has(value)) return null;
  seen.add(value);
  for (const [key, part] of Object.entries(value)) {
    const odd = isRecord(value) && !/^[\x20-\x7e]*$/.test(key) ? key : oddKey(part, seen);
    if (odd !== null) return odd;
  }
  return null;
}

/** Canonical JSON in ASCII, which every YAML reader reads alike. */
export function plainConfig(value: unknown): string {
  return canonicalJson(value).replace(/[^\x20-\x7e]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
  });
}
