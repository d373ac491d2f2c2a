import { createPublicKey, type KeyObject } from "node:crypto";
import { CaError, type CaErrorCode } from "./ca-error.ts";
import { readBitString, readDer, readOid, type DerElement } from "./der-reader.ts";
import { dottedOids } from "./object-identifiers.ts";
import { hasRocaFingerprint, hasSmallFactor } from "./rsa-weakness.ts";

/** What kind of key it is, for people and for statistics. */
export type KeyType = "ec-p256" | "ec-p384" | `rsa-${number}`;

export interface CheckedPublicKey {
  readonly publicKey: KeyObject;
  readonly keyType: KeyType;
  /** The SubjectPublicKeyInfo as it goes into the certificate. */
  readonly subjectPublicKeyInfo: Buffer;
}

/** Beyond 4096 bits each verification costs the platform more than the key is worth. */
const rsaBits = { min: 2048, max: 4096 } as const;
/** FIPS 186-5: e is odd, above 2^16 and below 2^256. */
const rsaExponent = { min: 65_537n, below: 1n << 256n } as const;

const curves: Readonly<Record<string, { keyType: KeyType; pointBytes: number }>> = {
  [dottedOids.prime256v1]: { keyType: "ec-p256", pointBytes: 65 },
  [dottedOids.secp384r1]: { keyType: "ec-p384", pointBytes: 97 },
};

/**
 * Admits P-256 and P-384 on a named curve with an uncompressed point, and RSA of 2048 to 4096 bits with a
 * sane exponent and no known weakness. RSA numbers are judged before OpenSSL computes with them.
 * @param der a SubjectPublicKeyInfo that passed, or is part of what passed, `readDer`
 * @throws CaError `key_*`
 */
export function checkPublicKey(der: Buffer): CheckedPublicKey {
  const { algorithm, parameters, keyBits } = guard(() => readKeyInfo(der));
  if (algorithm === dottedOids.ecPublicKey) {
    const keyType = checkCurve(parameters, keyBits);
    return { publicKey: importKey(der), keyType, subjectPublicKeyInfo: der };
  }
  if (algorithm === dottedOids.rsaEncryption) {
    if (parameters?.tag !== 0x05) throw new CaError("key_malformed", "An RSA key must have NULL parameters.");
    const keyType = checkRsa(keyBits);
    return { publicKey: importKey(der), keyType, subjectPublicKeyInfo: der };
  }
  throw new CaError(
    "key_type_unsupported",
    "The key must be ECDSA (P-256 or P-384) or RSA (2048 to 4096 bits).",
  );
}

/** The same policy for a key that is already a key object. */
export function checkKeyObject(key: KeyObject): CheckedPublicKey {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  if (publicKey.type !== "public") throw new CaError("key_type_unsupported", "A public key is needed.");
  return checkPublicKey(publicKey.export({ type: "spki", format: "der" }));
}

function readKeyInfo(der: Buffer): {
  algorithm: string;
  parameters: DerElement | undefined;
  keyBits: Buffer;
} {
  const info = readDer(der);
  const [identifier, bits] = info.children;
  if (info.tag !== 0x30 || info.children.length !== 2)
    throw new Error("A SubjectPublicKeyInfo was expected.");
  if (identifier?.tag !== 0x30 || identifier.children.length > 2)
    throw new Error("An algorithm was expected.");
  return {
    algorithm: readOid(identifier.children[0]),
    parameters: identifier.children[1],
    keyBits: readBitString(bits),
  };
}

function checkCurve(parameters: DerElement | undefined, point: Buffer): KeyType {
  if (parameters?.tag !== 0x06) {
    throw new CaError(
      "key_curve_unsupported",
      "The curve must be named, P-256 or P-384; explicit parameters are refused.",
    );
  }
  const curve = curves[guard(() => readOid(parameters))];
  if (curve === undefined) throw new CaError("key_curve_unsupported", "The curve must be P-256 or P-384.");
  if (point.length !== curve.pointBytes || point[0] !== 0x04) {
    throw new CaError("key_malformed", "The public point must be uncompressed and of the curve's size.");
  }
  return curve.keyType;
}

function checkRsa(keyBits: Buffer): KeyType {
  const { modulus, exponent } = guard(() => readRsaNumbers(keyBits));
  const bits = modulus.toString(2).length;
  if (bits < rsaBits.min)
    throw new CaError(
      "key_rsa_too_small",
      `The RSA key has ${bits} bits; at least ${rsaBits.min} are needed.`,
    );
  if (bits > rsaBits.max)
    throw new CaError(
      "key_rsa_too_large",
      `The RSA key has ${bits} bits; at most ${rsaBits.max} are accepted.`,
    );
  if (exponent < rsaExponent.min || exponent >= rsaExponent.below || exponent % 2n === 0n) {
    throw new CaError("key_rsa_exponent", "The RSA exponent must be odd, at least 65537 and below 2^256.");
  }
  if (hasSmallFactor(modulus)) throw new CaError("key_rsa_weak", "The RSA modulus has a small factor.");
  if (hasRocaFingerprint(modulus)) {
    throw new CaError(
      "key_rsa_weak",
      "The RSA key was made by a generator with a known fault (CVE-2017-15361).",
    );
  }
  return `rsa-${bits}`;
}

function readRsaNumbers(keyBits: Buffer): { modulus: bigint; exponent: bigint } {
  // Twice the largest accepted modulus: larger numbers are not worth turning into a bigint.
  if (keyBits.length > 2048)
    throw new CaError("key_rsa_too_large", `At most ${rsaBits.max} bits are accepted.`);
  const key = readDer(keyBits);
  const [modulus, exponent] = key.children.map(readPositiveInteger);
  if (key.tag !== 0x30 || key.children.length !== 2 || modulus === undefined || exponent === undefined) {
    throw new Error("An RSAPublicKey was expected.");
  }
  return { modulus, exponent };
}

function readPositiveInteger(element: DerElement): bigint {
  const first = element.value[0];
  if (element.tag !== 0x02 || first === undefined || first >= 0x80)
    throw new Error("A positive integer was expected.");
  return BigInt(`0x${element.value.toString("hex")}`);
}

function importKey(der: Buffer): KeyObject {
  return guard(() => createPublicKey({ key: der, format: "der", type: "spki" }));
}

function guard<T>(read: () => T, code: CaErrorCode = "key_malformed"): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof CaError) throw error;
    throw new CaError(code, "The public key can't be read.", error);
  }
}
