import { createHash, timingSafeEqual } from "node:crypto";
import { limits, type DesiredState } from "@rciots/protocol";
import { AppError, errorMessage } from "@rciots/runtime";
import { decompress } from "../gzip.ts";
import type { KubeObject } from "../kube/cluster.ts";

export type OfferedBundle = Extract<DesiredState, { kind: "bundle" }>;

/** Lines parsed in one turn of the event loop. */
const linesPerTurn = 200;

/**
 * Checks the digests of both forms, unpacks and parses. Rejects with `bundle_corrupt` where the bytes are not
 * those that were announced, and with `bundle_invalid` where they are, and make no sense.
 */
export async function decodeBundle(encoded: Buffer, offered: OfferedBundle): Promise<KubeObject[]> {
  assertDigest(encoded, offered.encodedDigest, "encoded");
  const decoded = await unpack(encoded, offered.decodedBytes);
  assertDigest(decoded, offered.digest, "decoded");
  return parseLines(decoded, offered.objectCount);
}

export function hasDigest(bytes: Uint8Array, sha256: string): boolean {
  return timingSafeEqual(createHash("sha256").update(bytes).digest(), Buffer.from(sha256, "hex"));
}

function assertDigest(bytes: Buffer, sha256: string, form: string): void {
  if (hasDigest(bytes, sha256)) return;
  throw new AppError({
    code: "bundle_corrupt",
    status: 502,
    message: `The ${form} bundle is not the one that was announced: its SHA-256 differs.`,
  });
}

async function unpack(encoded: Buffer, decodedBytes: number): Promise<Buffer> {
  try {
    // zlib takes no bound of zero.
    const maxOutputLength = Math.max(1, Math.min(decodedBytes, limits.bundleDecodedBytes));
    return await decompress(encoded, { maxOutputLength });
  } catch (error) {
    throw invalid(`it can't be unpacked to its announced ${decodedBytes} bytes (${errorMessage(error)})`);
  }
}

async function parseLines(decoded: Buffer, objectCount: number): Promise<KubeObject[]> {
  const objects: KubeObject[] = [];
  let start = 0;
  for (let line = 1; start < decoded.length; line += 1) {
    const newline = decoded.indexOf(0x0a, start);
    const end = newline < 0 ? decoded.length : newline;
    if (end > start) objects.push(parseObject(decoded.toString("utf8", start, end), line));
    if (objects.length > limits.bundleObjects)
      throw invalid(`it holds more than ${limits.bundleObjects} objects`);
    start = end + 1;
    if (line % linesPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  if (objects.length !== objectCount) throw invalid(`it holds ${objects.length} objects, not ${objectCount}`);
  return objects;
}

function parseObject(text: string, line: number): KubeObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid(`line ${line} is not JSON`);
  }
  if (!isKubeObject(value)) throw invalid(`line ${line} has no apiVersion, kind and metadata.name`);
  return value;
}

function isKubeObject(value: unknown): value is KubeObject {
  if (typeof value !== "object" || value === null) return false;
  const { apiVersion, kind, metadata } = value as Partial<KubeObject>;
  return (
    typeof apiVersion === "string" &&
    typeof kind === "string" &&
    typeof metadata === "object" &&
    metadata !== null &&
    typeof metadata.name === "string"
  );
}

function invalid(reason: string): AppError {
  return new AppError({
    code: "bundle_invalid",
    status: 422,
    message: `The bundle is not valid: ${reason}.`,
  });
}
