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
import { CommandError } from "../errors.ts";
import { isInt32, RawDocument, type Document, type Value } from "./values.ts";

/** The largest message a client or the server may send; no document is ever bigger than one. */
const MAX_BYTES = 64 * 1024 * 1024;
const MAX_DEPTH = 210;

export interface Encoder {
  /** The document's BSON in a buffer of its own. Throws CommandError when it is too large or too deep. */
  encode(document: Document): Buffer;
}

/** An encoder that keeps its scratch memory between calls; use one per thread. */
export function createEncoder(): Encoder {
  const writer: Writer = { bytes: Buffer.allocUnsafe(64 * 1024), at: 0 };
  return {
    encode(document) {
      writer.at = 0;
      writeDocument(writer, document, 0);
      const encoded = Buffer.allocUnsafeSlow(writer.at);
      writer.bytes.copy(encoded, 0, 0, writer.at);
      return encoded;
    },
  };
}

interface Writer {
  bytes: Buffer;
  at: number;
}

function reserve(writer: Writer, size: number): void {
  const needed = writer.at + size;
  if (needed <= writer.bytes.length) return;
  if (needed > MAX_BYTES)
    throw new CommandError("BSONObjectTooLarge", "the document is larger than a message may be");
  const grown = Buffer.allocUnsafe(Math.min(MAX_BYTES, Math.max(needed, writer.bytes.length * 2)));
  writer.bytes.copy(grown, 0, 0, writer.at);
  writer.bytes = grown;
}

function writeDocument(writer: Writer, document: Document, depth: number): void {
  if (depth > MAX_DEPTH) throw new CommandError("Overflow", "the document is nested too deeply");
  reserve(writer, 5);
  const start = writer.at;
  writer.at += 4;
  for (const [name, value] of document) writeElement(writer, name, value, depth);
  finish(writer, start);
}

function writeArray(writer: Writer, values: readonly Value[], depth: number): void {
  if (depth > MAX_DEPTH) throw new CommandError("Overflow", "the document is nested too deeply");
  reserve(writer, 5);
  const start = writer.at;
  writer.at += 4;
  for (let index = 0; index < values.length; index++) {
    writeElement(writer, String(index), values[index] as Value, depth);
  }
  finish(writer, start);
}

function finish(writer: Writer, start: number): void {
  reserve(writer, 1);
  writer.bytes[writer.at++] = 0;
  writer.bytes.writeInt32LE(writer.at - start, start);
}

/** Writes ASCII by a loop and anything else by the runtime; returns nothing, moves the cursor. */
function writeText(writer: Writer, text: string): void {
  reserve(writer, text.length * 3 + 1);
  const { bytes } = writer;
  if (text.length > 32) {
    writer.at += bytes.write(text, writer.at);
    return;
  }
  const start = writer.at;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 127) {
      writer.at = start + bytes.write(text, start);
      return;
    }
    bytes[start + index] = code;
  }
  writer.at = start + text.length;
}

function writeCString(writer: Writer, text: string): void {
  if (text.includes("\0"))
    throw new CommandError("BadValue", "field names and regular expressions cannot contain null bytes");
  writeText(writer, text);
  reserve(writer, 1);
  writer.bytes[writer.at++] = 0;
}

function writeString(writer: Writer, text: string): void {
  reserve(writer, 4);
  const sizeAt = writer.at;
  writer.at += 4;
  writeText(writer, text);
  reserve(writer, 1);
  writer.bytes[writer.at++] = 0;
  writer.bytes.writeInt32LE(writer.at - sizeAt - 4, sizeAt);
}

/** Writes the type byte and the name, and makes room for a fixed-size value after them. */
function head(writer: Writer, type: number, name: string, size = 0): void {
  reserve(writer, 1);
  writer.bytes[writer.at++] = type;
  writeCString(writer, name);
  if (size > 0) reserve(writer, size);
}

function writeElement(writer: Writer, name: string, value: Value, depth: number): void {
  if (value === null) return head(writer, 0x0a, name);
  switch (typeof value) {
    case "string":
      head(writer, 0x02, name);
      return writeString(writer, value);
    case "number":
      return writeNumber(writer, name, value);
    case "boolean":
      head(writer, 0x08, name, 1);
      writer.bytes[writer.at++] = value ? 1 : 0;
      return;
    default:
      return writeObject(writer, name, value, depth);
  }
}

function writeNumber(writer: Writer, name: string, value: number): void {
  if (isInt32(value)) {
    head(writer, 0x10, name, 4);
    writer.at = writer.bytes.writeInt32LE(value, writer.at);
  } else writeDouble(writer, name, value);
}

function writeDouble(writer: Writer, name: string, value: number): void {
  head(writer, 0x01, name, 8);
  writer.at = writer.bytes.writeDoubleLE(value, writer.at);
}

function writeBits(writer: Writer, type: number, name: string, low: number, high: number): void {
  head(writer, type, name, 8);
  writer.bytes.writeInt32LE(low | 0, writer.at);
  writer.bytes.writeInt32LE(high | 0, writer.at + 4);
  writer.at += 8;
}

function writeBytes(writer: Writer, bytes: Uint8Array): void {
  reserve(writer, bytes.length);
  writer.bytes.set(bytes, writer.at);
  writer.at += bytes.length;
}

function writeObject(writer: Writer, name: string, value: object, depth: number): void {
  if (value instanceof Map) {
    head(writer, 0x03, name);
    return writeDocument(writer, value as Document, depth + 1);
  }
  if (Array.isArray(value)) {
    head(writer, 0x04, name);
    return writeArray(writer, value as Value[], depth + 1);
  }
  if (value instanceof ObjectId) {
    head(writer, 0x07, name);
    return writeBytes(writer, value.id);
  }
  if (value instanceof Date) {
    const ms = value.getTime();
    return writeBits(writer, 0x09, name, ms % 4294967296, Math.floor(ms / 4294967296));
  }
  writeRare(writer, name, value);
}

function writeRare(writer: Writer, name: string, value: object): void {
  if (value instanceof Timestamp) return writeBits(writer, 0x11, name, value.low, value.high);
  if (value instanceof Long) return writeBits(writer, 0x12, name, value.low, value.high);
  if (value instanceof Double) return writeDouble(writer, name, value.value);
  if (value instanceof RawDocument) {
    head(writer, 0x03, name);
    return writeBytes(writer, value.bytes);
  }
  if (value instanceof Decimal128) {
    head(writer, 0x13, name);
    return writeBytes(writer, value.bytes);
  }
  if (value instanceof Binary) return writeBinary(writer, name, value);
  if (value instanceof BSONRegExp) {
    head(writer, 0x0b, name);
    writeCString(writer, value.pattern);
    return writeCString(writer, value.options);
  }
  if (value instanceof Code) {
    head(writer, 0x0d, name);
    return writeString(writer, value.code);
  }
  if (value instanceof MinKey) return head(writer, 0xff, name);
  if (value instanceof MaxKey) return head(writer, 0x7f, name);
  throw new Error(`cannot encode ${Object.prototype.toString.call(value)}`);
}

function writeBinary(writer: Writer, name: string, value: Binary): void {
  head(writer, 0x05, name, 5);
  const bytes = value.buffer.subarray(0, value.position);
  writer.at = writer.bytes.writeInt32LE(bytes.length, writer.at);
  writer.bytes[writer.at++] = value.sub_type;
  writeBytes(writer, bytes);
}
