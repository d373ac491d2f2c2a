import assert from "node:assert/strict";
import { createSerialQueue } from "./serial-queue.ts";

/** Work that ends when it is told to. */
function held() {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { end, work: () => ended };
}

describe("when work is queued", () => {
  it("does one thing at a time, in order, also after one that fails", async () => {
    const queue = createSerialQueue();
    const order: string[] = [];
    const first = held();
    const done = [
      queue.add(async () => {
        await first.work();
        order.push("first");
      }),
      queue.add(() => Promise.reject(new Error("no"))).catch(() => order.push("second")),
      queue.add(async () => void order.push("third")),
    ];
    first.end();
    await Promise.all(done);
    assert.deepEqual(order, ["first", "second", "third"]);
  });

  it("shares a run among those who ask before it begins, and with nobody who asks later", async () => {
    const queue = createSerialQueue();
    let runs = 0;
    const before = held();
    const inside = held();
    const blocking = queue.add(before.work);
    const share = () =>
      queue.share(async () => {
        runs += 1;
        await inside.work();
      });
    const shared = [share(), share(), share()];
    before.end();
    await blocking;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(runs, 1);
    const late = share();
    inside.end();
    await Promise.all([...shared, late]);
    assert.equal(runs, 2);
  });

  it("tells all who share a run that it failed, and runs anew for the next", async () => {
    const queue = createSerialQueue();
    const failing = () => queue.share(() => Promise.reject(new Error("no")));
    await Promise.all([assert.rejects(failing(), /no/), assert.rejects(failing(), /no/)]);
    await queue.share(async () => undefined);
  });
});
