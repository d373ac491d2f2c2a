/**
 * The few DER encodings the profiles need (X.690): definite minimal lengths, minimal integers, primitive
 * strings. Every function returns a complete tag-length-value.
 */

const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  enumerated: 0x0a,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

function header(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.from([tag, length]);
  if (length < 0x100) return Buffer.from([tag, 0x81, length]);
  if (length < 0x10000) return Buffer.from([tag, 0x82, length >> 8, length & 0xff]);
  if (length < 0x1000000) return Buffer.from([tag, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff]);
  return Buffer.from([tag, 0x84, length >>> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff]);
}

function write(tag: number, parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const head = header(tag, length);
  return Buffer.concat([head, ...parts], head.length + length);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => write(tags.sequence, parts);

/** Of one element only: a SET OF would have to be sorted, and no profile has one. */
export const setOfOne = (part: Uint8Array): Buffer => write(tags.set, [part]);

/** Context-specific, `[number]`, holding complete encodings (explicit tagging, or an implicit SEQUENCE). */
export const constructed = (number: number, ...parts: readonly Uint8Array[]): Buffer =>
  write(0xa0 | number, parts);

/** Context-specific, `[number]`, holding the bare value (implicit tagging of a primitive type). */
export const primitive = (number: number, value: Uint8Array): Buffer => write(0x80 | number, [value]);

export const octetString = (value: Uint8Array): Buffer => write(tags.octetString, [value]);

export const utf8String = (text: string): Buffer => write(tags.utf8String, [Buffer.from(text, "utf8")]);

export const derNull = Buffer.from([tags.null, 0]);

export const derTrue = Buffer.from([tags.boolean, 1, 0xff]);

/** From big-endian bytes of a number that is not negative; leading zeros are normalised. */
export function unsignedInteger(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const value = bytes.subarray(start);
  const first = value[0];
  if (first === undefined) return Buffer.from([tags.integer, 1, 0]);
  return write(tags.integer, first >= 0x80 ? [Buffer.from([0]), value] : [value]);
}

/** From a whole number that is not negative. */
export function integer(value: number | bigint): Buffer {
  const hex = value.toString(16);
  return unsignedInteger(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex"));
}

/** 0 to 127. */
export const enumerated = (value: number): Buffer => Buffer.from([tags.enumerated, 1, value]);

/** Whole octets, as keys and signatures are. */
export const bitString = (value: Uint8Array): Buffer => write(tags.bitString, [Buffer.from([0]), value]);

/** A NamedBitList: bit 0 is the most significant; trailing zero bits are left out, as DER demands. */
export function namedBits(bits: readonly number[]): Buffer {
  const highest = Math.max(-1, ...bits);
  const bytes = Buffer.alloc(Math.ceil((highest + 1) / 8));
  for (const bit of bits) bytes.writeUInt8(bytes.readUInt8(bit >> 3) | (0x80 >> (bit & 7)), bit >> 3);
  const unused = highest < 0 ? 0 : 7 - (highest & 7);
  return write(tags.bitString, [Buffer.from([unused]), bytes]);
}

/** Whole seconds; UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280, 4.1.2.5). */
export function time(at: Date): Buffer {
  const digits = at
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replace(/[-:T]/g, "");
  const year = at.getUTCFullYear();
  if (year >= 1950 && year < 2050) return write(tags.utcTime, [Buffer.from(digits.slice(2), "latin1")]);
  return write(tags.generalizedTime, [Buffer.from(digits, "latin1")]);
}
