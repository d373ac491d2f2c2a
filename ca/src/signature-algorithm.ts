import { sign, type KeyObject } from "node:crypto";
import { CaError } from "./ca-error.ts";
import { derNull, sequence } from "./der-writer.ts";
import { dottedOids, oids } from "./object-identifiers.ts";

export interface SignatureAlgorithm {
  /** The AlgorithmIdentifier. */
  readonly der: Buffer;
  readonly hash: "sha256" | "sha384";
}

/** ECDSA has no parameters, RSA has NULL (RFC 5758 3.2, RFC 4055 5). */
const algorithms = {
  p256: { der: sequence(oids.ecdsaWithSha256), hash: "sha256" },
  p384: { der: sequence(oids.ecdsaWithSha384), hash: "sha384" },
  rsa: { der: sequence(oids.sha256WithRsa, derNull), hash: "sha256" },
} as const satisfies Record<string, SignatureAlgorithm>;

/** How a key of the platform signs; throws `key_type_unsupported` for other keys. */
export function signatureAlgorithmFor(key: KeyObject): SignatureAlgorithm {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === "ec" && curve === "prime256v1") return algorithms.p256;
  if (key.asymmetricKeyType === "ec" && curve === "secp384r1") return algorithms.p384;
  if (key.asymmetricKeyType === "rsa") return algorithms.rsa;
  throw new CaError("key_type_unsupported", "The signing key must be P-256, P-384 or RSA.");
}

export function signWith(privateKey: KeyObject, toBeSigned: Uint8Array): Buffer {
  return sign(signatureAlgorithmFor(privateKey).hash, toBeSigned, privateKey);
}

type Acceptance = { readonly hash: "sha256" | "sha384" | "sha512"; readonly keyType: "ec" | "rsa" } | "weak";

/** Signatures a request may carry; what is not named is unsupported. */
export const requestSignatures: Readonly<Record<string, Acceptance>> = {
  [dottedOids.ecdsaWithSha256]: { hash: "sha256", keyType: "ec" },
  [dottedOids.ecdsaWithSha384]: { hash: "sha384", keyType: "ec" },
  [dottedOids.ecdsaWithSha512]: { hash: "sha512", keyType: "ec" },
  [dottedOids.sha256WithRsa]: { hash: "sha256", keyType: "rsa" },
  [dottedOids.sha384WithRsa]: { hash: "sha384", keyType: "rsa" },
  [dottedOids.sha512WithRsa]: { hash: "sha512", keyType: "rsa" },
  [dottedOids.ecdsaWithSha1]: "weak",
  [dottedOids.ecdsaWithSha224]: "weak",
  [dottedOids.md2WithRsa]: "weak",
  [dottedOids.md4WithRsa]: "weak",
  [dottedOids.md5WithRsa]: "weak",
  [dottedOids.sha1WithRsa]: "weak",
  [dottedOids.sha1WithRsaOiw]: "weak",
  [dottedOids.sha224WithRsa]: "weak",
};
