import type { CertificateRenewer } from "@rciots/runtime";
import { isAppError } from "@rciots/runtime";

export type Operation = "enroll" | "recover" | "renew";

/** How enrolments, recoveries and renewals ended, since the start. */
export interface Outcomes {
  /** `outcome` is `approved`, `pending`, or the code of a refusal: a closed set each. */
  count(operation: Operation, outcome: string): void;
  countError(operation: Operation, error: unknown): void;
  list(): { operation: Operation; outcome: string; count: number }[];
}

export function createOutcomes(): Outcomes {
  const counts = new Map<string, { operation: Operation; outcome: string; count: number }>();
  function entryOf(operation: Operation, outcome: string) {
    const key = `${operation} ${outcome}`;
    const entry = counts.get(key) ?? { operation, outcome, count: 0 };
    counts.set(key, entry);
    return entry;
  }
  // There from the start, so that a rate has a beginning.
  for (const operation of ["enroll", "recover", "renew"] as const) entryOf(operation, "approved");
  const count = (operation: Operation, outcome: string): void =>
    void (entryOf(operation, outcome).count += 1);
  return {
    count,
    countError: (operation, error) => count(operation, isAppError(error) ? error.code : "error"),
    list: () => [...counts.values()].map((entry) => ({ ...entry })),
  };
}

/** Counts what becomes of renewals. */
export function countRenewals(renewer: CertificateRenewer, outcomes: Outcomes): CertificateRenewer {
  return {
    async renew(request) {
      try {
        const issued = await renewer.renew(request);
        outcomes.count("renew", "approved");
        return issued;
      } catch (error) {
        outcomes.countError("renew", error);
        throw error;
      }
    },
  };
}
