import assert from "node:assert/strict";
import type { StoreMeasure } from "@rciots/runtime";
import { measureStore, type Store } from "../src/index.ts";

describe("when the calls of a store are measured", () => {
  const measures: StoreMeasure[] = [];
  const failure = new Error("the store is away");
  const store = measureStore(
    {
      devices: {
        find: (id: string) => Promise.resolve(`device ${id}`),
        remove: () => Promise.reject(failure),
        nameOf: (id: string) => id,
      },
      ping: () => Promise.resolve(),
    } as unknown as Store,
    (measure) => void measures.push(measure),
  ) as unknown as {
    devices: { find(id: string): Promise<string>; remove(): Promise<void>; nameOf(id: string): string };
    ping(): Promise<void>;
  };

  it("tells of each by its repository, and passes on what it gives and throws", async () => {
    assert.equal(await store.devices.find("dev_1"), "device dev_1");
    await assert.rejects(store.devices.remove(), failure);
    assert.equal(store.devices.nameOf("dev_1"), "dev_1");
    await store.ping();
    assert.deepEqual(
      measures.map(({ repository, outcome }) => [repository, outcome]),
      [
        ["devices", "ok"],
        ["devices", "error"],
      ],
    );
    assert.ok(measures.every(({ seconds }) => seconds >= 0 && seconds < 1));
  });
});
