import { createHash } from "node:crypto";
import { CaError } from "./ca-error.ts";
import { keyUsageBits, type CertificateProfile } from "./certificate-profile.ts";
import {
  bitString,
  constructed,
  derTrue,
  integer,
  namedBits,
  octetString,
  primitive,
  sequence,
} from "./der-writer.ts";
import { encodeOrganizationSubtree, generalName } from "./names.ts";
import { oids } from "./object-identifiers.ts";

export function extension(oid: Buffer, value: Uint8Array, { critical = false } = {}): Buffer {
  return critical ? sequence(oid, derTrue, octetString(value)) : sequence(oid, octetString(value));
}

/** RFC 7093, method 1: the leftmost 160 bits of the SHA-256 of the public key bits. */
export function keyIdentifierOf(publicKeyBits: Uint8Array): Buffer {
  return createHash("sha256").update(publicKeyBits).digest().subarray(0, 20);
}

export const subjectKeyIdentifier = (keyId: Uint8Array): Buffer =>
  extension(oids.subjectKeyIdentifier, octetString(keyId));

export const authorityKeyIdentifier = (keyId: Uint8Array): Buffer =>
  extension(oids.authorityKeyIdentifier, sequence(primitive(0, keyId)));

/** What follows from the profile alone. */
export function profileExtensions(profile: CertificateProfile): Buffer[] {
  const pathLength = profile.pathLength === undefined ? [] : [integer(profile.pathLength)];
  const constraints = profile.isCa ? sequence(derTrue, ...pathLength) : sequence();
  const usage = namedBits(profile.keyUsage.map((name) => keyUsageBits[name]));
  const extensions = [
    extension(oids.basicConstraints, constraints, { critical: true }),
    extension(oids.keyUsage, usage, { critical: true }),
  ];
  if (profile.extendedKeyUsage.length > 0) {
    const purposes = sequence(...profile.extendedKeyUsage.map((name) => oids[name]));
    extensions.push(extension(oids.extendedKeyUsage, purposes));
  }
  return extensions;
}

/** Critical where the subject is empty (RFC 5280, 4.2.1.6). */
export const subjectAltName = (names: readonly Uint8Array[], options?: { critical: boolean }): Buffer =>
  extension(oids.subjectAltName, sequence(...names), options);

/**
 * Binds an organisation's intermediate to names that begin with O=<organisation> and forbids it DNS and IP
 * names, so that OpenSSL itself refuses a device of another organisation. There is no URI constraint: it
 * would reach only the host part, which is "org" for everybody. That the path of the URI names the same
 * organisation is for the verifier to check.
 */
export function organizationNameConstraints(organizationId: string): Buffer {
  const permitted = [generalName.directory(encodeOrganizationSubtree(organizationId))];
  const everyHost = [generalName.dns(""), generalName.ip(Buffer.alloc(8)), generalName.ip(Buffer.alloc(32))];
  const subtrees = (names: readonly Buffer[]): Buffer[] => names.map((name) => sequence(name));
  const value = sequence(constructed(0, ...subtrees(permitted)), constructed(1, ...subtrees(everyHost)));
  return extension(oids.nameConstraints, value, { critical: true });
}

export function crlDistributionPoint(url: string): Buffer {
  const isPlain = /^https?:\/\/[\x21-\x7e]{1,1000}$/.test(url) && URL.canParse(url);
  if (!isPlain)
    throw new CaError(
      "name_invalid",
      "The CRL's address must be an HTTP or HTTPS URL of at most 1000 characters.",
    );
  const fullName = constructed(0, constructed(0, generalName.uri(url)));
  return extension(oids.crlDistributionPoints, sequence(sequence(fullName)));
}

/** A signed object: what is signed, the algorithm, the signature. */
export function signedObject(toBeSigned: Uint8Array, algorithm: Uint8Array, signature: Uint8Array): Buffer {
  return sequence(toBeSigned, algorithm, bitString(signature));
}
