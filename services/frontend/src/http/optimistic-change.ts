import { conflict } from "@rciots/runtime";
import { checkVersion, versionConflict } from "./etag.ts";

const maxAttempts = 5;

export interface Changed<Document> {
  before: Document;
  after: Document;
  /** False where the document was as wanted already: nothing was written, and there is nothing to tell. */
  isChanged: boolean;
}

/**
 * Reads, changes and writes a versioned document. Without `If-Match` a change that met another one is made
 * again on what is there then; with it, 412.
 */
export async function changeVersioned<Document extends { version: number }, Change extends object>(options: {
  ifMatch: number | undefined;
  /** Throws 404 where it is not there. */
  read: () => Promise<Document>;
  /** What to write, or null where nothing has to change. Throws where the change is not possible. */
  change: (current: Document) => Change | null | Promise<Change | null>;
  /** Writes on exactly this version; null or undefined where it moved on. */
  write: (current: Document, change: Change) => Promise<Document | null | undefined>;
}): Promise<Changed<Document>> {
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    const before = await options.read();
    checkVersion(options.ifMatch, before.version);
    const change = await options.change(before);
    if (change === null) return { before, after: before, isChanged: false };
    const after = await options.write(before, change);
    if (after !== null && after !== undefined) return { before, after, isChanged: true };
    if (options.ifMatch !== undefined) throw versionConflict((await options.read()).version);
  }
  throw conflict({ code: "too_much_contention", message: "Others keep changing it; try again." });
}

/** Equality of plain JSON values; the order of keys doesn't count, that of lists does. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Date || b instanceof Date) {
    return a instanceof Date && b instanceof Date && a.getTime() === b.getTime();
  }
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = Object.entries(a);
  const right = b as Record<string, unknown>;
  return (
    left.length === Object.keys(b).length &&
    left.every(([key, value]) => Object.hasOwn(right, key) && isSame(value, right[key]))
  );
}

/** The part of `wanted` that differs from what is there; null where nothing does. */
export function changesOf<Document extends object, Change extends Partial<Document>>(
  current: Document,
  wanted: Change,
): Change | null {
  const entries = Object.entries(wanted).filter(
    ([key, value]) => value !== undefined && !isSame(current[key as keyof Document], value),
  );
  return entries.length === 0 ? null : (Object.fromEntries(entries) as Change);
}
