import assert from "node:assert/strict";
import type { AppError } from "./index.ts";
import { conflict, createKeyedLimit, createMemoryBus, type BusCallHandler } from "./index.ts";

const request = {
  organizationId: "org",
  deviceId: "dev",
  sessionId: null,
  event: "a:b",
  payload: { deep: { n: 1 } },
  timeoutMs: 1_000,
};

function served(handler: BusCallHandler<"device:call">) {
  const bus = createMemoryBus();
  const end = bus.serve("device:call", "one", handler);
  const call = (options: { address?: string; timeoutMs?: number; signal?: AbortSignal } = {}) =>
    bus.call("device:call", options.address ?? "one", request, {
      timeoutMs: options.timeoutMs ?? 5_000,
      signal: options.signal,
    });
  return { bus, end, call };
}

/** Resolves when the handler's signal aborts, and tells that it was called. */
function hanging() {
  const called: AbortSignal[] = [];
  const handler: BusCallHandler<"device:call"> = (_request, { signal }) => {
    called.push(signal);
    return new Promise(() => undefined);
  };
  return { called, handler };
}

const soon = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe("when a service calls another over the bus", () => {
  it("gets the answer of the address it names, bytes too, as copies on both sides", async () => {
    const kept: unknown[] = [];
    const answer = { bytes: Buffer.from("abc"), list: [1] };
    const { call } = served(async ({ payload }) => {
      kept.push(payload);
      return answer;
    });
    const got = (await call()) as { bytes: Uint8Array; list: number[] };
    assert.deepEqual(Buffer.from(got.bytes).toString(), "abc");
    got.list.push(2);
    assert.deepEqual(answer.list, [1]);
    assert.deepEqual(kept, [request.payload]);
    assert.notEqual(kept[0], request.payload);
  });

  it("gets the server's error with its code and details, and nothing of a fault that is not for callers", async () => {
    const { call } = served(async () => {
      throw conflict({ code: "taken", message: "Taken.", details: { by: "x" }, cause: new Error("secret") });
    });
    await assert.rejects(call(), (error: AppError) => {
      assert.deepEqual([error.code, error.status, error.details], ["taken", 409, { by: "x" }]);
      return error.cause === undefined;
    });
    const broken = served(async () => {
      throw new Error("password is x");
    });
    await assert.rejects(broken.call(), (error: AppError) => {
      assert.equal(error.code, "internal_error");
      return !error.message.includes("password");
    });
  });

  it("is told where nobody serves the address, also after the serving ended", async () => {
    const { call, end } = served(async () => ({}));
    await assert.rejects(call({ address: "two" }), { code: "bus_unserved", status: 503 });
    end();
    await assert.rejects(call(), { code: "bus_unserved" });
  });

  it("waits no longer than it said, and the server learns that nobody waits any more", async () => {
    const { called, handler } = hanging();
    const { call } = served(handler);
    await assert.rejects(call({ timeoutMs: 10 }), { code: "bus_timeout", status: 504 });
    assert.equal(called[0]?.aborted, true);
  });

  it("may give up, before or during the call", async () => {
    const { called, handler } = hanging();
    const { call } = served(handler);
    const reason = new Error("gone");
    await assert.rejects(call({ signal: AbortSignal.abort(reason) }), reason);
    assert.equal(called.length, 0);
    const giving = new AbortController();
    const waiting = assert.rejects(call({ signal: giving.signal }), reason);
    await soon();
    giving.abort(reason);
    await waiting;
    assert.equal(called[0]?.aborted, true);
  });

  it("is let go when the server stops, and another may take the address over", async () => {
    const { called, handler } = hanging();
    const { bus, call, end } = served(handler);
    const waiting = assert.rejects(call(), { code: "bus_unserved" });
    await soon();
    assert.throws(() => bus.serve("device:call", "one", handler), /served already/);
    end();
    await waiting;
    assert.equal(called[0]?.aborted, true);
    bus.serve("device:call", "one", async () => "second");
    end();
    assert.equal(await call(), "second");
  });

  it("is refused, not queued, where too many calls are open", async () => {
    const { handler } = hanging();
    const { call, end } = served(handler);
    const open = Array.from({ length: 2_000 }, () => call().catch((error: AppError) => error.code));
    await assert.rejects(call(), { code: "bus_busy", status: 503 });
    end();
    assert.deepEqual(new Set(await Promise.all(open)), new Set(["bus_unserved"]));
  });
});

describe("when work is limited by key", () => {
  it("refuses more than the limit of one key, and takes it again once a place is given back", () => {
    const limit = createKeyedLimit(2);
    const [first, second] = [limit.take("a"), limit.take("a")];
    assert.ok(first && second);
    assert.equal(limit.take("a"), undefined);
    assert.ok(limit.take("b"));
    first();
    assert.ok(limit.take("a"));
    assert.equal(limit.take("a"), undefined);
  });
});
