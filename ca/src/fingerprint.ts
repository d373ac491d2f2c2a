import { createHash } from "node:crypto";

/** SHA-256 of a DER certificate as 64 lower-case hexadecimal digits; names intermediates and pins certificates. */
export function fingerprintOf(der: Uint8Array): string {
  return createHash("sha256").update(der).digest("hex");
}
