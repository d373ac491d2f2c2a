import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { createByteCache } from "./byte-cache.ts";

describe("when values are cached by their size", () => {
  it("lets those go first that were used longest ago", () => {
    const cache = createByteCache<string>({ maxBytes: 30 });
    for (const key of ["a", "b", "c"]) cache.set(key, `value ${key}`, 10);
    assert.equal(cache.get("a"), "value a");
    cache.set("d", "value d", 10);
    assert.deepEqual(
      ["a", "b", "c", "d"].map((key) => cache.get(key) !== undefined),
      [true, false, true, true],
    );
  });

  it("never holds more than its limit, whatever is set again or too large", () => {
    const cache = createByteCache<number>({ maxBytes: 100 });
    for (let index = 0; index < 1_000; index += 1) cache.set(`${index}`, index, 40);
    const held = Array.from({ length: 1_000 }, (_value, index) => cache.get(`${index}`)).filter(
      (value) => value !== undefined,
    );
    assert.deepEqual(held, [998, 999]);
    cache.set("999", 1, 90);
    assert.equal(cache.get("998"), undefined);
    cache.set("999", 2, 101);
    assert.equal(cache.get("999"), undefined, "what does not fit is forgotten and not kept as it was");
    cache.set("x", 3, Number.POSITIVE_INFINITY);
    cache.set("y", 4, 100);
    assert.deepEqual([cache.get("x"), cache.get("y")], [undefined, 4]);
  });
});
