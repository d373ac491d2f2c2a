import { createHash, timingSafeEqual, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { AppError } from "@rciots/runtime";

/** Whom the agent believes to be the platform. */
export type Trust =
  | { kind: "system" }
  /** `pem`: one or more root certificates. */
  | { kind: "ca"; pem: string }
  /** SHA-256 of a root certificate in DER, lower-case hex without colons. */
  | { kind: "fingerprint"; sha256: string };

const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** The roots of the operating system, where a company adds its own, and those that come with Node. */
export function systemRoots(read = (file: string) => readFileSync(file, "utf8")): string[] {
  for (const file of systemBundles) {
    try {
      return [...splitPem(read(file)), ...rootCertificates];
    } catch {
      continue;
    }
  }
  return [...rootCertificates];
}

/** The certificates of a PEM text, one string each. */
export function splitPem(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
}

/** Accepts colons, spaces and upper case, and the prefix `sha256:`. */
export function parseFingerprint(text: string): string {
  const hex = text
    .trim()
    .toLowerCase()
    .replace(/^sha-?256[:=]/, "")
    .replace(/[\s:]/g, "");
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new Error("must be a SHA-256 of 64 hexadecimal digits");
  return hex;
}

/**
 * The certificate among `pem` whose DER has this SHA-256, in PEM. Only that one is returned: whatever else came
 * with it proves nothing. Throws `ca_fingerprint_mismatch`.
 */
export function certificateByFingerprint(pem: string, sha256: string): string {
  const wanted = Buffer.from(sha256, "hex");
  for (const candidate of splitPem(pem)) {
    const digest = createHash("sha256").update(derOf(candidate)).digest();
    if (timingSafeEqual(digest, wanted)) return candidate;
  }
  throw new AppError({
    code: "ca_fingerprint_mismatch",
    status: 495,
    message:
      "The platform's CA certificate does not have the fingerprint this device was given. Either the fingerprint is of another platform, or something between the device and the platform answers in its place.",
  });
}

function derOf(pem: string): Buffer {
  try {
    return new X509Certificate(pem).raw;
  } catch {
    return Buffer.alloc(0);
  }
}
