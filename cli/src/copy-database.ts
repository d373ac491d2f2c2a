import type { Db, Document } from "mongodb";
import { createHash } from "node:crypto";
import { BSON } from "mongodb";

/** Documents that travel together. */
const batchSize = 500;

export interface CopiedCollection {
  name: string;
  documentCount: number;
  indexCount: number;
}

export class CopyError extends Error {}

/** Count and order-independent digest of a collection's documents. */
async function fingerprint(db: Db, collection: string): Promise<{ count: number; digest: string }> {
  let count = 0;
  const sum = Buffer.alloc(32);
  for await (const document of db.collection(collection).find({}, { batchSize })) {
    count += 1;
    const digest = createHash("sha256").update(BSON.serialize(document)).digest();
    digest.forEach((byte, index) => (sum[index] = (sum[index] ?? 0) ^ byte));
  }
  return { count, digest: sum.toString("hex") };
}

async function copyIndexes(from: Db, to: Db, name: string): Promise<number> {
  const indexes = await from.collection(name).indexes();
  const own = indexes.filter((index) => index.name !== "_id_");
  for (const { key, v: _v, ns: _ns, ...options } of own as (Document & { key: Document })[]) {
    await to.collection(name).createIndex(key, options);
  }
  return own.length;
}

async function copyDocuments(from: Db, to: Db, name: string): Promise<void> {
  let batch: Document[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await to.collection(name).insertMany(batch, { ordered: false });
    batch = [];
  };
  for await (const document of from.collection(name).find({}, { batchSize })) {
    batch.push(document);
    if (batch.length >= batchSize) await flush();
  }
  await flush();
}

/**
 * Copies every collection with its indexes into a database that has none of them, then reads both sides again
 * and compares them. Nothing of the source is changed.
 * @throws CopyError where the target is not empty, or what arrived differs
 */
export async function copyDatabase(options: {
  from: Db;
  to: Db;
  onCollection?: (copied: CopiedCollection) => void;
}): Promise<CopiedCollection[]> {
  const { from, to, onCollection = () => undefined } = options;
  const there = (await to.listCollections({}, { nameOnly: true }).toArray()).map((entry) => entry.name);
  if (there.length > 0) {
    throw new CopyError(
      `The target database ${to.databaseName} is not empty: it has ${there.slice(0, 5).join(", ")}.`,
    );
  }
  const names = (await from.listCollections({}, { nameOnly: true }).toArray())
    .map((entry) => entry.name)
    .sort();
  const copied: CopiedCollection[] = [];
  for (const name of names) {
    await to.createCollection(name);
    await copyDocuments(from, to, name);
    const indexCount = await copyIndexes(from, to, name);
    const [source, target] = [await fingerprint(from, name), await fingerprint(to, name)];
    if (source.count !== target.count || source.digest !== target.digest) {
      throw new CopyError(
        `${name} did not arrive whole: ${target.count} of ${source.count} documents. Is the platform still running?`,
      );
    }
    const result = { name, documentCount: source.count, indexCount };
    copied.push(result);
    onCollection(result);
  }
  return copied;
}
