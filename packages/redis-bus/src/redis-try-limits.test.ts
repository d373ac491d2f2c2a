import assert from "node:assert/strict";
import { createLogger, silentLogger, type Logger, type TryLimit } from "@rciots/runtime";
import { createClient } from "@redis/client";
import { eventually } from "../../../test/harness/eventually.ts";
import { redisFault, startRedis, type RedisServer } from "../../../test/harness/redis-server.ts";
import { createRedisBus, type RedisBus } from "./index.ts";

const options = { name: "test", tries: 3, windowMs: 60_000, banMs: 60_000 };

describe("when instances count tries together over Redis", function () {
  this.timeout(30_000);
  let redis: RedisServer;
  let buses: RedisBus[] = [];
  let round = 0;

  before(async function () {
    if (redisFault() !== undefined) return this.skip();
    redis = await startRedis();
  });
  after(() => redis?.stop());
  beforeEach(() => void (round += 1));
  afterEach(async () => {
    await Promise.all(buses.map((bus) => bus.stop()));
    buses = [];
  });

  /** An instance that has just started; each test is an installation of its own. */
  async function join(logger: Logger = silentLogger, namespace = `one-${round}`): Promise<TryLimit> {
    const bus = createRedisBus({ url: redis.url, namespace, logger });
    await bus.start();
    buses.push(bus);
    return bus.tryLimits.limit(options);
  }

  it("adds up what is spread over them, also at the same moment, and holds a ban at each", async () => {
    const [a, b] = [await join(), await join()];
    const waits = await Promise.all([a, b, a, b, a, b].map((limit) => limit.take("key")));
    assert.equal(waits.filter((waitMs) => waitMs === 0).length, 3);
    for (const limit of [a, b, await join()]) {
      assert.ok((await limit.peek("key")) > 50_000, "one that starts anew knows of it");
      assert.ok((await limit.take("key")) > 50_000);
      assert.equal(await limit.take(`other-${Math.random()}`), 0);
    }
  });

  it("takes back and forgets for all of them", async () => {
    const [a, b] = [await join(), await join()];
    for (let tries = 0; tries < 3; tries += 1) await a.take("key");
    await b.giveBack("key");
    assert.equal(await a.take("key"), 0);
    assert.ok((await b.take("key")) > 0);
    await b.forget("key");
    for (let tries = 0; tries < 3; tries += 1) assert.equal(await a.take("key"), 0);
    assert.ok((await b.take("key")) > 0);
    for (let tries = 0; tries < 5; tries += 1) await a.giveBack("unknown");
    for (let tries = 0; tries < 3; tries += 1) assert.equal(await b.take("unknown"), 0);
    assert.ok((await a.take("unknown")) > 0, "nobody has more tries than there are");
  });

  it("keeps installations apart, and nothing that names who tried", async () => {
    const [a, foreign] = [await join(), await join(silentLogger, `two-${round}`)];
    for (let tries = 0; tries < 4; tries += 1) await a.take("203.0.113.9 ada@example.com");
    assert.equal(await foreign.take("203.0.113.9 ada@example.com"), 0);
    const client = createClient({ url: redis.url });
    await client.connect();
    const keys = await client.keys("*");
    for (const key of keys) assert.ok((await client.pTTL(key)) > 0, `${key} passes`);
    client.destroy();
    assert.ok(keys.some((key) => key.startsWith(`rciots:one-${round}:tries:test:`)));
    assert.equal(/203|ada/.test(keys.join(" ")), false);
  });

  it("goes on alone from what it knows while Redis is away, and together once it is back", async () => {
    const lines: string[] = [];
    const logger = createLogger({ level: "info", write: (line) => lines.push(line) });
    const [a, b] = [await join(logger), await join()];
    for (let tries = 0; tries < 3; tries += 1) await a.take("banned");
    assert.ok((await a.take("banned")) > 0);
    await b.take("key");
    await a.take("key");

    await redis.kill();
    assert.ok((await a.take("banned")) > 50_000, "a ban that it knows of holds");
    assert.equal(await a.take("key"), 0, "two were counted before");
    assert.ok((await a.take("key")) > 0, "it is no way around the limit");
    for (let tries = 0; tries < 3; tries += 1) assert.equal(await a.take("new"), 0);
    assert.ok((await a.take("new")) > 0);
    assert.equal(await b.take("new"), 0, "the other one counts by itself");
    await a.forget("new");
    assert.equal(await a.take("new"), 0);

    await redis.restart();
    await eventually(async () => {
      await a.take("after");
      assert.ok((await b.peek("after")) > 0);
    });
    const warned = lines.filter((line) => line.includes("counted by this process alone"));
    assert.equal(warned.length, 1);
    assert.ok(lines.some((line) => line.includes("together again")));
  });

  it("keeps nobody waiting for a Redis that takes connections and doesn't answer", async () => {
    const a = await join();
    await a.take("key");
    redis.pause();
    try {
      const startedAt = performance.now();
      const waits: number[] = [];
      for (let tries = 0; tries < 10; tries += 1) waits.push(await a.take("key"));
      const tookMs = performance.now() - startedAt;
      assert.equal(waits.filter((waitMs) => waitMs === 0).length, 2);
      assert.ok(tookMs < 2_500, `${tookMs} ms for ten`);
    } finally {
      redis.resume();
    }
  });
});
