import assert from "node:assert/strict";
import { type Collection, Decimal128, type Document, Double, Long, MongoClient, ObjectId } from "mongodb";
import { startStore, type TestStore } from "./store.ts";

describe("when rules differ between JavaScript and MongoDB", () => {
  let store: TestStore;
  let client: MongoClient;
  let things: Collection<Document>;
  before(async () => {
    store = await startStore();
    client = new MongoClient(store.mongo.uri);
    things = client.db("app").collection("things");
  });
  beforeEach(async () => {
    await client.db("app").dropDatabase();
  });
  after(async () => {
    await client.close();
    assert.deepEqual(store.errors, []);
    await store.remove();
  });

  const ids = async (filter: Document, sort: Document = { _id: 1 }): Promise<unknown[]> =>
    (
      await things
        .find(filter)
        .sort(sort as never)
        .toArray()
    ).map((one) => one._id);

  const insert = (documents: Document[]): Promise<unknown> => things.insertMany(documents);

  it("compares numbers of all types by their exact value, with an index and without", async () => {
    await insert([
      { _id: 1, v: Long.fromString("9007199254740993") },
      { _id: 2, v: new Double(9007199254740992) },
      { _id: 3, v: Decimal128.fromString("9007199254740992.5") },
      { _id: 4, v: Decimal128.fromString("5.0") },
      { _id: 5, v: 5 },
      { _id: 6, v: Number.NaN },
      { _id: 7, v: Decimal128.fromString("0.1") },
      { _id: 8, v: 0.1 },
      { _id: 9, v: Decimal128.fromString("-1E400") },
    ]);
    for (const index of [false, true]) {
      if (index) await things.createIndex({ v: 1 });
      assert.deepEqual(await ids({}, { v: 1, _id: 1 }), [6, 9, 7, 8, 4, 5, 2, 3, 1]);
      assert.deepEqual(await ids({ v: 5 }), [4, 5]);
      assert.deepEqual(await ids({ v: { $gt: Decimal128.fromString("9007199254740992") } }), [1, 3]);
      assert.deepEqual(await ids({ v: Number.NaN }), [6]);
      assert.deepEqual(await ids({ v: { $lt: 0.1 } }), [7, 9]);
    }
  });

  it("orders values of different types as MongoDB does, with an index and without", async () => {
    const values = [null, -1, "a", { x: 1 }, new ObjectId(), false, new Date(0)];
    await insert(values.map((v, _id) => ({ _id, v })));
    const expected = values.map((_, at) => at);
    assert.deepEqual(await ids({}, { v: 1 }), expected);
    await things.createIndex({ v: -1 });
    assert.deepEqual(await ids({}, { v: 1 }), expected);
    assert.deepEqual(await ids({}, { v: -1 }), expected.reverse());
    assert.deepEqual(await ids({ v: { $gt: "" } }), [2]);
  });

  it("equals embedded documents by the order of their fields", async () => {
    await insert([
      { _id: 1, v: { x: 1, y: 2 } },
      { _id: 2, v: { y: 2, x: 1 } },
    ]);
    assert.deepEqual(await ids({ v: { x: 1, y: 2 } }), [1]);
    await things.createIndex({ v: 1 });
    assert.deepEqual(await ids({ v: { y: 2, x: 1 } }), [2]);
  });

  it("keeps the number types of what it computes", async () => {
    await insert([
      {
        _id: 1,
        int: 2147483647,
        long: Long.fromNumber(1),
        double: new Double(1),
        decimal: Decimal128.fromString("0.1"),
      },
    ]);
    await things.updateOne(
      {},
      {
        $inc: {
          int: 1,
          long: 1,
          double: 1,
          decimal: Decimal128.fromString("0.2"),
          fresh: Long.fromNumber(3),
        },
      },
    );
    const raw = await things.findOne({}, { promoteValues: false });
    assert.deepEqual(
      ["int", "long", "double", "decimal", "fresh"].map(
        (name) => (raw?.[name] as { _bsontype: string })._bsontype,
      ),
      ["Long", "Long", "Double", "Decimal128", "Long"],
    );
    assert.equal(String(raw?.["decimal"]), "0.3");
    await things.updateOne({}, { $set: { long: Long.MAX_VALUE } });
    await assert.rejects(things.updateOne({}, { $inc: { long: 1 } }), { code: 2 });
  });

  it("refuses updates that MongoDB refuses, and leaves the document alone", async () => {
    await insert([{ _id: 1, text: "x", list: [1], nested: { a: 1 } }]);
    const refusals: [Document, number][] = [
      [{ $inc: { text: 1 } }, 14],
      [{ $push: { text: 1 } }, 2],
      [{ $set: { "text.b": 1 } }, 28],
      [{ $set: { nested: 1 }, $inc: { "nested.a": 1 } }, 40],
      [{ $set: { _id: 2 } }, 66],
      [{ $set: { "list.name": 1 } }, 28],
      [{ $pop: { text: 1 } }, 14],
      [{ $rename: { nested: "nested.b" } }, 2],
      [{ $set: { "list.$[e]": 1 } }, 2],
      [{ $set: { "list.$": 1 } }, 2],
      [{ $push: { list: { $each: 1 } } }, 2],
      [{ $set: { "": 1 } }, 56],
    ];
    for (const [update, code] of refusals) {
      await assert.rejects(
        things.updateOne({ _id: 1 as never }, update),
        (error: { code: number; message: string }) => {
          assert.equal(error.code, code, `${JSON.stringify(update)}: ${error.message}`);
          return true;
        },
      );
    }
    assert.deepEqual(await things.findOne(), { _id: 1, text: "x", list: [1], nested: { a: 1 } });
  });

  it("updates elements by position, by all and by filter", async () => {
    await insert([
      {
        _id: 1,
        list: [
          { k: "a", n: 1 },
          { k: "b", n: 2 },
          { k: "b", n: 3 },
        ],
      },
    ]);
    await things.updateOne({ $and: [{ "list.k": "b" }] }, { $set: { "list.$.hit": true } });
    await things.updateOne({}, { $inc: { "list.$[].n": 10 } });
    await things.updateOne(
      {},
      { $set: { "list.$[big].big": true } },
      { arrayFilters: [{ "big.n": { $gte: 13 } }] },
    );
    assert.deepEqual((await things.findOne())?.["list"], [
      { k: "a", n: 11 },
      { k: "b", n: 12, hit: true },
      { k: "b", n: 13, big: true },
    ]);
  });

  it("answers a cursor's later batches after the documents it stands on have changed", async () => {
    await insert(Array.from({ length: 50 }, (_, at) => ({ _id: at, v: at })));
    await things.createIndex({ v: 1 });
    const cursor = things
      .find({ v: { $gte: 0 } })
      .sort({ v: 1 })
      .batchSize(10);
    const seen = [(await cursor.next())?.["v"]];
    await things.deleteMany({ v: { $gte: 20, $lt: 40 } });
    for await (const one of cursor) seen.push(one["v"]);
    assert.deepEqual(
      seen.slice(-10),
      Array.from({ length: 10 }, (_, at) => 40 + at),
    );
    assert.equal(new Set(seen).size, seen.length);
  });

  it("looks at no more documents than an index leads to", async () => {
    await insert(
      Array.from({ length: 500 }, (_, at) => ({
        _id: at,
        org: at % 5,
        state: at % 2,
        at,
        email: `e${at}`,
        tags: [at, at + 1],
      })),
    );
    await things.createIndexes([
      { key: { org: 1, state: 1, at: -1 } },
      { key: { email: 1 }, unique: true, sparse: true },
      { key: { tags: 1 } },
      { key: { at: 1 }, partialFilterExpression: { org: 3 }, name: "partial" },
    ]);
    const examined = async (
      filter: Document,
      sort: Document = {},
      limit = 0,
    ): Promise<[number, string | undefined]> => {
      const plan = await things.find(filter).sort(sort).limit(limit).explain("executionStats");
      return [
        plan["executionStats"].totalDocsExamined as number,
        (plan["queryPlanner"].winningPlan as Document)["stage"] as string,
      ];
    };
    assert.deepEqual(await examined({ _id: 7 }), [1, "IXSCAN"]);
    assert.deepEqual(await examined({ email: "e7" }), [1, "IXSCAN"]);
    assert.deepEqual(await examined({ _id: { $in: [1, 2, 900] } }), [2, "IXSCAN"]);
    assert.deepEqual(await examined({ org: 1, state: 0 }, { at: -1 }, 5), [5, "IXSCAN"]);
    assert.deepEqual(await examined({ org: 1, state: 0, at: { $gt: 480 } }), [2, "IXSCAN"]);
    assert.deepEqual(await examined({ tags: 9 }), [2, "IXSCAN"]);
    assert.deepEqual(await examined({ org: 3, at: { $gte: 490 } }), [2, "IXSCAN"]);
    assert.deepEqual(await examined({ $or: [{ email: "e1" }, { tags: 3 }] }), [3, "OR"]);
    assert.deepEqual(await examined({ email: { $regex: "^e49" } }), [11, "IXSCAN"]);
    assert.deepEqual(await examined({ state: 0 }), [500, "COLLSCAN"]);
    assert.deepEqual(await examined({ _id: { $in: [] } }), [0, "EOF"]);
  });

  it("allows a unique index its sparse and partial exceptions", async () => {
    await things.createIndexes([
      { key: { a: 1 }, unique: true, sparse: true },
      { key: { b: 1 }, unique: true, partialFilterExpression: { live: true } },
      { key: { c: 1, d: 1 }, unique: true, partialFilterExpression: { c: { $exists: true } } },
    ]);
    await insert([{ b: 1 }, { b: 1 }, { a: 1, b: 2, live: true }, { c: 1, d: 1 }, { c: 1, d: 2 }]);
    await assert.rejects(things.insertOne({ a: 1 }), { code: 11000 });
    await assert.rejects(things.insertOne({ b: 2, live: true }), { code: 11000 });
    await assert.rejects(things.insertOne({ c: 1, d: 2 }), { code: 11000 });
    await things.insertOne({ a: null });
    await assert.rejects(things.insertOne({ a: null }), { code: 11000 });
    await things.deleteMany({});
    await insert([{ e: 1 }, { e: 1 }]);
    await assert.rejects(things.createIndex({ e: 1 }, { unique: true }), { code: 11000 });
    assert.ok(
      !(await things.indexes()).some((index) => index.name === "e_1"),
      "a failed index is not left behind",
    );
  });

  it("computes dates in UTC and refuses other zones", async () => {
    await insert([{ _id: 1, at: new Date("2026-03-04T05:06:07.089Z") }]);
    const [result] = await things
      .aggregate([
        {
          $project: {
            day: { $dateToString: { date: "$at", format: "%Y-%m-%d" } },
            hour: { $dateTrunc: { date: "$at", unit: "hour" } },
            week: { $dateTrunc: { date: "$at", unit: "week", startOfWeek: "monday" } },
            later: { $dateAdd: { startDate: "$at", unit: "day", amount: 30 } },
            days: { $dateDiff: { startDate: new Date(0), endDate: "$at", unit: "day" } },
            isoWeek: { $isoWeek: "$at" },
          },
        },
      ])
      .toArray();
    assert.deepEqual(result, {
      _id: 1,
      day: "2026-03-04",
      hour: new Date("2026-03-04T05:00:00Z"),
      week: new Date("2026-03-02T00:00:00Z"),
      later: new Date("2026-04-03T05:06:07.089Z"),
      days: 20516,
      isoWeek: 10,
    });
    await assert.rejects(
      things
        .aggregate([{ $project: { y: { $year: { date: "$at", timezone: "Europe/Berlin" } } } }])
        .toArray(),
      { code: 238 },
    );
  });
});
