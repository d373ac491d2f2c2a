import assert from "node:assert/strict";
import { malformedEvent, streamFrameEvent, type Ack } from "@rciots/protocol";
import { silentLogger } from "@rciots/runtime";
import { createAllowance } from "./allowance.ts";
import { createCallDispatcher, type CallDispatcherOptions } from "./call-dispatcher.ts";

function createDispatcher(change: Partial<CallDispatcherOptions> = {}) {
  const abuses: string[] = [];
  const dispatcher = createCallDispatcher({
    handlers: {
      "desired:changed": () => ({}),
      "device:decommission": () => Promise.reject(new Error("the disk is /dev/secret")),
      "certificate:expire": () => ({}),
      "tunnels:changed": () => ({}),
    },
    logger: silentLogger,
    onAbuse: (reason) => abuses.push(reason),
    onClose: () => undefined,
    ...change,
  });
  const call = (event: string, payload: unknown): Promise<Ack> =>
    new Promise((resolve) => dispatcher.dispatch(event, [payload, resolve]));
  return { dispatcher, call, abuses };
}
const codeOf = (ack: Ack): string => (ack.ok ? "ok" : ack.error.code);

describe("when the platform calls", () => {
  it("answers what is valid, and what is not with a reason", async () => {
    const { call } = createDispatcher();
    assert.equal(codeOf(await call("desired:changed", { kind: "none", revision: 0 })), "ok");
    assert.equal(codeOf(await call("desired:changed", { kind: "none" })), "invalid_payload");
    assert.equal(codeOf(await call("toString", {})), "unknown_event");
  });

  it("says nothing of the device's insides", async () => {
    const ack = await createDispatcher().call("device:decommission", { wipeWorkloads: false });
    assert.equal(codeOf(ack), "internal_error");
    assert.doesNotMatch(JSON.stringify(ack), /secret/);
  });

  it("notes why the platform closes, and answers it", async () => {
    const ends: unknown[] = [];
    const { call } = createDispatcher({ onClose: (end) => ends.push(end) });
    const payload = { code: "draining", message: "stopping", retryAfterMs: 5 };
    assert.equal(codeOf(await call("session:close", payload)), "ok");
    assert.deepEqual(ends, [payload]);
  });

  it("ends the session after too much that is not valid, and not before", async () => {
    const { dispatcher, call, abuses } = createDispatcher();
    for (let index = 0; index < 19; index += 1) dispatcher.dispatch(malformedEvent, ["broken"]);
    await call("device:reboot", {});
    assert.deepEqual(abuses, []);
    dispatcher.dispatch(streamFrameEvent, [new Uint8Array(1)]);
    assert.equal(abuses.length, 1);
  });

  it("ends the session after more calls than any platform makes", async () => {
    const { dispatcher, abuses } = createDispatcher();
    for (let index = 0; index < 600; index += 1)
      dispatcher.dispatch("desired:changed", [{ kind: "none", revision: 0 }, () => undefined]);
    assert.ok(abuses.length > 0);
  });
});

describe("when something is allowed so often", () => {
  it("allows a burst, and then one after the other with time", () => {
    let now = 0;
    const allowance = createAllowance({ burst: 2, perSecond: 1, now: () => now });
    assert.deepEqual([allowance.take(), allowance.take(), allowance.take()], [true, true, false]);
    now = 1_000;
    assert.deepEqual([allowance.take(), allowance.take()], [true, false]);
    now = 1_000_000;
    assert.deepEqual([allowance.take(), allowance.take(), allowance.take()], [true, true, false]);
  });
});
