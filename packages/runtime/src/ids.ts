import { randomBytes } from "node:crypto";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

function encode(value: bigint, length: number): string {
  let text = "";
  for (let index = 0; index < length; index += 1) {
    text = alphabet.charAt(Number(value & 31n)) + text;
    value >>= 5n;
  }
  return text;
}

/**
 * A new identifier: `<prefix>_` and 26 characters, the first ten of them the time, so that identifiers
 * sort by age, say what they name, and are safe in URLs, file names and Kubernetes label values.
 */
export function newId(prefix: string, now: number = Date.now()): string {
  return `${prefix}_${encode(BigInt(now), 10)}${encode(BigInt(`0x${randomBytes(10).toString("hex")}`), 16)}`;
}

/** True for an identifier made by `newId` with this prefix. */
export function isId(prefix: string, value: unknown): value is string {
  return (
    typeof value === "string" &&
    value.startsWith(`${prefix}_`) &&
    /^[0-9A-HJKMNP-TV-Z]{26}$/.test(value.slice(prefix.length + 1))
  );
}
