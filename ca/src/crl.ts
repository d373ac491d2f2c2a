import { CaError } from "./ca-error.ts";
import { authorityKeyIdentifier, extension, signedObject } from "./certificate-extensions.ts";
import { constructed, enumerated, integer, sequence, time, unsignedInteger } from "./der-writer.ts";
import type { Issuer } from "./issuer.ts";
import { oids } from "./object-identifiers.ts";
import { encodePem } from "./pem.ts";
import { signatureAlgorithmFor, signWith } from "./signature-algorithm.ts";

/** RFC 5280, 5.3.1; those that make sense for whole, direct lists. */
const reasonCodes = {
  unspecified: 0,
  keyCompromise: 1,
  caCompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
} as const;
export type RevocationReason = keyof typeof reasonCodes;

export interface RevokedCertificate {
  /** Hex, at most 20 bytes. */
  readonly serial: string;
  readonly revokedAt: Date;
  readonly reason?: RevocationReason;
}

export interface CrlOptions {
  issuer: Issuer;
  /** In any order; of several entries for one serial the first counts. */
  entries: Iterable<RevokedCertificate>;
  /** Grows with each list of the issuer; at most 20 bytes. */
  number: number | bigint;
  nextUpdate: Date;
  now?: Date;
}

export interface Crl {
  readonly der: Buffer;
  readonly pem: string;
  readonly entryCount: number;
}

/** Entries encoded between two turns of the event loop: about 10 ms. */
const entriesPerTurn = 2_000;

/**
 * A complete version 2 CRL of one CA. Yields to the event loop while it encodes, because lists may be long.
 * @throws CaError `crl_invalid` for a bad serial, date, number, or an issuer that may not sign lists
 */
export async function buildCrl({
  issuer,
  entries,
  number,
  nextUpdate,
  now = new Date(),
}: CrlOptions): Promise<Crl> {
  checkCrl({ issuer, number, nextUpdate, now });
  const revoked = await encodeEntries(entries);
  const algorithm = signatureAlgorithmFor(issuer.privateKey).der;
  const extensions = sequence(
    authorityKeyIdentifier(issuer.subjectKeyId),
    extension(oids.crlNumber, integer(number)),
  );
  const toBeSigned = sequence(
    integer(1),
    algorithm,
    issuer.subjectDer,
    time(now),
    time(nextUpdate),
    // An empty list is left out: the sequence, where present, has to have entries.
    ...(revoked.length === 0 ? [] : [sequence(...revoked)]),
    constructed(0, extensions),
  );
  const der = signedObject(toBeSigned, algorithm, signWith(issuer.privateKey, toBeSigned));
  return { der, pem: encodePem("X509 CRL", der), entryCount: revoked.length };
}

function checkCrl({ issuer, number, nextUpdate, now }: Required<Omit<CrlOptions, "entries">>): void {
  if (!issuer.canSignCrls)
    throw new CaError("crl_invalid", "The CA's certificate does not allow it to sign CRLs.");
  const isWhole = typeof number === "bigint" || Number.isSafeInteger(number);
  if (!isWhole || number < 0 || BigInt(number) >= 1n << 159n) {
    throw new CaError("crl_invalid", "The CRL number must be a whole number from 0 to below 2^159.");
  }
  if (!(nextUpdate > now)) throw new CaError("crl_invalid", "The next update must lie after this one.");
}

async function encodeEntries(entries: Iterable<RevokedCertificate>): Promise<Buffer[]> {
  const encoded = new Map<string, Buffer>();
  let sinceYield = 0;
  for (const entry of entries) {
    const serial = entry.serial.toUpperCase();
    if (!encoded.has(serial)) encoded.set(serial, encodeEntry(serial, entry));
    sinceYield += 1;
    if (sinceYield % entriesPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return [...encoded.values()];
}

/** The same few for a whole list; of "unspecified" the standard says nothing (5.3.1). */
const reasonExtensions: ReadonlyMap<string, readonly Buffer[]> = new Map(
  Object.entries(reasonCodes).map(([reason, code]) => {
    const isSaid = code !== reasonCodes.unspecified;
    return [reason, isSaid ? [sequence(extension(oids.crlReason, enumerated(code)))] : []];
  }),
);

function encodeEntry(serial: string, { revokedAt, reason = "unspecified" }: RevokedCertificate): Buffer {
  const reasonExtension = reasonExtensions.get(reason);
  if (
    !/^(?:[0-9A-F]{2}){1,20}$/.test(serial) ||
    Number.isNaN(revokedAt.getTime()) ||
    reasonExtension === undefined
  ) {
    throw new CaError("crl_invalid", "A revocation has an invalid serial, date or reason.");
  }
  return sequence(unsignedInteger(Buffer.from(serial, "hex")), time(revokedAt), ...reasonExtension);
}
