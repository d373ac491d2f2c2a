import { faultsError, type Fault } from "../manifest-fault.ts";
import {
  checkObjectCount,
  defaultDocumentLimits,
  identityOf,
  linesOf,
  parseLine,
  renderedOf,
  tooLarge,
  type DocumentLimits,
  type Rendered,
} from "./rendered.ts";

export interface NamedDocuments {
  /** Of the template, for messages. */
  name: string;
  /** Canonical NDJSON as `render` gives it. */
  ndjson: string;
}

/**
 * Puts the rendered objects of several templates one after the other. An object that two of them
 * bring is refused with both names: which one would win must not depend on an order.
 */
export function mergeDocuments(
  parts: readonly NamedDocuments[],
  limits: Partial<DocumentLimits> = {},
): Rendered {
  const bounds = { ...defaultDocumentLimits, ...limits };
  const owners = new Map<string, string>();
  const faults: Fault[] = [];
  const lines: string[] = [];
  for (const { name, ndjson } of parts) {
    linesOf(ndjson).forEach((line, index) => {
      const { key, label } = identityOf(parseLine(line, index + 1));
      const owner = owners.get(key);
      owners.set(key, name);
      lines.push(line);
      if (owner === undefined) return;
      const place = owner === name ? `is there twice in "${name}"` : `is in "${owner}" and in "${name}"`;
      faults.push({ code: "duplicate_object", object: label, message: `${label} ${place}.` });
    });
  }
  if (faults.length > 0) throw faultsError(faults);
  checkObjectCount(lines.length, bounds);
  const merged = renderedOf(lines.map((line) => `${line}\n`).join(""), lines.length);
  if (merged.sizeBytes > bounds.maxBytes) throw tooLarge(bounds);
  return merged;
}
