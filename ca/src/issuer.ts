import { X509Certificate, type KeyObject } from "node:crypto";
import { CaError } from "./ca-error.ts";
import { readDer, readOid, splitSequence, type DerElement } from "./der-reader.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { parseOrganizationUri } from "./names.ts";
import { dottedOids } from "./object-identifiers.ts";
import { encodePem } from "./pem.ts";

/** A CA certificate, ready to issue: what the certificates below it copy from it. */
export interface CaCertificate {
  readonly pem: string;
  readonly der: Buffer;
  /** SHA-256 of the certificate, lower-case hex. */
  readonly fingerprint: string;
  /** The subject's DER, which is the issuer name of what it issues, byte for byte. */
  readonly subjectDer: Buffer;
  readonly subjectKeyId: Buffer;
  /** Absent = no bound. */
  readonly pathLength: number | undefined;
  readonly canSignCrls: boolean;
  /** Of an organisation's intermediate; absent for a root and for the CA of the platform's servers. */
  readonly organizationId: string | undefined;
  /** Upper-case hex, as OpenSSL and Node.js print it. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface Issuer extends CaCertificate {
  readonly privateKey: KeyObject;
}

/**
 * Reads a CA certificate that this package, or an operator's own PKI, made.
 * @throws CaError `certificate_malformed`, `issuer_not_a_ca`
 */
export function loadCaCertificate(input: string | Uint8Array): CaCertificate {
  const certificate = parse(input);
  const der = certificate.raw;
  try {
    const { subjectDer, extensions } = readCertificate(der);
    const { pathLength } = readBasicConstraints(extensions);
    const usage = readKeyUsage(extensions);
    if (!usage.has(5)) throw new CaError("issuer_not_a_ca", "The certificate may not sign certificates.");
    return {
      pem: encodePem("CERTIFICATE", der),
      der,
      fingerprint: fingerprintOf(der),
      subjectDer,
      subjectKeyId: readSubjectKeyId(extensions),
      pathLength,
      canSignCrls: usage.has(6),
      organizationId: readOrganization(extensions),
      serial: certificate.serialNumber,
      notBefore: new Date(certificate.validFrom),
      notAfter: new Date(certificate.validTo),
    };
  } catch (error) {
    if (error instanceof CaError) throw error;
    throw new CaError("certificate_malformed", "The CA certificate can't be read.", error);
  }
}

/** Joins certificate and key; throws `issuer_key_mismatch` when they are not a pair. */
export function createIssuer(certificate: CaCertificate | string, privateKey: KeyObject): Issuer {
  const ca = typeof certificate === "string" ? loadCaCertificate(certificate) : certificate;
  if (!parse(ca.der).checkPrivateKey(privateKey)) {
    throw new CaError("issuer_key_mismatch", "The private key does not belong to the CA certificate.");
  }
  return { ...ca, privateKey };
}

function parse(input: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(input);
  } catch (error) {
    throw new CaError("certificate_malformed", "The CA certificate can't be read.", error);
  }
}

function readCertificate(der: Buffer): { subjectDer: Buffer; extensions: ReadonlyMap<string, DerElement> } {
  const toBeSigned = readDer(der).children[0];
  const raw = splitSequence(splitSequence(der)[0] ?? Buffer.alloc(0));
  // version, serial, signature, issuer, validity, subject, key, then the extensions in [3].
  const subjectDer = raw[5];
  const list = toBeSigned?.children.find((element) => element.tag === 0xa3)?.children[0];
  if (subjectDer === undefined || list === undefined)
    throw new Error("An X.509 version 3 certificate was expected.");
  const extensions = new Map<string, DerElement>();
  for (const entry of list.children) {
    const value = entry.children.at(-1);
    if (value?.tag === 0x04) extensions.set(readOid(entry.children[0]), readDer(value.value));
  }
  return { subjectDer, extensions };
}

function readBasicConstraints(extensions: ReadonlyMap<string, DerElement>): {
  pathLength: number | undefined;
} {
  const [isCa, pathLength] = extensions.get(dottedOids.basicConstraints)?.children ?? [];
  if (isCa?.tag !== 0x01 || isCa.value[0] !== 0xff)
    throw new CaError("issuer_not_a_ca", "The certificate is not a CA's.");
  return {
    pathLength:
      pathLength === undefined
        ? undefined
        : pathLength.value.readUIntBE(0, Math.min(4, pathLength.value.length)),
  };
}

function readKeyUsage(extensions: ReadonlyMap<string, DerElement>): ReadonlySet<number> {
  const bytes = extensions.get(dottedOids.keyUsage)?.value.subarray(1) ?? Buffer.alloc(0);
  const bits = Array.from({ length: bytes.length * 8 }, (_, bit) => bit);
  return new Set(bits.filter((bit) => bytes.readUInt8(bit >> 3) & (0x80 >> (bit & 7))));
}

/** The one URI among the alternative names, if it names an organisation and nothing stands beside it. */
function readOrganization(extensions: ReadonlyMap<string, DerElement>): string | undefined {
  const [name, ...others] = extensions.get(dottedOids.subjectAltName)?.children ?? [];
  return name?.tag === 0x86 && others.length === 0
    ? parseOrganizationUri(name.value.toString("latin1"))
    : undefined;
}

function readSubjectKeyId(extensions: ReadonlyMap<string, DerElement>): Buffer {
  const keyId = extensions.get(dottedOids.subjectKeyIdentifier);
  if (keyId?.tag !== 0x04 || keyId.value.length === 0) {
    throw new CaError("certificate_malformed", "The CA certificate has no subject key identifier.");
  }
  return keyId.value;
}
