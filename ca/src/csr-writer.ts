import { createPublicKey, type KeyObject } from "node:crypto";
import { signedObject } from "./certificate-extensions.ts";
import { constructed, integer, sequence } from "./der-writer.ts";
import { encodeName } from "./names.ts";
import { encodePem } from "./pem.ts";
import { signatureAlgorithmFor, signWith } from "./signature-algorithm.ts";

/** A PKCS#10 request in PEM; the common name is a hint for people, the CA ignores it. */
export function createCsr({ privateKey, commonName }: { privateKey: KeyObject; commonName: string }): string {
  const subjectPublicKeyInfo = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const info = sequence(integer(0), encodeName({ commonName }), subjectPublicKeyInfo, constructed(0));
  const algorithm = signatureAlgorithmFor(privateKey).der;
  return encodePem("CERTIFICATE REQUEST", signedObject(info, algorithm, signWith(privateKey, info)));
}
