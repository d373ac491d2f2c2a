import { createPublicKey, verify, X509Certificate, type KeyObject } from "node:crypto";
import { AppError } from "./app-error.ts";
import { DerError, readCertificateFields, type CertificateFields } from "./certificate-der.ts";
import { certificateFingerprint } from "./certificate-fingerprint.ts";

/** Why a certificate was refused; the `code` of the AppError (status 401). */
export const deviceCertificateErrorCodes = [
  "certificate_malformed",
  "certificate_unknown_issuer",
  "certificate_bad_signature",
  "certificate_expired",
  "certificate_not_yet_valid",
  "certificate_wrong_usage",
  "certificate_path_too_long",
  "certificate_bad_name",
  "certificate_wrong_organisation",
  "certificate_wrong_device",
  "certificate_issuer_retired",
] as const;
export type DeviceCertificateErrorCode = (typeof deviceCertificateErrorCodes)[number];

export interface DeviceIdentity {
  readonly organizationId: string;
  readonly deviceId: string;
  /** Upper-case hex, as OpenSSL and Node.js print it. */
  readonly serial: string;
  /** SHA-256 of the issuing intermediate, lower-case hex. */
  readonly issuerId: string;
  /** SHA-256 of the device certificate, lower-case hex. */
  readonly fingerprint: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface VerifyDeviceOptions {
  /** DER bytes or PEM text. */
  leaf: Uint8Array | string;
  /**
   * Candidates for the issuer: what the peer presented, and what the store holds for the organisation. A
   * resumed TLS session presents none; intermediates verified before are remembered. At most 16.
   */
  intermediates: readonly (Uint8Array | string)[];
  now?: Date;
  /** What the certificate has to say; absent fields are not compared. */
  expected?: {
    organizationId?: string;
    deviceId?: string;
    /** Intermediates that are not retired, by `issuerId`. */
    issuerIds?: ReadonlySet<string>;
  };
}

export interface DeviceVerifier {
  /** @throws AppError 401 with a DeviceCertificateErrorCode */
  verify(options: VerifyDeviceOptions): DeviceIdentity;
}

export interface DeviceVerifierOptions {
  /** The platform's root certificates, PEM or DER: more than one while the root changes. */
  roots: readonly (Uint8Array | string)[];
  /** Verified intermediates to remember; default 4096, about 4 KB each. */
  maxRemembered?: number;
}

interface Ca extends CertificateFields {
  readonly fingerprint: string;
  readonly publicKey: KeyObject;
}

interface Intermediate extends Ca {
  readonly organizationId: string;
  readonly root: Ca;
}

const maxCertificateBytes = 16 * 1024;
const maxCandidates = 16;
const clientAuth = "2b06010505070302";
const usageBits = { digitalSignature: 0, keyCertSign: 5 } as const;
const uriTag = 0x86;

const id = "[a-z]{2,8}_[0-9A-HJKMNP-TV-Z]{26}";
const deviceUri = new RegExp(`^rciots://org/(${id})/device/(${id})$`);
const organizationUri = new RegExp(`^rciots://org/(${id})$`);

const refuse = (code: DeviceCertificateErrorCode, message: string, cause?: unknown): AppError =>
  new AppError({ code, status: 401, message, cause });

/** Verifies one chain with nothing remembered; for many, make a verifier once. */
export function verifyDeviceChain({
  root,
  ...options
}: VerifyDeviceOptions & { root: Uint8Array | string }): DeviceIdentity {
  return createDeviceVerifier({ roots: [root] }).verify(options);
}

/**
 * Checks device certificates against the platform's PKI: root, one intermediate of an organisation, device.
 * All fields are judged from one strict reading of the DER, whatever the TLS layer has accepted before.
 * Revocation and the state of device and organisation are the caller's to check.
 * @throws AppError when a root can't be read or is not a CA
 */
export function createDeviceVerifier({ roots, maxRemembered = 4096 }: DeviceVerifierOptions): DeviceVerifier {
  const trusted = roots.map(readCa);
  if (trusted.length === 0)
    throw refuse("certificate_unknown_issuer", "There is no root certificate to trust.");
  for (const root of trusted) requireCa(root, "root");
  const memory = createMemory(maxRemembered);

  return {
    verify({ leaf, intermediates, now = new Date(), expected = {} }) {
      const der = toDer(leaf);
      const fields = read(der);
      const issuer = memory.find(fields, now) ?? findIssuer({ fields, intermediates, trusted });
      requireSignature(fields, issuer, "device");
      memory.remember(issuer);
      for (const [what, certificate] of [
        ["root", issuer.root],
        ["intermediate", issuer],
        ["device", fields],
      ] as const) {
        requireValidity(certificate, now, what);
      }
      requireClientUsage(fields);
      const { organizationId, deviceId } = readDeviceName(fields);
      if (organizationId !== issuer.organizationId) {
        throw refuse(
          "certificate_wrong_organisation",
          "The certificate was issued by another organisation's CA.",
        );
      }
      requireExpected({ organizationId, deviceId, issuerId: issuer.fingerprint }, expected);
      return {
        organizationId,
        deviceId,
        serial: fields.serial,
        issuerId: issuer.fingerprint,
        fingerprint: certificateFingerprint(der),
        notBefore: new Date(fields.notBeforeMs),
        notAfter: new Date(fields.notAfterMs),
      };
    },
  };
}

function toDer(input: Uint8Array | string): Buffer {
  if (input.length > maxCertificateBytes)
    throw refuse("certificate_malformed", "The certificate is too large.");
  if (typeof input !== "string") return Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  try {
    return new X509Certificate(input).raw;
  } catch (error) {
    throw refuse("certificate_malformed", "The certificate is not PEM.", error);
  }
}

function read(der: Buffer): CertificateFields {
  try {
    return readCertificateFields(der);
  } catch (error) {
    const reason = error instanceof DerError ? ` ${error.message}` : "";
    throw refuse("certificate_malformed", `The certificate can't be read.${reason}`, error);
  }
}

function readCa(input: Uint8Array | string): Ca {
  // A copy: what is remembered must not change with the caller's memory, nor hold all of it.
  const der = Buffer.from(toDer(input));
  const fields = read(der);
  try {
    const publicKey = createPublicKey({ key: fields.publicKeyInfo, format: "der", type: "spki" });
    return { ...fields, fingerprint: certificateFingerprint(der), publicKey };
  } catch (error) {
    throw refuse("certificate_malformed", "The key of a CA certificate can't be read.", error);
  }
}

function isIssuedBy(certificate: CertificateFields, issuer: CertificateFields): boolean {
  return (
    certificate.issuer.equals(issuer.subject) &&
    certificate.authorityKeyId !== undefined &&
    certificate.authorityKeyId === issuer.subjectKeyId
  );
}

interface FindIssuerOptions {
  fields: CertificateFields;
  intermediates: VerifyDeviceOptions["intermediates"];
  trusted: readonly Ca[];
}

/** The issuing intermediate, verified up to a trusted root. */
function findIssuer({ fields, intermediates, trusted }: FindIssuerOptions): Intermediate {
  if (intermediates.length > maxCandidates)
    throw refuse("certificate_unknown_issuer", "Too many intermediate certificates were presented.");
  const candidates = intermediates.map((input) => ({ input, fields: read(toDer(input)) }));
  const found = candidates.find((candidate) => isIssuedBy(fields, candidate.fields));
  if (found === undefined)
    throw refuse("certificate_unknown_issuer", "The certificate's issuer is not known.");
  const root = trusted.find((candidate) => isIssuedBy(found.fields, candidate));
  if (root === undefined) {
    const isLonger = candidates.some(
      (candidate) => candidate !== found && isIssuedBy(found.fields, candidate.fields),
    );
    if (isLonger)
      throw refuse("certificate_path_too_long", "Only one intermediate may stand between device and root.");
    throw refuse("certificate_unknown_issuer", "The certificate's issuer does not belong to this platform.");
  }
  const ca = readCa(found.input);
  requireSignature(ca, root, "intermediate");
  requireCa(ca, "intermediate");
  if (root.pathLength === 0) throw refuse("certificate_path_too_long", "The root allows no intermediate.");
  if (ca.extendedKeyUsage !== undefined && !ca.extendedKeyUsage.has(clientAuth)) {
    throw refuse("certificate_wrong_usage", "The issuer may not issue client certificates.");
  }
  return { ...ca, root, organizationId: readOrganization(ca) };
}

function requireCa(ca: CertificateFields, what: string): void {
  if (ca.isCa && ca.keyUsage.has(usageBits.keyCertSign)) return;
  throw refuse("certificate_wrong_usage", `The ${what} certificate is not a CA's.`);
}

/** By OID value in hex: the algorithms the platform's CA signs with. */
const algorithms: Readonly<Record<string, { hash: string; keyType: string }>> = {
  "2a8648ce3d040302": { hash: "sha256", keyType: "ec" },
  "2a8648ce3d040303": { hash: "sha384", keyType: "ec" },
  "2a864886f70d01010b": { hash: "sha256", keyType: "rsa" },
};

function requireSignature(certificate: CertificateFields, issuer: Ca, what: string): void {
  const algorithm = algorithms[certificate.signatureOid];
  const fits = algorithm !== undefined && algorithm.keyType === issuer.publicKey.asymmetricKeyType;
  if (!fits || !verify(algorithm.hash, certificate.signedBytes, issuer.publicKey, certificate.signature)) {
    throw refuse(
      "certificate_bad_signature",
      `The signature of the ${what} certificate is not its issuer's.`,
    );
  }
}

function requireValidity({ notBeforeMs, notAfterMs }: CertificateFields, now: Date, what: string): void {
  if (now.getTime() < notBeforeMs)
    throw refuse("certificate_not_yet_valid", `The ${what} certificate is not valid yet.`);
  if (now.getTime() > notAfterMs) throw refuse("certificate_expired", `The ${what} certificate has expired.`);
}

function requireClientUsage({ isCa, keyUsage, extendedKeyUsage }: CertificateFields): void {
  const isLeaf = !isCa && keyUsage.has(usageBits.digitalSignature) && !keyUsage.has(usageBits.keyCertSign);
  if (!isLeaf || extendedKeyUsage?.has(clientAuth) !== true) {
    throw refuse(
      "certificate_wrong_usage",
      "The certificate is not a device's: it is not made for TLS clients.",
    );
  }
}

function readOnlyUri({ altNames }: CertificateFields, pattern: RegExp): RegExpExecArray | undefined {
  const [name, ...others] = altNames;
  return name?.tag === uriTag && others.length === 0 ? (pattern.exec(name.value) ?? undefined) : undefined;
}

function readDeviceName(fields: CertificateFields): { organizationId: string; deviceId: string } {
  const [, organizationId, deviceId] = readOnlyUri(fields, deviceUri) ?? [];
  const names = fields.subjectNames;
  if (
    organizationId === undefined ||
    deviceId === undefined ||
    names?.organization !== organizationId ||
    names.commonName !== deviceId
  ) {
    throw refuse("certificate_bad_name", "The certificate does not name one device and its organisation.");
  }
  return { organizationId, deviceId };
}

function readOrganization(fields: CertificateFields): string {
  const [, organizationId] = readOnlyUri(fields, organizationUri) ?? [];
  if (organizationId === undefined || fields.subjectNames?.organization !== organizationId) {
    throw refuse("certificate_wrong_organisation", "The issuing CA belongs to no organisation.");
  }
  return organizationId;
}

function requireExpected(
  found: { organizationId: string; deviceId: string; issuerId: string },
  expected: NonNullable<VerifyDeviceOptions["expected"]>,
): void {
  if (expected.organizationId !== undefined && expected.organizationId !== found.organizationId) {
    throw refuse("certificate_wrong_organisation", "The certificate belongs to another organisation.");
  }
  if (expected.deviceId !== undefined && expected.deviceId !== found.deviceId) {
    throw refuse("certificate_wrong_device", "The certificate belongs to another device.");
  }
  if (expected.issuerIds?.has(found.issuerId) === false) {
    throw refuse("certificate_issuer_retired", "The CA that issued the certificate is retired.");
  }
}

interface Memory {
  find(leaf: CertificateFields, now: Date): Intermediate | undefined;
  remember(intermediate: Intermediate): void;
}

/**
 * Intermediates that were verified up to a root, by key identifier and name. Only those that signed a
 * device certificate get in, so that a peer can't push others out.
 */
function createMemory(maxCount: number): Memory {
  const remembered = new Map<string, Intermediate>();
  const keyOf = (name: Buffer, keyId: string): string => `${keyId}/${name.toString("latin1")}`;
  return {
    find(leaf, now) {
      if (leaf.authorityKeyId === undefined) return undefined;
      const found = remembered.get(keyOf(leaf.issuer, leaf.authorityKeyId));
      // The same CA may have got a certificate with other dates; then the candidates are looked at anew.
      return found && found.notBeforeMs <= now.getTime() && now.getTime() <= found.notAfterMs
        ? found
        : undefined;
    },
    remember(intermediate) {
      if (intermediate.subjectKeyId === undefined) return;
      const key = keyOf(intermediate.subject, intermediate.subjectKeyId);
      // A Map keeps the order of insertion: putting it in anew makes it the youngest.
      remembered.delete(key);
      remembered.set(key, intermediate);
      const [oldest] = remembered.keys();
      if (remembered.size > maxCount && oldest !== undefined) remembered.delete(oldest);
    },
  };
}
