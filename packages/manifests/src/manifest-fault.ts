import { AppError } from "@rciots/runtime";

/** One thing that is wrong with what an operator gave, and where. */
export interface Fault {
  /** Stable, snake_case. */
  code: string;
  /** One sentence that names the place; safe to show. */
  message: string;
  file?: string;
  /** 1-based. */
  line?: number;
  /** 1-based. */
  column?: number;
  /** The text of the kustomization entry, annotation or placeholder at fault. */
  entry?: string;
  /** `Kind/name` or `Kind/namespace/name`. */
  object?: string;
}

/** More faults than this are counted, not listed. */
const maxListedFaults = 50;

/**
 * Makes one error of all faults found: its code and message are the first fault's, the rest is in
 * `details.faults`. `faults` must not be empty.
 */
export function faultsError(faults: readonly Fault[], status = 400): AppError {
  const [first] = faults;
  if (first === undefined) throw new Error("faultsError needs a fault");
  const others = faults.length - 1;
  const message = others === 0 ? first.message : `${first.message} (and ${others} more)`;
  return new AppError({
    code: first.code,
    status,
    message,
    details: { faults: faults.slice(0, maxListedFaults), faultCount: faults.length },
  });
}

export function throwFaults(faults: readonly Fault[], status?: number): void {
  if (faults.length > 0) throw faultsError(faults, status);
}

/** The faults an error of this package lists; empty for any other error. */
export function faultsOf(error: unknown): readonly Fault[] {
  if (!(error instanceof AppError)) return [];
  const faults = error.details?.["faults"];
  return Array.isArray(faults) ? (faults as Fault[]) : [];
}

/** Outside text inside a message: one line, bounded, no control characters. */
export function quoted(text: string, maxLength = 120): string {
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
  return `"${line.length > maxLength ? `${line.slice(0, maxLength)}...` : line}"`;
}
