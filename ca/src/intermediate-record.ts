/** Who issues for an organisation, over time; persistence is the caller's. */
export interface IntermediateRecord {
  /** SHA-256 of the certificate, lower-case hex; what the verifier reports as the issuer. */
  readonly id: string;
  readonly organizationId: string;
  readonly certificatePem: string;
  /** The private key as the sealer of this organisation wrote it. */
  readonly sealedKey: string;
  /**
   * `issuing`: makes new certificates, at most one per organisation. `accepted`: makes none, those it made
   * stay valid. `retired`: nothing it made is accepted any more.
   */
  readonly status: "issuing" | "accepted" | "retired";
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** When the status last changed. */
  readonly statusSince: Date;
}

/** The issuing one; undefined when there is none. */
export function findIssuing(records: readonly IntermediateRecord[]): IntermediateRecord | undefined {
  return records.find((record) => record.status === "issuing");
}

/** Ids of all whose certificates a verifier has to accept at `now`. */
export function acceptedIds(records: readonly IntermediateRecord[], now: Date): ReadonlySet<string> {
  return new Set(
    records
      .filter((record) => record.status !== "retired" && now <= record.notAfter)
      .map((record) => record.id),
  );
}

/**
 * True when a new intermediate is due: no usable one is issuing, or the rest of its life is shorter than
 * two device certificates, so that no device gets a shortened one.
 */
export function isRotationDue(
  records: readonly IntermediateRecord[],
  options: { now: Date; deviceValidityMs: number },
): boolean {
  const issuing = findIssuing(records);
  return (
    issuing === undefined || issuing.notAfter.getTime() - options.now.getTime() < 2 * options.deviceValidityMs
  );
}

/** Puts a new issuing record in front; the present one becomes `accepted`. Returns the whole new state. */
export function promote(
  records: readonly IntermediateRecord[],
  next: IntermediateRecord,
  now: Date,
): IntermediateRecord[] {
  const demoted = records.map((record) =>
    record.status === "issuing" ? { ...record, status: "accepted" as const, statusSince: now } : record,
  );
  return [next, ...demoted];
}

/** Retires one by id, for example after its key was exposed: its devices have to recover. */
export function retire(records: readonly IntermediateRecord[], id: string, now: Date): IntermediateRecord[] {
  return records.map((record) =>
    record.id === id && record.status !== "retired"
      ? { ...record, status: "retired", statusSince: now }
      : record,
  );
}

/** Retires all that have expired. */
export function retireExpired(records: readonly IntermediateRecord[], now: Date): IntermediateRecord[] {
  return records.map((record) =>
    record.status !== "retired" && record.notAfter < now
      ? { ...record, status: "retired", statusSince: now }
      : record,
  );
}
