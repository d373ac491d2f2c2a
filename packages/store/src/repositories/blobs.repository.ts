import { createHash } from "node:crypto";
import type { Blob, Models } from "../models.ts";

/** Well under a document's 16 MB, and large enough that a usual rendering is one piece. */
const chunkBytes = 1_048_576;

/** Content by its hash, within an organisation: equal content is stored once. */
export function createBlobRepository({ blobs, blobChunks }: Models) {
  return {
    /** Stores `content` and returns its id. Repeating it, or dying half-way and repeating it, is harmless. */
    async put(organizationId: string, content: Buffer): Promise<string> {
      const _id = `${organizationId}/${createHash("sha256").update(content).digest("hex")}`;
      if ((await blobs.exists({ _id })) !== null) return _id;
      const chunkCount = Math.ceil(content.length / chunkBytes);
      for (let index = 0; index < chunkCount; index += 1) {
        const data = content.subarray(index * chunkBytes, (index + 1) * chunkBytes);
        await blobChunks.updateOne({ _id: `${_id}/${index}` }, { $set: { data } }, { upsert: true });
      }
      // Last, so that a blob that can be found is whole.
      const blob = { organizationId, sizeBytes: content.length, chunkCount, createdAt: new Date() };
      await blobs.updateOne({ _id }, { $setOnInsert: blob }, { upsert: true });
      return _id;
    },

    /** The content, or undefined where no such blob is whole in this organisation. */
    async get(organizationId: string, id: string): Promise<Buffer | undefined> {
      const blob = await blobs.findOne({ _id: id, organizationId }).lean<Blob>();
      if (blob === null) return undefined;
      const parts: Buffer[] = [];
      for (let index = 0; index < blob.chunkCount; index += 1) {
        const chunk = await blobChunks
          .findOne({ _id: `${id}/${index}` })
          .lean<{ data: { buffer: Uint8Array } }>();
        if (chunk === null) return undefined;
        parts.push(Buffer.from(chunk.data.buffer));
      }
      return Buffer.concat(parts, blob.sizeBytes);
    },
  };
}
