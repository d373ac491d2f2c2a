import assert from "node:assert/strict";
import { PerformanceObserver, constants } from "node:perf_hooks";
import { createYoungGarbage } from "./young-garbage.ts";

describe("when many bytes pass through", () => {
  it("has the young ones collected each time so many have passed", async () => {
    let minor = 0;
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { detail } = entry as unknown as { detail: { kind: number } };
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) minor += 1;
      }
    });
    observer.observe({ entryTypes: ["gc"] });
    const garbage = createYoungGarbage(1_000);
    for (let count = 0; count < 100; count += 1) garbage.note(100);
    await new Promise((resolve) => setTimeout(resolve, 20));
    observer.disconnect();
    assert.ok(minor >= 10, `${minor} collections`);
    assert.equal("gc" in globalThis, false);
  });
});
