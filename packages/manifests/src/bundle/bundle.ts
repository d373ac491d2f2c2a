import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip, gzipSync } from "node:zlib";
import { AppError } from "@rciots/runtime";
import {
  defaultDocumentLimits,
  linesOf,
  parseLine,
  type DocumentLimits,
  type KubernetesObject,
} from "../documents/rendered.ts";
import { formatBytes } from "../files/manifest-file.ts";

/** What is offered to a device: rendered objects, compressed once per revision. */
export interface Bundle {
  /** SHA-256 of the NDJSON, hex: what the objects are. */
  digest: string;
  /** Bytes of the NDJSON. */
  sizeBytes: number;
  objectCount: number;
  /** The NDJSON, gzip. */
  encoded: Buffer;
  /** SHA-256 of `encoded`, hex: what is transferred. */
  encodedDigest: string;
  encodedSizeBytes: number;
}

export interface OpenBundleOptions {
  /** What the bundle was announced as; each given value must match. */
  expected?: Partial<
    Pick<Bundle, "digest" | "sizeBytes" | "encodedDigest" | "encodedSizeBytes" | "objectCount">
  >;
  limits?: Partial<DocumentLimits>;
}

export interface OpenedBundle {
  ndjson: string;
  documents: KubernetesObject[];
}

const compressInPool = promisify(gzip);
/** Up to here the way to the thread pool and back costs four times the compression itself (25 of 105 µs). */
const smallBytes = 16 * 1_024;
const decompress = promisify(gunzip);

const compress = async (plain: Buffer): Promise<Buffer> =>
  plain.length <= smallBytes ? gzipSync(plain, { level: 6 }) : compressInPool(plain, { level: 6 });

/** Compresses NDJSON, off the event loop unless it is small. The same NDJSON gives the same bundle on one build of zlib. */
export async function createBundle(ndjson: string): Promise<Bundle> {
  const plain = Buffer.from(ndjson);
  const encoded = await compress(plain);
  return {
    digest: sha256(plain),
    sizeBytes: plain.length,
    objectCount: linesOf(ndjson).length,
    encoded,
    encodedDigest: sha256(encoded),
    encodedSizeBytes: encoded.length,
  };
}

/**
 * Checks and unpacks a bundle. Throws AppError `bundle_mismatch` (a hash, size or count differs),
 * `bundle_too_large` (it would unpack to more than the limit; it is not unpacked) or
 * `bundle_invalid` (no gzip, truncated, not NDJSON of objects).
 */
export async function openBundle(
  encoded: Buffer,
  { expected = {}, limits }: OpenBundleOptions = {},
): Promise<OpenedBundle> {
  const bounds = { ...defaultDocumentLimits, ...limits };
  expectEqual("size of the gzip", expected.encodedSizeBytes, encoded.length);
  expectEqual(
    "SHA-256 of the gzip",
    expected.encodedDigest,
    expected.encodedDigest === undefined ? "" : sha256(encoded),
  );
  const plain = await unpack(encoded, Math.min(bounds.maxBytes, expected.sizeBytes ?? Infinity));
  expectEqual("size", expected.sizeBytes, plain.length);
  expectEqual("SHA-256", expected.digest, expected.digest === undefined ? "" : sha256(plain));
  const ndjson = decode(plain);
  const lines = linesOf(ndjson);
  expectEqual("object count", expected.objectCount, lines.length);
  if (lines.length > bounds.maxObjects) {
    throw new AppError({
      code: "bundle_too_large",
      status: 413,
      message: `The bundle holds more than ${bounds.maxObjects} objects.`,
    });
  }
  return { ndjson, documents: lines.map((line, index) => parseLine(line, index + 1)) };
}

async function unpack(encoded: Buffer, maxBytes: number): Promise<Buffer> {
  try {
    // zlib stops as soon as the output passes the limit, so a bomb costs no more than that.
    return await decompress(encoded, { maxOutputLength: Math.max(maxBytes, 1) });
  } catch (cause) {
    if ((cause as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE") {
      const message = `The bundle unpacks to more than ${formatBytes(maxBytes)}.`;
      throw new AppError({ code: "bundle_too_large", status: 413, message, cause });
    }
    throw invalid("it is not gzip, or it is cut off", cause);
  }
}

function decode(plain: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(plain);
  } catch (cause) {
    throw invalid("it is not UTF-8", cause);
  }
}

function expectEqual(what: string, expected: string | number | undefined, actual: string | number): void {
  if (expected === undefined || expected === actual) return;
  const message = `The bundle's ${what} is ${actual}, announced was ${expected}.`;
  throw new AppError({ code: "bundle_mismatch", status: 400, message });
}

function invalid(reason: string, cause: unknown): AppError {
  return new AppError({
    code: "bundle_invalid",
    status: 400,
    message: `The bundle cannot be read: ${reason}.`,
    cause,
  });
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
