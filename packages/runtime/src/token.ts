import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/**
 * A new bearer secret with 256 bits of randomness, such as `rcp_3f...`. The prefix names its kind, so that a
 * leaked one is recognised by people and scanners.
 */
export function newToken(prefix: string): string {
  return `${prefix}_${randomBytes(32).toString("base64url")}`;
}

/** What is stored of a bearer secret. A plain SHA-256 is enough for 256 random bits; passwords take argon2id. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token, "utf8").digest("hex");
}

/** Compares two digests of `hashToken` in constant time. */
export function isSameHash(a: string, b: string): boolean {
  const left = Buffer.from(a, "utf8");
  const right = Buffer.from(b, "utf8");
  return left.length === right.length && timingSafeEqual(left, right);
}
