import { promisify } from "node:util";
import { gunzip, gunzipSync, gzip, gzipSync } from "node:zlib";

const compressInPool = promisify(gzip);
const decompressInPool = promisify(gunzip);
/** Up to here the way to the thread pool and back costs several times the work itself. */
const smallBytes = 16 * 1_024;

/** Off the event loop unless it is small. */
export async function compress(text: string, options: { level?: number } = {}): Promise<Buffer> {
  const plain = Buffer.from(text);
  return plain.length <= smallBytes ? gzipSync(plain, options) : compressInPool(plain, options);
}

/**
 * Rejects where it is not gzip, or unpacks to more than `maxOutputLength` bytes. That bound says how much work it can
 * be: off the event loop unless it is small.
 */
export async function decompress(
  encoded: Uint8Array,
  { maxOutputLength }: { maxOutputLength: number },
): Promise<Buffer> {
  const options = { maxOutputLength };
  return maxOutputLength <= smallBytes ? gunzipSync(encoded, options) : decompressInPool(encoded, options);
}
