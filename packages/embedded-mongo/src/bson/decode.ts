import {
  Binary,
  BSONRegExp,
  Code,
  Decimal128,
  Double,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} from "mongodb";
import { CommandError, notSupported } from "../errors.ts";
import { isInt32, type Document, type Value } from "./values.ts";

/** MongoDB's own limit on nesting. */
const MAX_DEPTH = 200;
/** Milliseconds from the epoch that a JavaScript Date can hold, in both directions. */
const MAX_DATE_MS = 8.64e15;

interface Reader {
  readonly bytes: Buffer;
  at: number;
}

/**
 * Reads a BSON document. Throws CommandError BadValue (malformed), Overflow (too deep) or NotImplemented
 * (the deprecated types undefined, DBPointer, symbol and code with scope).
 */
export function decodeDocument(bytes: Uint8Array, offset = 0): Document {
  const reader = { bytes: asBuffer(bytes), at: offset };
  try {
    return readDocument(reader, 0);
  } catch (error) {
    if (error instanceof RangeError) throw malformed();
    throw error;
  }
}

/**
 * Reads only the named top-level fields, passing over the rest without decoding it: what a filter over a
 * whole collection needs of each document.
 */
export function decodeFields(bytes: Uint8Array, names: ReadonlySet<string>): Document {
  const reader = { bytes: asBuffer(bytes), at: 0 };
  const end = startDocument(reader);
  const document: Document = new Map();
  while (reader.at < end) {
    const type = reader.bytes[reader.at++] as number;
    const name = readName(reader);
    if (names.has(name)) document.set(name, readValue(reader, type, 1));
    else skipValue(reader, type);
  }
  return document;
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(): CommandError {
  return new CommandError("BadValue", "the message contains a malformed BSON document");
}

/** Checks the length and the closing zero; returns the offset of that zero. */
function startDocument(reader: Reader): number {
  const { bytes, at } = reader;
  const size = bytes.readInt32LE(at);
  const end = at + size - 1;
  if (size < 5 || end >= bytes.length || bytes[end] !== 0) throw malformed();
  reader.at = at + 4;
  return end;
}

function readDocument(reader: Reader, depth: number): Document {
  if (depth > MAX_DEPTH) throw tooDeep();
  const end = startDocument(reader);
  const document: Document = new Map();
  while (reader.at < end) {
    const type = reader.bytes[reader.at++] as number;
    const name = readName(reader);
    document.set(name, readValue(reader, type, depth + 1));
  }
  if (reader.at !== end) throw malformed();
  reader.at = end + 1;
  return document;
}

function readArray(reader: Reader, depth: number): Value[] {
  if (depth > MAX_DEPTH) throw tooDeep();
  const end = startDocument(reader);
  const values: Value[] = [];
  while (reader.at < end) {
    const type = reader.bytes[reader.at++] as number;
    skipName(reader);
    values.push(readValue(reader, type, depth + 1));
  }
  if (reader.at !== end) throw malformed();
  reader.at = end + 1;
  return values;
}

function tooDeep(): CommandError {
  return new CommandError("Overflow", `documents may be nested at most ${MAX_DEPTH} levels deep`);
}

function skipName(reader: Reader): void {
  const zero = reader.bytes.indexOf(0, reader.at);
  if (zero < 0) throw malformed();
  reader.at = zero + 1;
}

/** Names are short and mostly ASCII: a loop is several times faster than a call into the runtime. */
function readName(reader: Reader): string {
  const { bytes } = reader;
  const start = reader.at;
  let name = "";
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === 0) {
      reader.at = at + 1;
      return name;
    }
    if (byte > 127 || at - start > 40) return readLongName(reader);
    name += String.fromCharCode(byte);
  }
  throw malformed();
}

function readLongName(reader: Reader): string {
  const start = reader.at;
  skipName(reader);
  return reader.bytes.toString("utf8", start, reader.at - 1);
}

function readString(reader: Reader): string {
  const size = reader.bytes.readInt32LE(reader.at);
  const start = reader.at + 4;
  const end = start + size - 1;
  if (size < 1 || end >= reader.bytes.length || reader.bytes[end] !== 0) throw malformed();
  reader.at = end + 1;
  return size <= 24 ? shortString(reader.bytes, start, end) : reader.bytes.toString("utf8", start, end);
}

function shortString(bytes: Buffer, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte > 127) return bytes.toString("utf8", start, end);
    text += String.fromCharCode(byte);
  }
  return text;
}

function readDouble(reader: Reader): Value {
  const value = reader.bytes.readDoubleLE(reader.at);
  reader.at += 8;
  return isInt32(value) ? new Double(value) : value;
}

function readLong(reader: Reader): Long {
  const low = reader.bytes.readInt32LE(reader.at);
  const high = reader.bytes.readInt32LE(reader.at + 4);
  reader.at += 8;
  return Long.fromBits(low, high);
}

function readDate(reader: Reader): Date {
  const low = reader.bytes.readUInt32LE(reader.at);
  const high = reader.bytes.readInt32LE(reader.at + 4);
  reader.at += 8;
  const ms = high * 4294967296 + low;
  if (Math.abs(ms) > MAX_DATE_MS) throw notSupported("a date further than 8.64e15 ms from 1970");
  return new Date(ms);
}

function readBinary(reader: Reader): Binary {
  const size = reader.bytes.readInt32LE(reader.at);
  const subtype = reader.bytes[reader.at + 4];
  const start = reader.at + 5;
  if (size < 0 || start + size > reader.bytes.length || subtype === undefined) throw malformed();
  reader.at = start + size;
  return new Binary(Buffer.from(reader.bytes.subarray(start, start + size)), subtype);
}

function readTimestamp(reader: Reader): Timestamp {
  const i = reader.bytes.readUInt32LE(reader.at);
  const t = reader.bytes.readUInt32LE(reader.at + 4);
  reader.at += 8;
  return new Timestamp({ t, i });
}

function take(reader: Reader, size: number): Buffer {
  const start = reader.at;
  if (start + size > reader.bytes.length) throw malformed();
  reader.at += size;
  return Buffer.from(reader.bytes.subarray(start, start + size));
}

function readValue(reader: Reader, type: number, depth: number): Value {
  switch (type) {
    case 0x01:
      return readDouble(reader);
    case 0x02:
      return readString(reader);
    case 0x03:
      return readDocument(reader, depth);
    case 0x04:
      return readArray(reader, depth);
    case 0x05:
      return readBinary(reader);
    case 0x07:
      return new ObjectId(take(reader, 12));
    case 0x08:
      return reader.bytes[reader.at++] === 1;
    case 0x09:
      return readDate(reader);
    case 0x0a:
      return null;
    case 0x0b:
      return new BSONRegExp(readLongName(reader), readLongName(reader));
    case 0x0d:
      return new Code(readString(reader));
    case 0x10:
      reader.at += 4;
      return reader.bytes.readInt32LE(reader.at - 4);
    case 0x11:
      return readTimestamp(reader);
    case 0x12:
      return readLong(reader);
    case 0x13:
      return new Decimal128(take(reader, 16));
    case 0x7f:
      return new MaxKey();
    case 0xff:
      return new MinKey();
    default:
      throw unknownType(type);
  }
}

const deprecatedTypes = new Map([
  [0x06, "undefined"],
  [0x0c, "DBPointer"],
  [0x0e, "symbol"],
  [0x0f, "JavaScript code with scope"],
]);

function unknownType(type: number): CommandError {
  const name = deprecatedTypes.get(type);
  return name ? notSupported(`the deprecated BSON type ${name}`) : malformed();
}

const fixedSizes = new Map([
  [0x01, 8],
  [0x07, 12],
  [0x08, 1],
  [0x09, 8],
  [0x0a, 0],
  [0x10, 4],
  [0x11, 8],
  [0x12, 8],
  [0x13, 16],
  [0x7f, 0],
  [0xff, 0],
]);

function skipValue(reader: Reader, type: number): void {
  const fixed = fixedSizes.get(type);
  if (fixed !== undefined) reader.at += fixed;
  else if (type === 0x02 || type === 0x0d) reader.at += 4 + reader.bytes.readInt32LE(reader.at);
  else if (type === 0x03 || type === 0x04) reader.at += reader.bytes.readInt32LE(reader.at);
  else if (type === 0x05) reader.at += 5 + reader.bytes.readInt32LE(reader.at);
  else if (type === 0x0b) {
    skipName(reader);
    skipName(reader);
  } else throw unknownType(type);
}
