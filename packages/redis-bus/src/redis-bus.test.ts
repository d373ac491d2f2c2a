import assert from "node:assert/strict";
import { conflict, createLogger, silentLogger, type AppError, type BusCallHandler } from "@rciots/runtime";
import { eventually } from "../../../test/harness/eventually.ts";
import { redisFault, startRedis, type RedisServer } from "../../../test/harness/redis-server.ts";
import { createRedisBus, type RedisBus } from "./index.ts";

const request = {
  organizationId: "org",
  deviceId: "dev",
  sessionId: null,
  event: "a:b",
  payload: { deep: [1, null, "ü"] },
  timeoutMs: 1_000,
};
const update = (deviceId: string) => ({ organizationId: "org", deviceIds: [deviceId] });

describe("when instances share a bus over Redis", function () {
  this.timeout(30_000);
  let redis: RedisServer;
  let buses: RedisBus[] = [];

  before(async function () {
    const fault = redisFault();
    if (fault !== undefined) {
      this.test?.parent?.suites.forEach((suite) => (suite.pending = true));
      return this.skip();
    }
    redis = await startRedis();
  });
  after(() => redis?.stop());
  afterEach(async () => {
    await Promise.all(buses.map((bus) => bus.stop()));
    buses = [];
  });

  async function join(namespace = "one"): Promise<RedisBus> {
    const bus = createRedisBus({ url: redis.url, namespace, logger: silentLogger });
    await bus.start();
    buses.push(bus);
    return bus;
  }
  const call = (
    bus: RedisBus,
    options: { address?: string; timeoutMs?: number; signal?: AbortSignal } = {},
  ) =>
    bus.call("device:call", options.address ?? "connector-1", request, {
      timeoutMs: options.timeoutMs ?? 10_000,
      signal: options.signal,
    });
  function collect(bus: RedisBus): string[] {
    const seen: string[] = [];
    bus.subscribe("device:updated", ({ deviceIds }) => seen.push(...deviceIds));
    return seen;
  }
  /** A subscription takes a moment to reach Redis. */
  async function hears(from: RedisBus, seen: string[], deviceId: string): Promise<void> {
    await eventually(() => {
      if (!seen.includes(deviceId)) from.publish("device:updated", update(deviceId));
      assert.ok(seen.includes(deviceId));
    });
  }

  it("carries hints to every instance, each once, in order", async () => {
    const [a, b] = [await join(), await join()];
    const [atA, atB] = [collect(a), collect(b)];
    await hears(a, atB, "first");
    atA.length = 0;
    atB.length = 0;
    const ids = Array.from({ length: 500 }, (_, index) => `dev-${index}`);
    for (const id of ids) a.publish("device:updated", update(id));
    await eventually(() => assert.equal(atB.filter((id) => id.startsWith("dev-")).length, 500));
    assert.deepEqual(
      atB.filter((id) => id.startsWith("dev-")),
      ids,
    );
    assert.deepEqual(atA, ids);
  });

  it("carries nothing to another installation on the same Redis", async () => {
    const [a, b, foreign] = [await join(), await join(), await join("two")];
    const [atB, atForeign] = [collect(b), collect(foreign)];
    await hears(foreign, atForeign, "own");
    await hears(a, atB, "news");
    assert.deepEqual(
      atForeign.filter((id) => id !== "own"),
      [],
    );
  });

  it("answers calls from another instance: data, bytes, errors with their code and details", async () => {
    const [server, caller] = [await join(), await join()];
    const bytes = Buffer.alloc(300_000, 7);
    server.serve("device:call", "connector-1", async ({ payload }) => ({ payload, bytes }));
    const answer = (await eventually(() => call(caller))) as { payload: unknown; bytes: Uint8Array };
    assert.deepEqual(answer.payload, request.payload);
    assert.ok(Buffer.from(answer.bytes).equals(bytes));

    server.serve("device:call", "connector-2", async () => {
      throw conflict({
        code: "device_offline",
        message: "Off.",
        details: { since: "x" },
        cause: new Error("secret"),
      });
    });
    const isRefusal = (error: AppError): boolean =>
      error.code === "device_offline" && error.status === 409 && error.details?.["since"] === "x";
    await eventually(() => assert.rejects(call(caller, { address: "connector-2" }), isRefusal));
  });

  it("answers many calls at once, each its own", async () => {
    const [server, caller] = [await join(), await join()];
    server.serve("device:call", "connector-1", async ({ deviceId }) => deviceId);
    await eventually(() => call(caller));
    const ids = Array.from({ length: 1_000 }, (_, index) => `dev-${index}`);
    const options = { timeoutMs: 20_000 };
    const answers = await Promise.all(
      ids.map((deviceId) => caller.call("device:call", "connector-1", { ...request, deviceId }, options)),
    );
    assert.deepEqual(answers, ids);
  });

  it("refuses at once what nobody serves, and what was served until now", async () => {
    const [server, caller] = [await join(), await join()];
    await assert.rejects(call(caller), { code: "bus_unserved" });
    const end = server.serve("device:call", "connector-1", async () => "here");
    await eventually(async () => assert.equal(await call(caller), "here"));
    end();
    await eventually(() => assert.rejects(call(caller), { code: "bus_unserved" }));
  });

  it("tells the server when the caller gives up or has waited long enough", async () => {
    const [server, caller] = [await join(), await join()];
    const signals: AbortSignal[] = [];
    const handler: BusCallHandler<"device:call"> = (_request, { signal }) => {
      signals.push(signal);
      return new Promise(() => undefined);
    };
    server.serve("device:call", "connector-1", handler);
    const isLate = { code: "bus_timeout", status: 504 };
    await eventually(() => assert.rejects(call(caller, { timeoutMs: 50 }), isLate));
    await eventually(() => assert.equal(signals.at(-1)?.aborted, true));

    const before = signals.length;
    const stopping = new AbortController();
    const given = assert.rejects(call(caller, { signal: stopping.signal }), /enough/);
    await eventually(() => assert.equal(signals.length, before + 1));
    assert.equal(signals.at(-1)?.aborted, false);
    stopping.abort(new Error("enough"));
    await given;
    await eventually(() => assert.equal(signals.at(-1)?.aborted, true));
  });

  it("refuses a message that is too large, either way, rather than leaving a call without an end", async () => {
    const [server, caller] = [await join(), await join()];
    const huge = "x".repeat(17 * 1_048_576);
    server.serve("device:call", "connector-1", async () => huge);
    await eventually(() => assert.rejects(call(caller), { code: "bus_too_large" }));
    const asked = caller.call(
      "device:call",
      "connector-1",
      { ...request, payload: huge },
      { timeoutMs: 10_000 },
    );
    await assert.rejects(asked, { code: "bus_too_large" });
  });

  it("goes on within the instance while Redis is away, and across again when it is back", async () => {
    const lines: string[] = [];
    const logger = createLogger({ level: "info", write: (line) => lines.push(line) });
    const [a, b] = [createRedisBus({ url: redis.url, namespace: "one", logger }), await join()];
    await a.start();
    buses.push(a);
    const [atA, atB] = [collect(a), collect(b)];
    b.serve("device:call", "connector-1", async () => "here");
    a.serve("device:call", "connector-2", async () => "own");
    await hears(a, atB, "before");

    await redis.kill();
    await eventually(() => assert.equal(a.isUp(), false));
    a.publish("device:updated", update("meanwhile"));
    await eventually(() => assert.ok(atA.includes("meanwhile")));
    assert.equal(await call(a, { address: "connector-2" }), "own");
    await assert.rejects(call(a), { code: "bus_unavailable", status: 503 });

    await redis.restart();
    await eventually(() => assert.ok(a.isUp() && b.isUp()));
    await hears(a, atB, "after");
    await eventually(async () => assert.equal(await call(a), "here"));
    assert.equal(atB.includes("meanwhile"), false);
    assert.equal(lines.filter((line) => line.includes("no connection to Redis")).length, 1);
    assert.equal(lines.join("").includes("password"), false);
  });

  it("is not thrown by what is no message of ours", async () => {
    const { createClient } = await import("@redis/client");
    const [server, caller] = [await join(), await join()];
    server.serve("device:call", "connector-1", async () => "here");
    await eventually(() => call(caller));
    const stranger = createClient({ url: redis.url });
    await stranger.connect();
    const garbage = [Buffer.alloc(0), Buffer.from("{}"), Buffer.from([0xc1]), Buffer.alloc(1_000, 0xff)];
    for (const message of garbage) await stranger.publish("rciots:one:call:device:call@connector-1", message);
    assert.equal(await call(caller), "here");
    stranger.destroy();
  });

  it("says what is wrong where Redis can't be reached, or the password is wrong, without showing it", async () => {
    for (const url of ["redis://127.0.0.1:1", redis.url.replace(/:[^:@]+@/, ":wrong-one@")]) {
      const bus = createRedisBus({ url, namespace: "one", logger: silentLogger });
      await assert.rejects(bus.start(), (error: Error) => {
        assert.match(error.message, /^Redis at 127\.0\.0\.1:\d+ can't be reached: /);
        assert.equal(error.message.includes("wrong-one"), false);
        return true;
      });
    }
  });
});
