import type { ObjectId } from "mongodb";
import { Binary, BSONRegExp, Code, Decimal128, Timestamp } from "mongodb";
import { orderOf, typeOrder } from "./compare.ts";
import { align, exactOf, exactOfDouble, type Exact } from "./decimal.ts";
import { isLong, numberOf, type Document, type NumericValue, type Value } from "./values.ts";

/**
 * Order-preserving bytes of a value: comparing two keys byte by byte gives MongoDB's order of the values, and
 * equal values of different number types have equal keys. `undefined` stands before null.
 * No key is a prefix of another one, so keys of several fields can be joined.
 */
export function encodeKey(values: readonly (Value | undefined)[], descending: readonly boolean[]): Buffer {
  const writer: KeyWriter = { bytes: Buffer.allocUnsafe(64), at: 0 };
  for (let index = 0; index < values.length; index++) {
    const start = writer.at;
    const value = values[index];
    if (value === undefined) putByte(writer, typeOrder.missing);
    else putValue(writer, value);
    if (descending[index]) invert(writer.bytes, start, writer.at);
  }
  const key = Buffer.allocUnsafeSlow(writer.at);
  writer.bytes.copy(key, 0, 0, writer.at);
  return key;
}

/** The first byte of every key of a type, for bounds that hold a whole type. */
export function typeBounds(value: Value): { from: Buffer; below: Buffer } {
  const order = orderOf(value);
  return { from: Buffer.from([order]), below: Buffer.from([order + 1]) };
}

export function invertedCopy(key: Uint8Array): Buffer {
  const copy = Buffer.from(key);
  invert(copy, 0, copy.length);
  return copy;
}

/** The smallest key greater than every key that begins with this prefix; undefined when there is none. */
export function afterPrefix(prefix: Uint8Array): Buffer | undefined {
  for (let at = prefix.length - 1; at >= 0; at--) {
    const byte = prefix[at] as number;
    if (byte === 255) continue;
    const next = Buffer.from(prefix.subarray(0, at + 1));
    next[at] = byte + 1;
    return next;
  }
  return undefined;
}

interface KeyWriter {
  bytes: Buffer;
  at: number;
}

function reserve(writer: KeyWriter, size: number): void {
  if (writer.at + size <= writer.bytes.length) return;
  const grown = Buffer.allocUnsafe(Math.max(writer.at + size, writer.bytes.length * 2));
  writer.bytes.copy(grown, 0, 0, writer.at);
  writer.bytes = grown;
}

function invert(bytes: Buffer, start: number, end: number): void {
  for (let at = start; at < end; at++) bytes[at] = ~(bytes[at] as number) & 0xff;
}

function putByte(writer: KeyWriter, byte: number): void {
  reserve(writer, 1);
  writer.bytes[writer.at++] = byte;
}

function putBytes(writer: KeyWriter, bytes: Uint8Array): void {
  reserve(writer, bytes.length);
  writer.bytes.set(bytes, writer.at);
  writer.at += bytes.length;
}

/** Text ends with two zero bytes; a zero within it is followed by 0xff, which keeps the order. */
function putText(writer: KeyWriter, text: string): void {
  if (text.includes("\0")) {
    for (const byte of Buffer.from(text, "utf8")) {
      putByte(writer, byte);
      if (byte === 0) putByte(writer, 0xff);
    }
  } else {
    reserve(writer, text.length * 3);
    writer.at += writer.bytes.write(text, writer.at);
  }
  reserve(writer, 2);
  writer.bytes[writer.at++] = 0;
  writer.bytes[writer.at++] = 0;
}

function putValue(writer: KeyWriter, value: Value): void {
  const order = orderOf(value);
  putByte(writer, order);
  switch (order) {
    case typeOrder.number:
      return putNumber(writer, value as NumericValue);
    case typeOrder.string:
      return putText(writer, value as string);
    case typeOrder.objectId:
      return putBytes(writer, (value as ObjectId).id);
    case typeOrder.date:
      return putOrderedDouble(writer, (value as Date).getTime());
    case typeOrder.boolean:
      return putByte(writer, value === true ? 1 : 0);
    case typeOrder.object:
      return putDocument(writer, value as Document);
    case typeOrder.array:
      for (const element of value as Value[]) putValue(writer, element);
      return putByte(writer, 0);
    default:
      return putRare(writer, value);
  }
}

function putRare(writer: KeyWriter, value: Value): void {
  if (value instanceof Timestamp) {
    reserve(writer, 8);
    writer.at = writer.bytes.writeUInt32BE(value.high >>> 0, writer.at);
    writer.at = writer.bytes.writeUInt32BE(value.low >>> 0, writer.at);
  } else if (value instanceof Binary) {
    reserve(writer, 5);
    writer.at = writer.bytes.writeUInt32BE(value.position, writer.at);
    writer.bytes[writer.at++] = value.sub_type;
    putBytes(writer, value.buffer.subarray(0, value.position));
  } else if (value instanceof BSONRegExp) {
    putText(writer, value.pattern);
    putText(writer, value.options);
  } else if (value instanceof Code) putText(writer, value.code);
}

function putDocument(writer: KeyWriter, document: Document): void {
  for (const [name, value] of document) {
    putByte(writer, orderOf(value));
    putText(writer, name);
    putValue(writer, value);
  }
  putByte(writer, 0);
}

/** Flips the sign bit of a positive and all bits of a negative double, so that bytes order as values do. */
function putOrderedDouble(writer: KeyWriter, value: number): void {
  reserve(writer, 8);
  const { bytes, at } = writer;
  writer.at += 8;
  if (Number.isNaN(value)) {
    bytes.fill(0, at, at + 8);
    return;
  }
  bytes.writeDoubleBE(value === 0 ? 0 : value, at);
  if ((bytes[at] as number) & 0x80) invert(bytes, at, at + 8);
  else bytes[at] = (bytes[at] as number) ^ 0x80;
}

/** What follows the double of a number: how far the exact value is above it. */
const remainderKind = { none: 0, finite: 1, beyond: 2 } as const;

/**
 * The largest double not above the number, then the exact distance to it. Only longs beyond 2^53 and decimals
 * that no double equals have such a distance.
 */
function putNumber(writer: KeyWriter, value: NumericValue): void {
  const rough = numberOf(value);
  const exactByNature = !isLong(value) && !(value instanceof Decimal128);
  const exact = exactByNature || (isLong(value) && Math.abs(rough) < 2 ** 53) ? undefined : exactOf(value);
  if (!exact) {
    putOrderedDouble(writer, rough);
    return putByte(writer, remainderKind.none);
  }
  const floor = floorDouble(exact, rough);
  putOrderedDouble(writer, floor);
  const base = exactOfDouble(floor);
  if (!base) return putBeyondDoubles(writer, exact);
  const { a, b, exponent } = align(exact, base);
  if (a === b) return putByte(writer, remainderKind.none);
  putByte(writer, remainderKind.finite);
  putMagnitude(writer, a - b, exponent);
}

function floorDouble(exact: Exact, nearest: number): number {
  if (nearest === Infinity) return Number.MAX_VALUE;
  const base = exactOfDouble(nearest);
  if (!base) return nearest;
  const { a, b } = align(exact, base);
  return b <= a ? nearest : previousDouble(nearest);
}

const scratch = new DataView(new ArrayBuffer(8));

function previousDouble(value: number): number {
  if (value === 0) return -Number.MIN_VALUE;
  scratch.setFloat64(0, value);
  scratch.setBigInt64(0, scratch.getBigInt64(0) + (value > 0 ? -1n : 1n));
  return scratch.getFloat64(0);
}

/** A decimal below every finite double: the larger its magnitude, the lower its key. */
function putBeyondDoubles(writer: KeyWriter, exact: Exact): void {
  putByte(writer, remainderKind.beyond);
  const start = writer.at;
  putMagnitude(writer, -exact.digits, exact.exponent);
  invert(writer.bytes, start, writer.at);
}

const MAGNITUDE_DIGITS = 40;
const EXPONENT_BIAS = 20_000;

/** A positive number as its decimal order of magnitude and leading digits, two to a byte. */
function putMagnitude(writer: KeyWriter, digits: bigint, exponent: number): void {
  const text = digits.toString();
  const padded = text.slice(0, MAGNITUDE_DIGITS).padEnd(MAGNITUDE_DIGITS, "0");
  const bytes = Buffer.alloc(2 + MAGNITUDE_DIGITS / 2);
  bytes.writeUInt16BE(exponent + text.length + EXPONENT_BIAS, 0);
  bytes.write(padded, 2, "hex");
  putBytes(writer, bytes);
}
