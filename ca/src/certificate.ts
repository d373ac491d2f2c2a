import { randomBytes, type KeyObject } from "node:crypto";
import { CaError } from "./ca-error.ts";
import {
  authorityKeyIdentifier,
  keyIdentifierOf,
  profileExtensions,
  signedObject,
  subjectKeyIdentifier,
} from "./certificate-extensions.ts";
import { backdateMs, type CertificateProfile } from "./certificate-profile.ts";
import { constructed, integer, sequence, time, unsignedInteger } from "./der-writer.ts";
import { readBitString, readDer } from "./der-reader.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { CaCertificate, Issuer } from "./issuer.ts";
import { encodeName, type DistinguishedName } from "./names.ts";
import { encodePem } from "./pem.ts";
import { signatureAlgorithmFor, signWith } from "./signature-algorithm.ts";

export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly der: Buffer;
  /** Upper-case hex, as OpenSSL and Node.js print it; 40 digits. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SHA-256 of the certificate, lower-case hex. */
  readonly fingerprint: string;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface BuildCertificateOptions {
  profile: CertificateProfile;
  subject: DistinguishedName;
  /** A SubjectPublicKeyInfo that the key policy admitted. */
  subjectPublicKeyInfo: Buffer;
  validity: Validity;
  /** Complete extensions beside those that follow from profile and keys. */
  extensions?: readonly Buffer[];
  /** Absent = self-signed with `selfKey`. */
  issuer?: Issuer;
  selfKey?: KeyObject;
}

const version3 = constructed(0, integer(2));

/** 20 bytes, the first bit clear and the second set: positive, of one length, 158 bits of chance. */
export function newSerial(): Buffer {
  const serial = randomBytes(20);
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0);
  return serial;
}

/** Encodes and signs one certificate. Which names it carries is the caller's business. */
export function buildCertificate(options: BuildCertificateOptions): IssuedCertificate {
  const { profile, subjectPublicKeyInfo, validity, issuer } = options;
  const signingKey = issuer?.privateKey ?? options.selfKey;
  if (signingKey === undefined) throw new CaError("issuer_key_mismatch", "There is no key to sign with.");
  const serial = newSerial();
  const subject = encodeName(options.subject);
  const keyId = keyIdentifierOf(readBitString(readDer(subjectPublicKeyInfo).children[1]));
  const extensions = [
    ...profileExtensions(profile),
    subjectKeyIdentifier(keyId),
    authorityKeyIdentifier(issuer?.subjectKeyId ?? keyId),
    ...(options.extensions ?? []),
  ];
  const algorithm = signatureAlgorithmFor(signingKey).der;
  const toBeSigned = sequence(
    version3,
    unsignedInteger(serial),
    algorithm,
    issuer?.subjectDer ?? subject,
    sequence(time(validity.notBefore), time(validity.notAfter)),
    subject,
    subjectPublicKeyInfo,
    constructed(3, sequence(...extensions)),
  );
  const der = signedObject(toBeSigned, algorithm, signWith(signingKey, toBeSigned));
  return {
    certificatePem: encodePem("CERTIFICATE", der),
    der,
    serial: serial.toString("hex").toUpperCase(),
    ...validity,
    fingerprint: fingerprintOf(der),
  };
}

export interface ValidityOptions {
  profile: CertificateProfile;
  now: Date;
  /** Absent = the profile's. */
  validityMs?: number | undefined;
  issuer?: CaCertificate;
}

/**
 * Back-dated, in whole seconds, and inside the issuer's own validity at both ends.
 * @throws CaError `validity_invalid` for a length outside the profile's bounds, `issuer_expired`
 */
export function chooseValidity({
  profile,
  now,
  validityMs = profile.lifetimeMs,
  issuer,
}: ValidityOptions): Validity {
  if (!Number.isFinite(validityMs) || validityMs < 1000 || validityMs > profile.maxLifetimeMs) {
    throw new CaError(
      "validity_invalid",
      `The validity must be from 1 second to ${profile.maxLifetimeMs / 1000} seconds.`,
    );
  }
  const wholeSeconds = (ms: number): Date => new Date(Math.floor(ms / 1000) * 1000);
  const from = now.getTime() - backdateMs;
  const to = now.getTime() + validityMs;
  if (issuer === undefined) return { notBefore: wholeSeconds(from), notAfter: wholeSeconds(to) };
  if (now >= issuer.notAfter || now < issuer.notBefore) {
    throw new CaError("issuer_expired", "The issuing CA's certificate is not valid at this time.");
  }
  return {
    notBefore: wholeSeconds(Math.max(from, issuer.notBefore.getTime())),
    notAfter: wholeSeconds(Math.min(to, issuer.notAfter.getTime())),
  };
}
