import forge from "node-forge";

/** A complete DER OBJECT IDENTIFIER (tag, length, value) from dotted text. */
function encodeOid(dotted: string): Buffer {
  const value = Buffer.from(forge.asn1.oidToDer(dotted).getBytes(), "latin1");
  return Buffer.concat([Buffer.from([0x06, value.length]), value]);
}

/** Dotted names of what the parser meets; RFC 5280, 3279, 4055, 5480, 8410. */
export const dottedOids = {
  ecPublicKey: "1.2.840.10045.2.1",
  rsaEncryption: "1.2.840.113549.1.1.1",
  prime256v1: "1.2.840.10045.3.1.7",
  secp384r1: "1.3.132.0.34",
  ecdsaWithSha1: "1.2.840.10045.4.1",
  ecdsaWithSha224: "1.2.840.10045.4.3.1",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  ecdsaWithSha384: "1.2.840.10045.4.3.3",
  ecdsaWithSha512: "1.2.840.10045.4.3.4",
  md2WithRsa: "1.2.840.113549.1.1.2",
  md4WithRsa: "1.2.840.113549.1.1.3",
  md5WithRsa: "1.2.840.113549.1.1.4",
  sha1WithRsa: "1.2.840.113549.1.1.5",
  sha1WithRsaOiw: "1.3.14.3.2.29",
  sha224WithRsa: "1.2.840.113549.1.1.14",
  sha256WithRsa: "1.2.840.113549.1.1.11",
  sha384WithRsa: "1.2.840.113549.1.1.12",
  sha512WithRsa: "1.2.840.113549.1.1.13",
  subjectKeyIdentifier: "2.5.29.14",
  basicConstraints: "2.5.29.19",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
} as const;

/** Encoded once; every certificate repeats the same few. */
export const oids = {
  commonName: encodeOid("2.5.4.3"),
  organizationName: encodeOid("2.5.4.10"),
  ecdsaWithSha256: encodeOid(dottedOids.ecdsaWithSha256),
  ecdsaWithSha384: encodeOid(dottedOids.ecdsaWithSha384),
  sha256WithRsa: encodeOid(dottedOids.sha256WithRsa),
  subjectKeyIdentifier: encodeOid(dottedOids.subjectKeyIdentifier),
  keyUsage: encodeOid(dottedOids.keyUsage),
  subjectAltName: encodeOid(dottedOids.subjectAltName),
  basicConstraints: encodeOid(dottedOids.basicConstraints),
  crlNumber: encodeOid("2.5.29.20"),
  crlReason: encodeOid("2.5.29.21"),
  nameConstraints: encodeOid("2.5.29.30"),
  crlDistributionPoints: encodeOid("2.5.29.31"),
  authorityKeyIdentifier: encodeOid("2.5.29.35"),
  extendedKeyUsage: encodeOid("2.5.29.37"),
  serverAuth: encodeOid("1.3.6.1.5.5.7.3.1"),
  clientAuth: encodeOid("1.3.6.1.5.5.7.3.2"),
} as const;
