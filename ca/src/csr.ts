import { createHash, verify, type KeyObject } from "node:crypto";
import { CaError } from "./ca-error.ts";
import { readBitString, readDer, readOid, splitSequence, type DerElement } from "./der-reader.ts";
import { decodePem, PemError, type PemFault } from "./pem.ts";
import { checkPublicKey, type CheckedPublicKey, type KeyType } from "./public-key.policy.ts";
import { requestSignatures } from "./signature-algorithm.ts";

/** Enough for an RSA 4096 request with attributes, in PEM. */
export const maxCsrBytes = 16 * 1024;

export interface CsrAttribute {
  /** Dotted. */
  readonly oid: string;
  /** At most 256 characters; as the client wrote it, so never to be trusted or put into a certificate. */
  readonly value: string;
}

export interface Csr {
  readonly publicKey: KeyObject;
  readonly keyType: KeyType;
  readonly subjectPublicKeyInfo: Buffer;
  /** SHA-256 of the SubjectPublicKeyInfo, hex: tells whether a renewal brings a new key. */
  readonly publicKeySha256: string;
  /** What the client calls itself, for logs and screens only. */
  readonly subject: readonly CsrAttribute[];
}

/**
 * Reads and judges a PKCS#10 request (RFC 2986): size, form, key, and proof that the client holds the key.
 * Names and extensions in it have no effect; the platform chooses those of the certificate.
 * @param input PEM text, or PEM or DER bytes
 * @throws CaError `csr_*` or `key_*`, each with a message for the client
 */
export function parseCsr(input: string | Uint8Array): Csr {
  const der = toDer(input);
  const request = readStructure(der);
  const key = checkPublicKey(request.subjectPublicKeyInfo);
  checkProofOfPossession(request, key);
  return {
    ...key,
    publicKeySha256: createHash("sha256").update(key.subjectPublicKeyInfo).digest("hex"),
    subject: request.subject,
  };
}

const pemFaults: Readonly<Record<PemFault, () => CaError>> = {
  several_blocks: () => new CaError("csr_several_blocks", "The request must be a single PEM block."),
  outside_text: () => new CaError("csr_trailing_data", "There is text after the PEM block."),
  no_block: () => new CaError("csr_pem_invalid", "No PEM block was found at the start of the text."),
  bad_base64: () => new CaError("csr_pem_invalid", "The PEM block holds invalid base64."),
  unterminated: () =>
    new CaError("csr_pem_invalid", "The PEM block has no end line that matches its first line."),
};

function toDer(input: string | Uint8Array): Buffer {
  if (input.length > maxCsrBytes) {
    throw new CaError("csr_too_large", `The request is larger than ${maxCsrBytes} bytes.`);
  }
  // A DER request is a SEQUENCE, and its first byte is "0", which no PEM text starts with.
  if (typeof input !== "string" && input[0] === 0x30) return Buffer.from(input);
  const text = typeof input === "string" ? input : Buffer.from(input).toString("latin1");
  try {
    const { label, der } = decodePem(text);
    if (label === "CERTIFICATE REQUEST" || label === "NEW CERTIFICATE REQUEST") return der;
    throw new CaError("csr_pem_invalid", `The PEM block is a "${label}", not a certificate request.`);
  } catch (error) {
    throw error instanceof PemError ? pemFaults[error.fault]() : error;
  }
}

interface RequestStructure {
  readonly signedBytes: Buffer;
  readonly subjectPublicKeyInfo: Buffer;
  readonly subject: readonly CsrAttribute[];
  readonly signatureAlgorithm: DerElement;
  readonly signature: Buffer;
}

function readStructure(der: Buffer): RequestStructure {
  try {
    checkOuterLength(der);
    const root = readDer(der);
    const [info, signatureAlgorithm, signatureBits] = root.children;
    const signedBytes = splitSequence(der)[0];
    if (root.tag !== 0x30 || root.children.length !== 3 || info?.tag !== 0x30 || signedBytes === undefined) {
      throw new Error("A CertificationRequest was expected.");
    }
    if (signatureAlgorithm?.tag !== 0x30) throw new Error("A signature algorithm was expected.");
    const { subject, subjectPublicKeyInfo } = readInfo(info, signedBytes);
    return {
      signedBytes,
      subject,
      subjectPublicKeyInfo,
      signatureAlgorithm,
      signature: readBitString(signatureBits),
    };
  } catch (error) {
    if (error instanceof CaError) throw error;
    throw new CaError(
      "csr_malformed",
      "The request is not a well-formed PKCS#10 certificate request.",
      error,
    );
  }
}

/** Told apart from other damage because concatenated or padded files are a common mistake. */
function checkOuterLength(der: Buffer): void {
  const first = der.length > 1 ? der.readUInt8(1) : 0x80;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 3 || first === 0x80 || der.length < 2 + lengthBytes)
    throw new Error("The length can't be read.");
  const content = lengthBytes === 0 ? first : der.readUIntBE(2, lengthBytes);
  if (2 + lengthBytes + content < der.length) {
    throw new CaError("csr_trailing_data", "There are bytes after the end of the request.");
  }
}

function readInfo(
  info: DerElement,
  infoDer: Buffer,
): Pick<RequestStructure, "subject" | "subjectPublicKeyInfo"> {
  const [version, subject, keyInfo, attributes] = info.children;
  const subjectPublicKeyInfo = splitSequence(infoDer)[2];
  if (
    version?.tag !== 0x02 ||
    subject?.tag !== 0x30 ||
    keyInfo?.tag !== 0x30 ||
    subjectPublicKeyInfo === undefined
  ) {
    throw new Error("A CertificationRequestInfo was expected.");
  }
  if (version.value.length !== 1 || version.value[0] !== 0) {
    throw new CaError("csr_version_unsupported", "The version of the request must be 0.");
  }
  // Attributes are mandatory in RFC 2986, yet some clients leave out the empty set.
  if (info.children.length > 4 || (attributes !== undefined && attributes.tag !== 0xa0)) {
    throw new Error("The attributes can't be read.");
  }
  return { subject: subject.children.flatMap(readRelativeName), subjectPublicKeyInfo };
}

function readRelativeName(relative: DerElement): CsrAttribute[] {
  if (relative.tag !== 0x31 || relative.children.length === 0)
    throw new Error("A relative name was expected.");
  return relative.children.map((attribute) => {
    const [type, value] = attribute.children;
    if (attribute.tag !== 0x30 || attribute.children.length !== 2 || value === undefined) {
      throw new Error("A name attribute was expected.");
    }
    return { oid: readOid(type), value: value.value.toString("utf8").slice(0, 256) };
  });
}

function checkProofOfPossession(request: RequestStructure, key: CheckedPublicKey): void {
  const [oidElement, parameters, ...rest] = request.signatureAlgorithm.children;
  let accepted;
  try {
    accepted = requestSignatures[readOid(oidElement)];
  } catch (error) {
    throw new CaError("csr_malformed", "The signature algorithm can't be read.", error);
  }
  if (accepted === "weak")
    throw new CaError("csr_signature_weak", "The signature must use SHA-256 or stronger.");
  if (accepted === undefined) {
    throw new CaError(
      "csr_signature_unsupported",
      "The signature must be ECDSA or RSA (PKCS #1 v1.5) with SHA-2.",
    );
  }
  if (accepted.keyType !== key.publicKey.asymmetricKeyType) {
    throw new CaError("csr_signature_mismatch", "The signature algorithm does not fit the key.");
  }
  const hasRightParameters = accepted.keyType === "ec" ? parameters === undefined : parameters?.tag === 0x05;
  if (!hasRightParameters || rest.length > 0) {
    throw new CaError("csr_signature_mismatch", "The signature algorithm has wrong parameters.");
  }
  if (!isSignedBy(accepted.hash, request, key.publicKey)) {
    throw new CaError("csr_signature_invalid", "The signature does not prove that the client holds the key.");
  }
}

function isSignedBy(hash: string, request: RequestStructure, publicKey: KeyObject): boolean {
  try {
    return verify(hash, request.signedBytes, publicKey, request.signature);
  } catch {
    return false;
  }
}
