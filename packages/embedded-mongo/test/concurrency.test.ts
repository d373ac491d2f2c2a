import assert from "node:assert/strict";
import type { MongoServerError } from "mongodb";
import { type Collection, type Document, Long, MongoClient } from "mongodb";
import { startStore, type TestStore } from "./store.ts";

const CLIENTS = 25;

describe("when many clients write at the same time", () => {
  let store: TestStore;
  let client: MongoClient;
  let jobs: Collection<Document>;
  before(async () => {
    store = await startStore({ testCommands: true });
    client = new MongoClient(store.mongo.uri, { maxPoolSize: CLIENTS + 5 });
    jobs = client.db("app").collection("jobs");
  });
  beforeEach(async () => {
    await client.db("app").dropDatabase();
  });
  after(async () => {
    await client.close();
    assert.deepEqual(store.errors, []);
    await store.remove();
  });

  it("gives each job to one claimer", async () => {
    await jobs.insertMany(
      Array.from({ length: 200 }, (_, at) => ({ _id: at as never, state: "open", priority: at % 7 })),
    );
    await jobs.createIndex({ state: 1, priority: -1 });
    const claims: number[] = [];
    const claimer = async (owner: number): Promise<void> => {
      for (;;) {
        const job = await jobs.findOneAndUpdate(
          { state: "open" },
          { $set: { state: "taken", owner } },
          { sort: { priority: -1, _id: 1 } },
        );
        if (!job) return;
        claims.push(Number(job._id));
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, (_, at) => claimer(at)));
    assert.equal(claims.length, 200);
    assert.equal(new Set(claims).size, 200);
    assert.equal(await jobs.countDocuments({ state: "taken" }), 200);
  });

  it("never lets a guarded $inc exceed its cap", async () => {
    await jobs.insertOne({ _id: "token" as never, used: 0 });
    const results = await Promise.all(
      Array.from({ length: 120 }, () =>
        jobs.updateOne({ _id: "token" as never, used: { $lt: 50 } }, { $inc: { used: 1 } }),
      ),
    );
    assert.equal(results.filter((result) => result.modifiedCount === 1).length, 50);
    assert.equal((await jobs.findOne({ _id: "token" as never }))?.["used"], 50);
  });

  it("lets one of many inserts of a unique value through", async () => {
    await jobs.createIndex({ name: 1 }, { unique: true });
    const settled = await Promise.allSettled(
      Array.from({ length: CLIENTS }, (_, at) => jobs.insertOne({ name: "same", at })),
    );
    const refused = settled
      .filter((one) => one.status === "rejected")
      .map((one) => one.reason as MongoServerError);
    assert.equal(refused.length, CLIENTS - 1);
    assert.ok(
      refused.every((error) => error.code === 11000 && (error["keyValue"] as Document)["name"] === "same"),
    );
    const upserts = await Promise.allSettled(
      Array.from({ length: CLIENTS }, () =>
        jobs.updateOne({ name: "once" }, { $inc: { n: 1 } }, { upsert: true }),
      ),
    );
    assert.ok(upserts.every((one) => one.status === "fulfilled"));
    assert.equal((await jobs.findOne({ name: "once" }))?.["n"], CLIENTS);
  });

  it("tells one of two conflicting transactions to start over", async () => {
    await jobs.insertOne({ _id: "a" as never, n: 0 });
    const [first, second] = [client.startSession(), client.startSession()];
    first.startTransaction();
    second.startTransaction();
    await jobs.updateOne({ _id: "a" as never }, { $inc: { n: 1 } }, { session: first });
    await assert.rejects(
      jobs.updateOne({ _id: "a" as never }, { $inc: { n: 1 } }, { session: second }),
      (error: MongoServerError) => {
        assert.equal(error.code, 112);
        assert.equal(error.codeName, "WriteConflict");
        assert.ok(error.hasErrorLabel("TransientTransactionError"));
        return true;
      },
    );
    await first.commitTransaction();
    await assert.rejects(second.commitTransaction(), (error: MongoServerError) => error.code === 251);
    await Promise.all([first.endSession(), second.endSession()]);
    assert.equal((await jobs.findOne({ _id: "a" as never }))?.["n"], 1);
  });

  it("refuses a transaction's write to what changed after its snapshot", async () => {
    await jobs.insertOne({ _id: "b" as never, n: 0 });
    const session = client.startSession();
    session.startTransaction();
    assert.equal((await jobs.findOne({ _id: "b" as never }, { session }))?.["n"], 0);
    await jobs.updateOne({ _id: "b" as never }, { $set: { n: 5 } });
    assert.equal(
      (await jobs.findOne({ _id: "b" as never }, { session }))?.["n"],
      0,
      "the snapshot stays as it was",
    );
    await assert.rejects(jobs.updateOne({ _id: "b" as never }, { $inc: { n: 1 } }, { session }), {
      code: 112,
    });
    await session.endSession();
  });

  it("makes a write outside wait for the transaction that holds its document", async () => {
    await jobs.insertOne({ _id: "c" as never, n: 0 });
    const session = client.startSession();
    session.startTransaction();
    await jobs.updateOne({ _id: "c" as never }, { $inc: { n: 1 } }, { session });
    let settled = false;
    const outside = jobs.updateOne({ _id: "c" as never }, { $inc: { n: 10 } }).then(() => (settled = true));
    await jobs.findOne({ _id: "c" as never });
    assert.equal(settled, false);
    await session.commitTransaction();
    await outside;
    await session.endSession();
    assert.equal((await jobs.findOne({ _id: "c" as never }))?.["n"], 11);
  });

  it("adds up transfers of concurrent transactions", async () => {
    await jobs.insertMany([0, 1, 2].map((at) => ({ _id: at as never, balance: 100 })));
    const transfer = (from: number, to: number): Promise<void> =>
      client.withSession((session) =>
        session.withTransaction(async () => {
          await jobs.updateOne({ _id: from as never }, { $inc: { balance: -1 } }, { session });
          await jobs.updateOne({ _id: to as never }, { $inc: { balance: 1 } }, { session });
        }),
      );
    await Promise.all(Array.from({ length: 30 }, (_, at) => transfer(at % 3, (at + 1) % 3)));
    const balances = (await jobs.find().toArray()).map((one) => Number(one["balance"]));
    assert.deepEqual(balances, [100, 100, 100]);
  });

  it("answers a retried write from its record", async () => {
    await jobs.insertOne({ _id: "r" as never, n: 0 });
    await client.withSession(async (session) => {
      // A session that takes part in a command gets its id; the number is ours.
      await jobs.findOne({}, { session });
      const command = {
        update: "jobs",
        updates: [{ q: { _id: "r" }, u: { $inc: { n: 1 } } }],
        lsid: session.id,
        txnNumber: Long.fromNumber(900),
      };
      const db = client.db("app");
      const first = await db.command(command);
      const again = await db.command(command);
      assert.deepEqual([first["nModified"], again["nModified"]], [1, 1]);
      assert.deepEqual(again["retriedStmtIds"], [0]);
      await assert.rejects(db.command({ ...command, txnNumber: Long.fromNumber(899) }), { code: 225 });
    });
    assert.equal((await jobs.findOne({ _id: "r" as never }))?.["n"], 1);
  });

  it("lets the driver retry over a lost answer without writing twice", async () => {
    await jobs.insertOne({ _id: "l" as never, n: 0 });
    await client.db("admin").command({
      configureFailPoint: "failCommand",
      mode: { times: 1 },
      data: { failCommands: ["findAndModify"], closeConnection: true },
    });
    const result = await jobs.findOneAndUpdate(
      { _id: "l" as never },
      { $inc: { n: 1 } },
      { returnDocument: "after" },
    );
    assert.equal(result?.["n"], 1);
    assert.equal((await jobs.findOne({ _id: "l" as never }))?.["n"], 1);
  });
});
