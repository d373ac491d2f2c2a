import assert from "node:assert/strict";
import type { ObjectStatus } from "@rciots/protocol";
import { AppError, silentLogger } from "@rciots/runtime";
import { createReportOutbox, objectPages, type Caller, type FullReport } from "./report-outbox.ts";

const report = (revision: number, state: FullReport["state"], message?: string): FullReport => ({
  revision,
  state,
  counts: {},
  ...(message === undefined ? {} : { message }),
});
const object = (index: number, message = ""): ObjectStatus => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  name: `object-${index}`,
  health: "Current",
  applied: "applied",
  message,
});

/** A session whose answers the test gives one at a time. */
function createHeldCaller() {
  const calls: { event: string; payload: unknown; answer: (error?: Error) => void }[] = [];
  const caller: Caller = {
    call: (event, payload) =>
      new Promise<never>((resolve, reject) => {
        const answer = (error?: Error): void => (error === undefined ? resolve({} as never) : reject(error));
        calls.push({ event, payload, answer });
      }),
  };
  return { caller, calls };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));
const sessionEnded = new AppError({ code: "session_ended", status: 503, message: "over" });

describe("when reports go to the platform", () => {
  it("sends them in order, one at a time", async () => {
    const { caller, calls } = createHeldCaller();
    const outbox = createReportOutbox({ logger: silentLogger });
    outbox.attach(caller);
    outbox.add(report(1, "applying"));
    outbox.add(report(1, "healthy"));
    await settled();
    assert.equal(calls.length, 1);
    calls[0]?.answer();
    await settled();
    assert.deepEqual(
      calls.map(({ payload }) => (payload as FullReport).state),
      ["applying", "healthy"],
    );
    calls[1]?.answer();
    await settled();
    assert.equal(outbox.waiting, 0);
  });

  it("sends what was not acknowledged again over the next session", async () => {
    const [first, second] = [createHeldCaller(), createHeldCaller()];
    const outbox = createReportOutbox({ logger: silentLogger });
    outbox.attach(first.caller);
    outbox.add(report(1, "healthy"));
    await settled();
    outbox.detach();
    first.calls[0]?.answer(sessionEnded);
    await settled();
    assert.equal(outbox.waiting, 1);
    outbox.attach(second.caller);
    await settled();
    assert.deepEqual(second.calls[0]?.payload, report(1, "healthy"));
    second.calls[0]?.answer();
    await settled();
    assert.equal(outbox.waiting, 0);
  });

  it("keeps the newest of each state while it is offline, and not more than it can hold", () => {
    const outbox = createReportOutbox({ logger: silentLogger });
    for (let index = 0; index < 1_000; index += 1) outbox.add(report(1, "degraded", String(index)));
    assert.equal(outbox.waiting, 1);
    for (let revision = 2; revision < 200; revision += 1) outbox.add(report(revision, "healthy"));
    assert.ok(outbox.waiting <= 32);
  });

  it("does not change a report under way", async () => {
    const { caller, calls } = createHeldCaller();
    const outbox = createReportOutbox({ logger: silentLogger });
    outbox.attach(caller);
    outbox.add(report(1, "degraded", "one"));
    await settled();
    outbox.add(report(1, "degraded", "two"));
    calls[0]?.answer();
    await settled();
    assert.deepEqual(
      calls.map(({ payload }) => (payload as FullReport).message),
      ["one", "two"],
    );
  });

  it("gives up what the platform refuses for good, and goes on with the next", async () => {
    const { caller, calls } = createHeldCaller();
    const outbox = createReportOutbox({ logger: silentLogger });
    outbox.attach(caller);
    outbox.add(report(1, "healthy"));
    outbox.add(report(2, "healthy"));
    await settled();
    calls[0]?.answer(new AppError({ code: "digest_mismatch", status: 409, message: "no" }));
    await settled();
    assert.equal((calls[1]?.payload as FullReport).revision, 2);
  });

  it("carries few objects itself, and sends many ahead as pages", async () => {
    const { caller, calls } = createHeldCaller();
    const outbox = createReportOutbox({ logger: silentLogger });
    outbox.attach(caller);
    outbox.add({ ...report(1, "healthy"), objects: [object(1)] });
    await settled();
    assert.deepEqual((calls[0]?.payload as FullReport).objects, [object(1)]);
    calls[0]?.answer();
    await settled();
    outbox.add({
      ...report(1, "degraded"),
      objects: Array.from({ length: 600 }, (_, index) => object(index)),
    });
    for (let index = 1; index <= 4; index += 1) {
      await settled();
      calls[index]?.answer();
    }
    await settled();
    assert.deepEqual(
      calls.slice(1).map(({ event }) => event),
      ["objects:report", "objects:report", "objects:report", "status:report"],
    );
    assert.equal((calls.at(-1)?.payload as FullReport).objects, undefined);
  });

  it("keeps every page below the size of a message, and the worst first", () => {
    const pages = objectPages(
      1,
      Array.from({ length: 5_000 }, (_, index) => object(index, '"'.repeat(2_048))),
    );
    assert.ok(pages.length <= 64);
    for (const page of pages) {
      assert.ok(Buffer.byteLength(JSON.stringify(page)) < 1_048_576);
      assert.ok(page.objects.length <= 250);
      assert.equal(page.pages, pages.length);
    }
    assert.equal(pages[0]?.objects[0]?.name, "object-0");
  });
});
