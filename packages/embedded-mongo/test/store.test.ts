import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import {
  BSON,
  Decimal128,
  Double,
  Int32,
  Long,
  MongoClient,
  ObjectId,
  Timestamp,
  Binary,
  type Document,
} from "mongodb";
import type { EmbeddedMongoError } from "../src/index.ts";
import { restoreBackup, startEmbeddedMongo } from "../src/index.ts";
import { eventually, startStore, temporaryFolder } from "./store.ts";

async function withClient<Result>(
  uri: string,
  use: (client: MongoClient) => Promise<Result>,
): Promise<Result> {
  const client = new MongoClient(uri);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

describe("when a store is started", () => {
  it("keeps its socket and data to their owner", async () => {
    const store = await startStore();
    assert.equal(statSync(store.dataDir).mode & 0o777, 0o700);
    assert.equal(statSync(store.mongo.socketPath).mode & 0o777, 0o600);
    await store.remove();
  });

  it("moves the socket to a short folder when the path would be too long", async () => {
    const parent = temporaryFolder();
    const dataDir = join(parent, "d".repeat(120));
    mkdirSync(dataDir);
    const store = await startStore({ dataDir });
    assert.ok(store.mongo.socketPath.length < 100);
    assert.equal(statSync(join(store.mongo.socketPath, "..")).mode & 0o777, 0o700);
    await withClient(store.mongo.uri, (client) => client.db("a").command({ ping: 1 }));
    await store.remove();
    assert.throws(() => statSync(join(store.mongo.socketPath, "..")));
    rmSync(parent, { recursive: true });
  });

  it("refuses a second one on the same folder, in this process and in another", async () => {
    const store = await startStore();
    await assert.rejects(startEmbeddedMongo({ dataDir: store.dataDir }), (error: EmbeddedMongoError) => {
      assert.equal(error.code, "DATA_FOLDER_IN_USE");
      assert.match(error.message, /in use by another process/);
      return true;
    });
    const script = join(store.dataDir, "second.ts");
    const face = new URL("../src/index.ts", import.meta.url).href;
    writeFileSync(
      script,
      `import { startEmbeddedMongo } from ${JSON.stringify(face)};\nstartEmbeddedMongo({ dataDir: ${JSON.stringify(store.dataDir)} }).catch((error) => console.log(error.code));`,
    );
    const second = spawnSync(process.execPath, ["--import", "tsx", script], {
      encoding: "utf8",
      cwd: process.cwd(),
    });
    assert.match(second.stdout, /DATA_FOLDER_IN_USE/);
    await withClient(store.mongo.uri, (client) => client.db("a").command({ ping: 1 }));
    await store.remove();
  });

  it("keeps every BSON type as it was written, over a restart", async () => {
    const store = await startStore();
    const document = {
      _id: new ObjectId(),
      int: new Int32(5),
      whole: new Double(5),
      minusZero: new Double(-0),
      long: Long.fromString("9007199254740993"),
      decimal: Decimal128.fromString("0.10"),
      date: new Date(-1),
      text: "a\u0000b é \u{1f600}",
      binary: new Binary(Buffer.from([1, 2, 3]), 5),
      timestamp: new Timestamp({ t: 7, i: 9 }),
      nested: { "1": "one", "0": "zero", list: [null, true, [new Double(1)]] },
    };
    await withClient(store.mongo.uri, (client) =>
      client.db("a").collection<Document>("types").insertOne(document),
    );
    await store.mongo.stop();
    const again = await startStore({ dataDir: store.dataDir });
    const raw = await withClient(again.mongo.uri, async (client) => {
      const types = client.db("a").collection<Document>("types", { promoteValues: false });
      // An update decodes the document and writes it anew.
      await types.updateOne({ _id: document._id }, { $set: { changed: true } });
      return types.findOne({ _id: document._id }, { promoteValues: false });
    });
    assert.equal((raw?.["int"] as Int32)._bsontype, "Int32");
    assert.equal((raw?.["whole"] as Double)._bsontype, "Double");
    assert.ok(Object.is((raw?.["minusZero"] as Double).value, -0));
    assert.equal(String(raw?.["long"]), "9007199254740993");
    assert.equal(String(raw?.["decimal"]), "0.10");
    assert.equal((raw?.["date"] as Date).getTime(), -1);
    assert.equal(raw?.["text"], document.text);
    assert.equal((raw?.["binary"] as Binary).sub_type, 5);
    assert.ok((raw?.["timestamp"] as Timestamp).equals(document.timestamp));
    assert.equal((raw?.["nested"] as Document)["list"][2][0]._bsontype, "Double");
    await again.remove();
  });
});

describe("when a store is backed up", () => {
  it("copies the committed state while clients write, and restores it", async () => {
    const store = await startStore();
    const file = join(store.dataDir, "copy.backup");
    await withClient(store.mongo.uri, async (client) => {
      const things = client.db("a").collection<Document>("things");
      await things.createIndex({ n: 1 }, { unique: true });
      await things.insertMany(Array.from({ length: 3000 }, (_, n) => ({ n })));
      const backup = store.mongo.backup(file);
      await Promise.all(Array.from({ length: 50 }, (_, n) => things.insertOne({ n: 10_000 + n })));
      await backup;
      await assert.rejects(store.mongo.backup(file), /exists already/);
    });
    await store.mongo.stop();
    restoreBackup({ backupFile: file, dataDir: store.dataDir });
    const restored = await startStore({ dataDir: store.dataDir });
    await withClient(restored.mongo.uri, async (client) => {
      const things = client.db("a").collection<Document>("things");
      assert.equal(await things.countDocuments({ n: { $lt: 3000 } }), 3000);
      await assert.rejects(things.insertOne({ n: 7 }), { code: 11000 });
    });
    assert.throws(() => restoreBackup({ backupFile: file, dataDir: store.dataDir }), {
      code: "DATA_FOLDER_IN_USE",
    });
    await restored.remove();
  });

  it("refuses to restore what is no backup", () => {
    const folder = temporaryFolder();
    const file = join(folder, "no.backup");
    writeFileSync(file, "nothing of the kind");
    assert.throws(() => restoreBackup({ backupFile: file, dataDir: join(folder, "data") }), {
      code: "BACKUP_DAMAGED",
    });
    assert.throws(() => restoreBackup({ backupFile: `${file}x`, dataDir: join(folder, "data") }), {
      code: "BACKUP_MISSING",
    });
    rmSync(folder, { recursive: true });
  });

  it("exports documents and indexes as mongodump does", async () => {
    const store = await startStore();
    const folder = join(store.dataDir, "dump");
    await withClient(store.mongo.uri, async (client) => {
      const things = client.db("app").collection<Document>("some things");
      await things.createIndex({ at: -1 }, { expireAfterSeconds: 60 });
      await things.insertMany([
        { _id: 1 as never, at: new Date(0) },
        { _id: 2 as never, long: Long.fromNumber(2) },
      ]);
      await store.mongo.exportTo(folder);
      await assert.rejects(store.mongo.exportTo(folder), /exists already/);
    });
    assert.deepEqual(readdirSync(join(folder, "app")).sort(), [
      "some%20things.bson",
      "some%20things.metadata.json",
    ]);
    const bytes = readFileSync(join(folder, "app", "some%20things.bson"));
    const first = BSON.deserialize(bytes.subarray(0, bytes.readInt32LE(0)));
    assert.deepEqual(first, { _id: 1, at: new Date(0) });
    const second = BSON.deserialize(bytes.subarray(bytes.readInt32LE(0)), { promoteLongs: false });
    assert.ok(second["long"] instanceof Long);
    const metadata = JSON.parse(
      readFileSync(join(folder, "app", "some%20things.metadata.json"), "utf8"),
    ) as Document;
    assert.equal(metadata["collectionName"], "some things");
    assert.deepEqual(metadata["indexes"][1].key, { at: { $numberInt: "-1" } });
    assert.deepEqual(metadata["indexes"][1].expireAfterSeconds, { $numberInt: "60" });
    await store.remove();
  });
});

describe("when a client sends what no client should", () => {
  const hostile: [string, Buffer][] = [
    ["a length of nothing", Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
    ["a length of two gigabytes", Buffer.from([255, 255, 255, 127, 0, 0, 0, 0, 0, 0, 0, 0, 221, 7, 0, 0])],
    ["an unknown operation", Buffer.from([20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0])],
    [
      "a section longer than its message",
      Buffer.from([26, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 221, 7, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0, 0]),
    ],
  ];
  for (const [what, bytes] of hostile) {
    it(`ends the connection on ${what} and serves the others`, async () => {
      const store = await startStore();
      const closed = await new Promise<boolean>((resolve) => {
        const socket = connect(store.mongo.socketPath, () => socket.write(bytes));
        socket.on("close", () => resolve(true));
        socket.on("error", () => undefined);
      });
      assert.ok(closed);
      await withClient(store.mongo.uri, (client) => client.db("a").command({ ping: 1 }));
      await store.remove();
    });
  }

  it("answers a document that is malformed or too deep", async () => {
    const store = await startStore();
    let deep: Document = {};
    for (let at = 0; at < 300; at++) deep = { deep };
    await withClient(store.mongo.uri, async (client) => {
      await assert.rejects(client.db("a").collection<Document>("x").insertOne(deep), { code: 15 });
      await assert.rejects(
        client
          .db("a")
          .collection<Document>("x")
          .insertOne({ big: "x".repeat(17_000_000) }),
      );
      await assert.rejects(
        client
          .db("a")
          .collection<Document>("x")
          .insertOne({ _id: [1] as never }),
        { code: 2 },
      );
      await client.db("a").command({ ping: 1 });
    });
    await store.remove();
  });

  it("refuses by name what it does not support", async () => {
    const store = await startStore();
    await withClient(store.mongo.uri, async (client) => {
      const things = client.db("a").collection<Document>("x");
      await things.insertOne({ a: 1 });
      const refused = (run: Promise<unknown>, code: number, name: RegExp) =>
        assert.rejects(run, (error: { code: number; message: string }) => {
          assert.equal(error.code, code, error.message);
          assert.match(error.message, name);
          return true;
        });
      await refused(things.find({ $where: "true" }).toArray(), 238, /\$where/);
      await refused(things.find({ a: { $geoWithin: {} } }).toArray(), 238, /\$geoWithin/);
      await refused(things.find({ a: { $nonsense: 1 } }).toArray(), 2, /unknown operator: \$nonsense/);
      await refused(things.find({}, { collation: { locale: "de" } }).toArray(), 238, /collation/);
      await refused(things.createIndex({ a: "text" }), 238, /type 'text'/);
      await refused(things.aggregate([{ $graphLookup: {} }]).toArray(), 238, /\$graphLookup/);
      await refused(things.aggregate([{ $nonsense: {} }]).toArray(), 40324, /\$nonsense/);
      await refused(things.aggregate([{ $project: { b: { $function: {} } } }]).toArray(), 238, /\$function/);
      await refused(things.updateOne({}, { $nonsense: { a: 1 } }), 9, /\$nonsense/);
      await refused(client.db("a").command({ mapReduce: "x" }), 115, /mapReduce/);
      await refused(client.db("a").command({ nonsense: 1 }), 59, /no such command: 'nonsense'/);
      await refused(client.db("a").command({ find: "x", nonsense: 1 }), 40415, /find\.nonsense/);
      await refused(things.watch().tryNext(), 238, /\$changeStream/);
    });
    await store.remove();
  });
});

describe("when a TTL index is there", () => {
  it("deletes by itself at the interval", async () => {
    const store = await startStore({ ttlIntervalMs: 50 });
    await withClient(store.mongo.uri, async (client) => {
      const things = client.db("a").collection<Document>("x");
      await things.createIndex({ at: 1 }, { expireAfterSeconds: 1 });
      await things.insertMany([
        { at: new Date(Date.now() - 5000) },
        { at: [new Date(Date.now() - 5000), new Date(Date.now() + 50_000)] },
        { at: new Date(Date.now() + 50_000) },
        { at: "no date" },
        {},
      ]);
      await eventually(async () => assert.equal(await things.countDocuments({}), 3));
    });
    await store.remove();
  });
});
