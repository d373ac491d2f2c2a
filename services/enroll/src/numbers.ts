import { X509Certificate } from "node:crypto";
import type { TlsSource } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import type { EnrollNumbers } from "./enroll.ts";
import type { Outcomes } from "./outcomes.ts";

const kinds = ["root", "server", "organization"] as const;

/** What is told to who watches enrolment. */
export function createNumbers(options: {
  store: Pick<Store, "authorities">;
  outcomes: Outcomes;
  /** Of the enrolment endpoint. */
  tls: TlsSource;
}): () => Promise<EnrollNumbers> {
  const { store, outcomes, tls } = options;
  return async () => {
    const found = await Promise.all(
      kinds.map(async (kind) => ({ kind, notAfter: await store.authorities.firstEnd(kind) })),
    );
    const issuers = found.flatMap(({ kind, notAfter }) =>
      notAfter === undefined ? [] : [{ kind, notAfter }],
    );
    const endpoint = new Date(new X509Certificate(tls.current().cert).validTo);
    return {
      outcomes: outcomes.list(),
      certificateEnds: [...issuers, { kind: "endpoint", notAfter: endpoint }],
    };
  };
}
