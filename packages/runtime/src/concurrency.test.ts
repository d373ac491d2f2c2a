import assert from "node:assert/strict";
import {
  createBackoff,
  createBatcher,
  createLoop,
  createMemoryBus,
  createSemaphore,
  silentLogger,
  sleep,
  stopInOrder,
} from "./index.ts";

const deferred = () => {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
};

describe("when calls are batched", () => {
  it("sends what arrives during a batch together in the next one, and answers each call", async () => {
    const gate = deferred();
    const batches: number[][] = [];
    const batcher = createBatcher<number, number>({
      maxSize: 100,
      run: async (items) => {
        batches.push(items);
        if (batches.length === 1) await gate.promise;
        return items.map((item) => item * 2);
      },
    });
    const first = batcher.add(1);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    const rest = [2, 3, 4].map((item) => batcher.add(item));
    gate.resolve();
    assert.deepEqual(await Promise.all([first, ...rest]), [2, 4, 6, 8]);
    assert.deepEqual(batches, [[1], [2, 3, 4]]);
  });

  it("rejects one call alone for its own error, and all of a batch that failed; then goes on", async () => {
    let isBroken = false;
    const batcher = createBatcher<string, string>({
      maxSize: 2,
      run: async (items) => {
        if (isBroken) throw new Error("down");
        return items.map((item) => (item === "bad" ? new Error("bad item") : item));
      },
    });
    const results = await Promise.allSettled([batcher.add("good"), batcher.add("bad"), batcher.add("fine")]);
    assert.deepEqual(
      results.map((result) => result.status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    isBroken = true;
    await assert.rejects(batcher.add("any"), /down/);
    isBroken = false;
    assert.equal(await batcher.add("again"), "again");
    await batcher.drain();
  });
});

describe("when work is limited by a semaphore", () => {
  it("never runs more than its limit, in order, also after failures", async () => {
    const semaphore = createSemaphore(2);
    let active = 0;
    let most = 0;
    const order: number[] = [];
    const work = (index: number) =>
      semaphore.run(async () => {
        active += 1;
        most = Math.max(most, active);
        order.push(index);
        await new Promise((resolve) => setImmediate(resolve));
        active -= 1;
        if (index % 3 === 0) throw new Error("one of three");
      });
    await Promise.allSettled(Array.from({ length: 20 }, (_, index) => work(index)));
    assert.equal(most, 2);
    assert.deepEqual(
      order,
      Array.from({ length: 20 }, (_, index) => index),
    );
    assert.equal(semaphore.waiting, 0);
  });
});

describe("when a loop runs", () => {
  it("survives failures, can be nudged, and awaits the step in flight when it stops", async () => {
    let steps = 0;
    const gate = deferred();
    const entered = deferred();
    const loop = createLoop({
      name: "test",
      intervalMs: 60_000,
      logger: silentLogger,
      step: async () => {
        steps += 1;
        if (steps === 1) throw new Error("first one fails");
        entered.resolve();
        await gate.promise;
      },
    });
    assert.equal(loop.ageMs(), Number.POSITIVE_INFINITY);
    loop.start();
    await new Promise((resolve) => setImmediate(resolve));
    loop.nudge();
    await entered.promise;
    let isStopped = false;
    const stopping = loop.stop().then(() => (isStopped = true));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isStopped, false);
    gate.resolve();
    await stopping;
    assert.equal(steps, 2);
    assert.ok(loop.ageMs() < 10_000);
  });
});

describe("when a backoff is asked", () => {
  it("stays under a doubling ceiling with full jitter, and starts again after a reset", () => {
    const backoff = createBackoff({ minMs: 100, maxMs: 1_000, random: () => 1 });
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6].map(() => backoff.next()),
      [100, 200, 400, 800, 1_000, 1_000],
    );
    backoff.reset();
    assert.equal(backoff.next(), 100);
    assert.equal(createBackoff({ minMs: 100, maxMs: 1_000, random: () => 0 }).next(), 0);
  });
});

describe("when a sleep is aborted", () => {
  it("ends at once, also when it was aborted before", async () => {
    const aborting = new AbortController();
    const sleeping = sleep(60_000, aborting.signal);
    aborting.abort();
    await sleeping;
    await sleep(60_000, aborting.signal);
  });
});

describe("when a bus carries hints", () => {
  it("reaches every subscriber outside the publisher's call, until it unsubscribes", async () => {
    const bus = createMemoryBus();
    const seen: string[] = [];
    const stop = bus.subscribe("organization:changed", ({ organizationId }) => seen.push(organizationId));
    bus.publish("organization:changed", { organizationId: "a" });
    assert.deepEqual(seen, []);
    await new Promise((resolve) => setImmediate(resolve));
    stop();
    bus.publish("organization:changed", { organizationId: "b" });
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(seen, ["a"]);
  });
});

describe("when parts are stopped in order", () => {
  it("goes on after one that fails or hangs, and says that it was not clean", async () => {
    const stopped: string[] = [];
    const isClean = await stopInOrder(
      [
        { name: "hangs", stop: () => new Promise(() => undefined) },
        { name: "fails", stop: async () => Promise.reject(new Error("no")) },
        { name: "store", stop: async () => void stopped.push("store") },
      ],
      { timeoutMs: 300, logger: silentLogger },
    );
    assert.equal(isClean, false);
    assert.deepEqual(stopped, ["store"]);
  });
});
