import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient, type Collection } from "mongodb";
import { startEmbeddedMongo } from "../src/index.ts";

/** Run: node --import tsx packages/embedded-mongo/bench/bench.ts. Prints one line per measurement. */
interface Device {
  _id: string;
  serial: string;
  org: string;
  seen: Date;
  status: { state: string; revision: number; conditions: { type: string; status: string }[] };
  labels: Record<string, string>;
}

const SMALL = 1000;
const LARGE = 100_000;
const BATCH = 100;
const PARALLEL = 16;
const SECONDS = 2;

function device(at: number): Device {
  return {
    _id: `device-${at}`,
    serial: `SN${String(at).padStart(8, "0")}`,
    org: `org-${at % 50}`,
    seen: new Date(1_700_000_000_000 + at),
    status: {
      state: at % 3 === 0 ? "healthy" : "progressing",
      revision: at,
      conditions: Array.from({ length: 5 }, (_, n) => ({ type: `Condition${n}`, status: "True" })),
    },
    labels: { site: `site-${at % 200}`, model: "edge-2", ring: String(at % 4) },
  };
}

function print(what: string, value: number, unit: string): void {
  process.stdout.write(`${what.padEnd(72)} ${value >= 100 ? Math.round(value) : value.toFixed(2)} ${unit}\n`);
}

/** Operations a second of `run` called by a number of loops at the same time. */
async function rate(
  parallel: number,
  run: (at: number) => Promise<unknown>,
  seconds = SECONDS,
): Promise<number> {
  const started = performance.now();
  const until = started + seconds * 1000;
  let done = 0;
  const loop = async (): Promise<void> => {
    while (performance.now() < until) {
      await run(done);
      done++;
    }
  };
  await Promise.all(Array.from({ length: parallel }, loop));
  return done / ((performance.now() - started) / 1000);
}

async function fill(collection: Collection<Device>, from: number, to: number): Promise<number> {
  const started = performance.now();
  for (let at = from; at < to; at += 1000) {
    await collection.insertMany(
      Array.from({ length: Math.min(1000, to - at) }, (_, n) => device(at + n)),
      { ordered: false },
    );
  }
  return (to - from) / ((performance.now() - started) / 1000);
}

const any = (count: number): number => Math.floor(Math.random() * count);

interface Rates {
  readonly byId: number;
  readonly byUnique: number;
  readonly update: number;
  readonly updateUnique: number;
}

async function single(collection: Collection<Device>, count: number, parallel: number): Promise<Rates> {
  const rates = {
    byId: await rate(parallel, () => collection.findOne({ _id: `device-${any(count)}` })),
    byUnique: await rate(parallel, () => collection.findOne({ serial: device(any(count)).serial })),
    update: await rate(parallel, (at) =>
      collection.updateOne(
        { _id: `device-${any(count)}` },
        { $set: { "status.revision": at, seen: new Date() } },
      ),
    ),
    updateUnique: await rate(parallel, (at) =>
      collection.updateOne(
        { serial: device(any(count)).serial },
        { $inc: { "status.revision": 1 }, $set: { n: at } as never },
      ),
    ),
  };
  print(`findOne by _id, ${count} documents, ${parallel} clients`, rates.byId, "/s");
  print(`findOne by unique index, ${count} documents, ${parallel} clients`, rates.byUnique, "/s");
  print(`updateOne by _id, ${count} documents, ${parallel} clients`, rates.update, "/s");
  print(`updateOne by unique index, ${count} documents, ${parallel} clients`, rates.updateUnique, "/s");
  return rates;
}

async function examined(collection: Collection<Device>): Promise<void> {
  for (const filter of [{ _id: "device-7" }, { serial: device(7).serial }]) {
    const { executionStats } = (await collection.find(filter).explain("executionStats")) as {
      executionStats: { totalDocsExamined: number };
    };
    print(`documents examined by ${JSON.stringify(filter)}`, executionStats.totalDocsExamined, "");
  }
}

/** The hot path of a fleet: many devices' states gathered into unordered bulk writes. */
async function bulk(collection: Collection<Device>, count: number, parallel: number): Promise<void> {
  const perSecond = await rate(parallel, (at) =>
    collection.bulkWrite(
      Array.from({ length: BATCH }, () => ({
        updateOne: {
          filter: { _id: `device-${any(count)}` },
          update: { $set: { "status.state": "healthy", "status.revision": at, seen: new Date() } },
        },
      })),
      { ordered: false },
    ),
  );
  print(
    `bulkWrite(ordered: false) of ${BATCH} updates by _id, ${count} documents, ${parallel} clients`,
    perSecond * BATCH,
    "documents/s",
  );
}

const dataDir = mkdtempSync(join(tmpdir(), "embench-"));
let store = await startEmbeddedMongo({ dataDir });
let client = new MongoClient(store.uri, { maxPoolSize: 50 });
const devices = (): Collection<Device> => client.db("app").collection<Device>("devices");
process.stdout.write(`${cpus().length} cores, Node ${process.version}\n`);
await devices().createIndex({ serial: 1 }, { unique: true });
await devices().createIndex({ org: 1, "status.state": 1, seen: -1 });
await fill(devices(), 0, SMALL);
await single(devices(), SMALL, PARALLEL).then(() => undefined);
const small = await single(devices(), SMALL, 1);
print("insertMany of 1,000 each, three indexes", await fill(devices(), SMALL, LARGE), "documents/s");
const large = await single(devices(), LARGE, 1);
for (const name of ["byId", "byUnique", "update", "updateUnique"] as const) {
  print(`ratio ${name}: speed at ${SMALL} over speed at ${LARGE} documents`, small[name] / large[name], "x");
}
await single(devices(), LARGE, PARALLEL);
await examined(devices());
await bulk(devices(), LARGE, 1);
await bulk(devices(), LARGE, 4);
await bulk(devices(), LARGE, 16);
print("insertOne, one client", await rate(1, (at) => devices().insertOne(device(LARGE + at))), "/s");
print(
  "find of a page of 50 by compound index, sorted",
  await rate(4, () =>
    devices()
      .find({ org: `org-${any(50)}`, "status.state": "healthy" })
      .sort({ seen: -1 })
      .limit(50)
      .toArray(),
  ),
  "/s",
);
const scanStart = performance.now();
await devices().countDocuments({ "labels.ring": "3" });
print(`countDocuments without an index, ${LARGE} documents`, performance.now() - scanStart, "ms");
await client.close();
await store.stop();
const restart = performance.now();
store = await startEmbeddedMongo({ dataDir });
client = new MongoClient(store.uri);
await devices().findOne({ _id: "device-1" });
print(`restart to the first answer, ${LARGE} documents`, performance.now() - restart, "ms");
await client.close();
await store.stop();
rmSync(dataDir, { recursive: true, force: true });
