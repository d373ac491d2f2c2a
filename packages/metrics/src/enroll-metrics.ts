import { oncePerTurn, type Readings } from "./readings.ts";

/** `numbers()` of enrolment. */
export interface EnrollNumbers {
  /** Since the start of the process. */
  outcomes: readonly { operation: string; outcome: string; count: number }[];
  /** Of what the platform signs with and shows: the one of its kind that ends first. */
  certificateEnds: readonly { kind: string; notAfter: Date }[];
}

export function watchEnroll(readings: Readings, readAll: () => Promise<EnrollNumbers>): void {
  const read = oncePerTurn(readAll);
  readings.counter({
    name: "rciots_enrolments_total",
    help: "Enrolments, recoveries and renewals, by approved, pending, or the code of the refusal.",
    label: ["operation", "outcome"],
    read: async () => {
      const { outcomes } = await read();
      return outcomes.map(({ operation, outcome, count }) => [[operation, outcome], count]);
    },
  });
  readings.gauge({
    name: "rciots_certificate_not_after_seconds",
    help: "When the first certificate of its kind ends, in seconds since 1970: root, server and organization are issuers, endpoint the one of the enrolment endpoint.",
    label: ["kind"],
    read: async () => {
      const { certificateEnds } = await read();
      return certificateEnds.map(({ kind, notAfter }) => [[kind], notAfter.getTime() / 1_000]);
    },
  });
}
