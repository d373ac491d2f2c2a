import { createHash, X509Certificate } from "node:crypto";
import { badRequest } from "./app-error.ts";

/**
 * SHA-256 of a certificate as 64 lower-case hexadecimal digits.
 * @param certificate DER bytes, PEM text (its first block), or a parsed certificate
 */
export function certificateFingerprint(certificate: Uint8Array | string | X509Certificate): string {
  const parsed = typeof certificate === "string" ? new X509Certificate(certificate) : certificate;
  return createHash("sha256")
    .update(parsed instanceof X509Certificate ? parsed.raw : parsed)
    .digest("hex");
}

/** `AA:BB:...`, as OpenSSL, browsers and Node.js show it. */
export function formatFingerprint(fingerprint: string): string {
  return parseFingerprint(fingerprint)
    .toUpperCase()
    .replace(/..(?!$)/g, "$&:");
}

/**
 * Reads what people paste: 64 hex digits or 32 pairs with colons, in either case, perhaps with `sha256:`,
 * `SHA256 Fingerprint=` or `sha256 Fingerprint=` in front.
 * @returns 64 lower-case hexadecimal digits
 * @throws AppError 400 `invalid_fingerprint`
 */
export function parseFingerprint(text: string): string {
  const bare = text.trim().replace(/^sha-?256(?::| fingerprint=)\s*/i, "");
  if (/^(?:[0-9a-f]{64}|[0-9a-f]{2}(?::[0-9a-f]{2}){31})$/i.test(bare))
    return bare.replaceAll(":", "").toLowerCase();
  throw badRequest({
    code: "invalid_fingerprint",
    message: "A fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits, with or without colons.",
  });
}

/** True when the certificate is one of those pinned; `pins` in any form `parseFingerprint` reads. */
export function isPinned(
  certificate: Uint8Array | string | X509Certificate,
  pins: readonly string[],
): boolean {
  const fingerprint = certificateFingerprint(certificate);
  return pins.some((pin) => parseFingerprint(pin) === fingerprint);
}
