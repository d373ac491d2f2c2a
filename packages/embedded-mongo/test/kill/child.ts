import { MongoClient, type Document } from "mongodb";
import { startEmbeddedMongo } from "../../src/index.ts";

/**
 * Writes without end, from several clients at once, and prints each write after its acknowledgement:
 * `I <id>` an insert, `U <id> <n>` an update that set n, `T <id>` a transaction over two collections.
 */
const [dataDir = "", run = "0"] = process.argv.slice(2);
const startedAt = performance.now();
const store = await startEmbeddedMongo({ dataDir });
const client = new MongoClient(store.uri);
const db = client.db("kill");
const items = db.collection<Document & { _id: string }>("items");
await items.findOne({ _id: "first" });
process.stdout.write(`R ${Math.round(performance.now() - startedAt)}\n`);
await items.createIndex({ code: 1 }, { unique: true });
const pairs = db.collection<Document & { _id: string }>("pairs");
await pairs.createIndex({ of: 1 });

async function inserts(writer: number): Promise<void> {
  for (let at = 0; ; at++) {
    const id = `${run}-${writer}-${at}`;
    await items.insertOne({ _id: id, code: id, n: 0 });
    process.stdout.write(`I ${id}\n`);
    await items.updateOne({ code: id }, { $inc: { n: 1 }, $push: { log: at } } as never);
    process.stdout.write(`U ${id} 1\n`);
  }
}

async function bulks(writer: number): Promise<void> {
  for (let at = 0; ; at++) {
    const ids = Array.from({ length: 20 }, (_, n) => `${run}-b${writer}-${at}-${n}`);
    await items.bulkWrite(
      ids.map((id) => ({
        updateOne: { filter: { _id: id }, update: { $set: { code: id, n: 5 } }, upsert: true },
      })),
      { ordered: false },
    );
    process.stdout.write(ids.map((id) => `I ${id}\nU ${id} 5\n`).join(""));
  }
}

async function transactions(): Promise<void> {
  for (let at = 0; ; at++) {
    const id = `${run}-t-${at}`;
    await client.withSession((session) =>
      session.withTransaction(async () => {
        await items.insertOne({ _id: id, code: id, n: 7 }, { session });
        await pairs.insertOne({ _id: id, of: id }, { session });
      }),
    );
    process.stdout.write(`T ${id}\n`);
  }
}

await Promise.all([inserts(0), inserts(1), inserts(2), inserts(3), bulks(0), transactions()]);
