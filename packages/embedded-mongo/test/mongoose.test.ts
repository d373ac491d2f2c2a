import assert from "node:assert/strict";
// Only the tests know mongoose here: the store is what is tested with it.
// eslint-disable-next-line no-restricted-imports
import mongoose, { Schema } from "mongoose";
import { startStore, type TestStore } from "./store.ts";

const personSchema = new Schema(
  {
    email: { type: String, required: true, unique: true },
    name: String,
    age: Number,
    tags: [String],
    address: { city: String, zip: String },
    team: { type: Schema.Types.ObjectId, ref: "Team" },
    expiresAt: Date,
  },
  { timestamps: true, optimisticConcurrency: true },
);
personSchema.index({ age: -1, name: 1 });
personSchema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
const teamSchema = new Schema({ title: String, members: [{ type: Schema.Types.ObjectId, ref: "Person" }] });

describe("when mongoose uses the store", () => {
  let store: TestStore;
  let connection: mongoose.Connection;
  before(async () => {
    store = await startStore();
    connection = await mongoose.createConnection(store.mongo.uri).asPromise();
    await connection.model("Person", personSchema).init();
    await connection.model("Team", teamSchema).init();
  });
  beforeEach(async () => {
    await connection.model("Person").deleteMany({});
    await connection.model("Team").deleteMany({});
  });
  after(async () => {
    await connection.close();
    await store.remove();
  });

  it("creates the schema's indexes and keeps them in step", async () => {
    const Person = connection.model("Person");
    const indexes = await Person.collection.indexes();
    assert.deepEqual(
      indexes.map((index) => index.name),
      ["_id_", "email_1", "age_-1_name_1", "expiresAt_1"],
    );
    assert.equal(indexes[1]?.unique, true);
    assert.equal(indexes[3]?.expireAfterSeconds, 0);
    await Person.collection.createIndex({ name: 1 });
    assert.deepEqual(await Person.syncIndexes(), ["name_1"]);
    assert.equal((await Person.collection.indexes()).length, 4);
  });

  it("saves, finds, populates and updates", async () => {
    const [Person, Team] = [connection.model("Person"), connection.model("Team")];
    const team = await Team.create({ title: "core" });
    const ada = await Person.create({
      email: "ada@x",
      name: "Ada",
      age: 36,
      tags: ["a"],
      address: { city: "London" },
      team: team._id,
    });
    team.set("members", [ada._id]);
    await team.save();
    const found = await Person.findOne({ "address.city": "London" })
      .populate("team")
      .lean<{ team: { title: string }; createdAt: Date }>();
    assert.equal(found?.team.title, "core");
    assert.ok(found.createdAt instanceof Date);
    const loaded = await Team.findOne({ title: "core" }).populate("members");
    assert.equal(loaded?.get("members.0.email"), "ada@x");
    const updated = await Person.findOneAndUpdate(
      { email: "ada@x" },
      { $inc: { age: 1 }, $push: { tags: { $each: ["b", "c"], $slice: -2 } } },
      { returnDocument: "after" },
    );
    assert.equal(updated?.get("age"), 37);
    assert.deepEqual([...(updated?.get("tags") as string[])], ["b", "c"]);
  });

  it("refuses a second document with a unique value, with the driver's fields", async () => {
    const Person = connection.model("Person");
    await Person.create({ email: "one@x" });
    await assert.rejects(
      Person.create({ email: "one@x" }),
      (error: { code: number; keyPattern: object; keyValue: object; message: string }) => {
        assert.equal(error.code, 11000);
        assert.deepEqual(error.keyPattern, { email: 1 });
        assert.deepEqual(error.keyValue, { email: "one@x" });
        assert.match(
          error.message,
          /^E11000 duplicate key error collection: app\.people index: email_1 dup key: \{ email: "one@x" \}/,
        );
        return true;
      },
    );
  });

  it("answers a save of a stale version with VersionError", async () => {
    const Person = connection.model("Person");
    await Person.create({ email: "v@x", name: "one" });
    const [first, second] = await Promise.all([
      Person.findOne({ email: "v@x" }),
      Person.findOne({ email: "v@x" }),
    ]);
    first?.set("name", "two");
    await first?.save();
    second?.set("name", "three");
    await assert.rejects(async () => second?.save(), { name: "VersionError" });
  });

  it("runs mixed bulk writes and upserts", async () => {
    const Person = connection.model("Person");
    await Person.insertMany(Array.from({ length: 5 }, (_, at) => ({ email: `p${at}@x`, age: at })));
    const result = await Person.bulkWrite(
      [
        { updateOne: { filter: { email: "p1@x" }, update: { $set: { name: "changed" } } } },
        { updateOne: { filter: { email: "new@x" }, update: { $setOnInsert: { age: 99 } }, upsert: true } },
        { deleteOne: { filter: { email: "p2@x" } } },
        { insertOne: { document: { email: "p3@x" } } },
        { updateMany: { filter: { age: { $gte: 3 } }, update: { $inc: { age: 10 } } } },
      ],
      { ordered: false },
    ).catch(
      (error: {
        code: number;
        result: { modifiedCount: number; upsertedCount: number; deletedCount: number };
      }) => {
        assert.equal(error.code, 11000);
        return error.result;
      },
    );
    assert.deepEqual([result.modifiedCount, result.upsertedCount, result.deletedCount], [4, 1, 1]);
  });

  it("walks a thousand documents by a cursor", async () => {
    const Person = connection.model("Person");
    await Person.insertMany(Array.from({ length: 1000 }, (_, at) => ({ email: `c${at}@x`, age: at })));
    let sum = 0;
    for await (const person of Person.find().sort({ age: -1, name: 1 }).cursor({ batchSize: 70 }))
      sum += Number(person.get("age"));
    assert.equal(sum, 499_500);
  });

  it("aggregates with match, group, sort, lookup, unwind and facet", async () => {
    const [Person, Team] = [connection.model("Person"), connection.model("Team")];
    const [a, b] = await Team.create([{ title: "a" }, { title: "b" }]);
    await Person.create([
      { email: "1@x", age: 1, team: a?._id, tags: ["x", "y"] },
      { email: "2@x", age: 2, team: a?._id, tags: ["y"] },
      { email: "3@x", age: 3, team: b?._id, tags: [] },
    ]);
    const byTeam = await Person.aggregate([
      { $match: { age: { $gt: 0 } } },
      { $group: { _id: "$team", total: { $sum: "$age" }, emails: { $push: "$email" } } },
      { $lookup: { from: "teams", localField: "_id", foreignField: "_id", as: "team" } },
      { $project: { _id: 0, title: { $first: "$team.title" }, total: 1 } },
      { $sort: { title: 1 } },
    ]);
    assert.deepEqual(byTeam, [
      { title: "a", total: 3 },
      { title: "b", total: 3 },
    ]);
    const [facets] = await Person.aggregate([
      { $facet: { tags: [{ $unwind: "$tags" }, { $sortByCount: "$tags" }], count: [{ $count: "n" }] } },
    ]);
    assert.deepEqual(facets, {
      tags: [
        { _id: "y", count: 2 },
        { _id: "x", count: 1 },
      ],
      count: [{ n: 3 }],
    });
  });

  it("commits and aborts transactions", async () => {
    const Person = connection.model("Person");
    await connection.transaction(async (session) => {
      await Person.create([{ email: "t1@x" }], { session });
      assert.equal(await Person.countDocuments({ email: "t1@x" }), 0, "others see nothing before the commit");
      assert.equal(await Person.countDocuments({ email: "t1@x" }).session(session), 1);
    });
    assert.equal(await Person.countDocuments({ email: "t1@x" }), 1);
    await assert.rejects(
      connection.transaction(async (session) => {
        await Person.create([{ email: "t2@x" }], { session });
        await Person.updateOne({ email: "t1@x" }, { $set: { name: "no" } }, { session });
        throw new Error("changed my mind");
      }),
      /changed my mind/,
    );
    assert.equal(await Person.countDocuments({ email: "t2@x" }), 0);
    assert.equal((await Person.findOne({ email: "t1@x" }))?.get("name"), undefined);
  });

  it("deletes expired documents by the TTL index", async () => {
    const Person = connection.model("Person");
    await Person.create([
      { email: "old@x", expiresAt: new Date(Date.now() - 1000) },
      { email: "new@x", expiresAt: new Date(Date.now() + 60_000) },
      { email: "never@x" },
    ]);
    await store.mongo.sweep();
    assert.deepEqual(
      (await Person.find().sort({ email: 1 }).lean<{ email: string }[]>()).map((one) => one.email),
      ["never@x", "new@x"],
    );
  });

  it("drops a collection and a database", async () => {
    const Team = connection.model("Team");
    await Team.create({ title: "x" });
    await Team.collection.drop();
    assert.equal(await Team.countDocuments({}), 0);
    const other = connection.useDb("other");
    await other.collection("things").insertOne({ a: 1 });
    assert.ok((await connection.db?.admin().listDatabases())?.databases.some((one) => one.name === "other"));
    await other.dropDatabase();
    assert.ok(!(await connection.db?.admin().listDatabases())?.databases.some((one) => one.name === "other"));
  });
});
