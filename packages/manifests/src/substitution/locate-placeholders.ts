import type { ManifestFile } from "../files/manifest-file.ts";
import { firstLineWith } from "../kustomize/source-index.ts";
import { faultsError, faultsOf, quoted, type Fault } from "../manifest-fault.ts";

/**
 * Placeholders are found in rendered objects, which have no lines of their own: gives each fault of `error` the
 * first file and line of the sources that hold its text. Any other error comes back as it is.
 */
export function locatePlaceholders(error: unknown, files: readonly ManifestFile[]): unknown {
  const faults = faultsOf(error);
  if (!faults.some(isPlaceless)) return error;
  return faultsError(faults.map((fault) => (isPlaceless(fault) ? located(fault, files) : fault)));
}

function isPlaceless({ file, entry }: Fault): boolean {
  return file === undefined && entry?.startsWith("${") === true;
}

function located(fault: Fault, files: readonly ManifestFile[]): Fault {
  const place = firstLineWith(files, fault.entry ?? "");
  if (place === undefined) return fault;
  return { ...fault, ...place, message: `${quoted(place.file)}, line ${place.line}: ${fault.message}` };
}
