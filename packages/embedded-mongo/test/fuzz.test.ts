import assert from "node:assert/strict";
import { MongoClient } from "mongodb";
import { createLane } from "./fuzz/lane.ts";
import { createRandom } from "./fuzz/random.ts";
import { startStore, type TestStore } from "./store.ts";

/** Several collections at once, each with a model of its own: the store also gets concurrent writers. */
const LANES = 20;
const seed = Number(process.env["RCIOTS_FUZZ_SEED"] ?? Date.now() % 1_000_000_000);
const operations = Number(process.env["RCIOTS_FUZZ_OPERATIONS"] ?? 20_000);

describe("when random operations run on the store and on a model of MongoDB's rules", () => {
  let store: TestStore;
  let client: MongoClient;
  before(async () => {
    store = await startStore();
    client = new MongoClient(store.mongo.uri, { maxPoolSize: LANES });
  });
  after(async () => {
    await client.close();
    await store.remove();
  });

  it(`finds no difference in ${operations} operations (RCIOTS_FUZZ_SEED=${seed})`, async function () {
    this.timeout(300_000);
    const lanes = await Promise.all(
      Array.from({ length: LANES }, (_, at) =>
        createLane(client.db("fuzz").collection(`lane${at}`), createRandom(seed + at)),
      ),
    );
    const refusals = await Promise.all(
      lanes.map(async (lane, at) => {
        for (let done = 0; done < operations / LANES; done++) {
          try {
            await lane.step();
          } catch (error) {
            throw new Error(`lane ${at}, operation ${done}, seed ${seed}: ${String(error)}`, {
              cause: error,
            });
          }
        }
        await lane.compareAll();
        return lane.refusals();
      }),
    );
    assert.ok(refusals.reduce((a, b) => a + b, 0) > operations / 100, "refusals are met as well");
    assert.deepEqual(store.errors, []);
  });
});
