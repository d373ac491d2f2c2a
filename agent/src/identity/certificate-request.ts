import { createPrivateKey, createPublicKey, generateKeyPair, sign } from "node:crypto";
import { promisify } from "node:util";

const generate = promisify(generateKeyPair);

const tags = { integer: 0x02, bitString: 0x03, oid: 0x06, utf8String: 0x0c, sequence: 0x30, set: 0x31 };
/** [0], constructed: where the attributes of a request stand. */
const attributesTag = 0xa0;
// Object identifiers, already in DER: 2.5.4.3 and 1.2.840.10045.4.3.2.
const commonName = Buffer.from([0x55, 0x04, 0x03]);
const ecdsaWithSha256 = Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]);

/** Definite length, as DER wants it: one byte under 128, otherwise the count of length bytes first. */
function derLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

function der(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), derLength(body.length), body]);
}

function pem(label: string, body: Buffer): string {
  const lines = body.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** A new P-256 private key in PEM (PKCS #8). */
export async function createDeviceKey(): Promise<string> {
  const { privateKey } = await generate("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/**
 * A certificate signing request (PKCS #10, RFC 2986) in PEM for a P-256 key, signed with ECDSA and SHA-256.
 * The subject holds the name alone: who the device is, the platform decides and writes into the certificate.
 */
export function createCertificateRequest({ privateKey, name }: { privateKey: string; name: string }): string {
  const key = createPrivateKey(privateKey);
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" });
  const attribute = der(tags.sequence, der(tags.oid, commonName), der(tags.utf8String, Buffer.from(name)));
  const information = der(
    tags.sequence,
    der(tags.integer, Buffer.from([0])),
    der(tags.sequence, der(tags.set, attribute)),
    publicKey,
    der(attributesTag),
  );
  const signature = sign("sha256", information, { key, dsaEncoding: "der" });
  // The first byte of a bit string counts its unused bits.
  const signatureBits = der(tags.bitString, Buffer.from([0]), signature);
  const algorithm = der(tags.sequence, der(tags.oid, ecdsaWithSha256));
  return pem("CERTIFICATE REQUEST", der(tags.sequence, information, algorithm, signatureBits));
}

/** The public key of a private key or a certificate, for telling whether the two belong together. */
export function publicKeyOf(pemText: string): Buffer {
  return createPublicKey(pemText).export({ type: "spki", format: "der" });
}
