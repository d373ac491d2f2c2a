import { limits } from "@rciots/protocol";
import { AppError } from "@rciots/runtime";
import type { StateStore } from "../reconcile/state-store.ts";
import type { OfferedBundle } from "./bundle-decode.ts";
import type { Caller } from "./report-outbox.ts";

/** What is kept of a download that was cut off, in parts of this size; smaller bundles never touch the disk. */
const partBytes = 1_048_576;
const partPrefix = "part-";
const firstChunkBytes = 65_536;
/** A chunk that takes longer than this keeps the heartbeat and other calls waiting on a slow link. */
const slowChunkMs = 2_000;
const fastChunkMs = 500;
const minChunkBytes = 4_096;

/** Bytes of one bundle as they arrive. It outlives the session it began in, and its parts the process. */
export interface BundleDownload {
  readonly encodedDigest: string;
  readonly receivedBytes: number;
  /** Reads on to the end. Rejects as the session's calls do, and with the signal's reason. */
  run(session: Caller, signal: AbortSignal): Promise<Buffer>;
  /** Forgets what was received, in memory and in the store. */
  discard(): Promise<void>;
}

/** Goes on where an earlier download of the same bytes, in this process or one before it, was cut off. */
export async function resumeDownload(offered: OfferedBundle, store: StateStore): Promise<BundleDownload> {
  const { encodedDigest, encodedBytes } = offered;
  await removeParts(store, (name) => !name.startsWith(partName(encodedDigest, "")));
  const chunks = await readParts(store, encodedDigest, encodedBytes);
  let receivedBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  let storedBytes = receivedBytes;
  let chunkBytes = firstChunkBytes;

  async function readChunk(session: Caller): Promise<void> {
    const length = Math.min(chunkBytes, encodedBytes - receivedBytes);
    const startedAt = performance.now();
    const bytes = await session.call("bundle:read", { encodedDigest, offset: receivedBytes, length });
    if (bytes.byteLength === 0 || bytes.byteLength > length) throw wrongLength(bytes.byteLength, length);
    // A copy: the frame it came in may be a view of a far larger buffer.
    chunks.push(Buffer.from(bytes));
    receivedBytes += bytes.byteLength;
    chunkBytes = nextChunkBytes(chunkBytes, performance.now() - startedAt);
  }

  async function keepPart(): Promise<void> {
    if (receivedBytes - storedBytes < partBytes || receivedBytes === encodedBytes) return;
    const whole = Buffer.concat(chunks);
    const index = String(Math.round(storedBytes / partBytes)).padStart(3, "0");
    await store.write(partName(encodedDigest, index), whole.subarray(storedBytes, storedBytes + partBytes));
    storedBytes += partBytes;
    chunks.splice(0, chunks.length, whole);
  }

  return {
    encodedDigest,
    get receivedBytes() {
      return receivedBytes;
    },
    async run(session, signal) {
      while (receivedBytes < encodedBytes) {
        signal.throwIfAborted();
        await readChunk(session);
        await keepPart();
      }
      return Buffer.concat(chunks);
    },
    async discard() {
      chunks.length = 0;
      receivedBytes = 0;
      storedBytes = 0;
      await removeParts(store, () => true);
    },
  };
}

function nextChunkBytes(chunkBytes: number, tookMs: number): number {
  if (tookMs > slowChunkMs) return Math.max(minChunkBytes, Math.floor(chunkBytes / 2));
  return tookMs < fastChunkMs ? Math.min(limits.chunkBytes, chunkBytes * 2) : chunkBytes;
}

const partName = (encodedDigest: string, index: string): string => `${partPrefix}${encodedDigest}-${index}`;

/** Whole parts in order from the first; what comes after a gap is of no use. */
async function readParts(store: StateStore, encodedDigest: string, encodedBytes: number): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  for (let index = 0; (index + 1) * partBytes <= encodedBytes; index += 1) {
    const part = await store.read(partName(encodedDigest, String(index).padStart(3, "0")));
    if (part?.length !== partBytes) break;
    parts.push(part);
  }
  return parts;
}

async function removeParts(store: StateStore, isUnwanted: (name: string) => boolean): Promise<void> {
  for (const name of await store.list()) {
    if (name.startsWith(partPrefix) && isUnwanted(name)) await store.remove(name);
  }
}

function wrongLength(got: number, asked: number): AppError {
  return new AppError({
    code: "bad_answer",
    status: 502,
    message: `The platform sent ${got} bytes of the bundle where at most ${asked} were asked for.`,
  });
}
