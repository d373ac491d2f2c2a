import assert from "node:assert/strict";
import { changesOf, changeVersioned, isSame } from "./optimistic-change.ts";

interface Counter {
  value: number;
  version: number;
}

/** A stored counter that somebody else changes just before each of the first `rivals` writes. */
function createStored(rivals: number) {
  let stored: Counter = { value: 0, version: 1 };
  let left = rivals;
  return {
    read: async () => stored,
    write: async (current: Counter, change: { value: number }) => {
      if (left > 0) {
        left -= 1;
        stored = { value: stored.value + 100, version: stored.version + 1 };
      }
      if (stored.version !== current.version) return null;
      stored = { ...stored, ...change, version: stored.version + 1 };
      return stored;
    },
  };
}

const increment = (current: Counter) => ({ value: current.value + 1 });

describe("when a versioned document is changed", () => {
  it("makes the change again on what somebody else wrote", async () => {
    const changed = await changeVersioned({ ifMatch: undefined, change: increment, ...createStored(2) });
    assert.deepEqual(changed.after, { value: 201, version: 4 });
    assert.equal(changed.before.value, 200);
  });

  it("gives up where it never wins", async () => {
    const change = changeVersioned({ ifMatch: undefined, change: increment, ...createStored(99) });
    await assert.rejects(change, { code: "too_much_contention", status: 409 });
  });

  it("doesn't make it again where a version was asked for", async () => {
    const lost = changeVersioned({ ifMatch: 1, change: increment, ...createStored(1) });
    await assert.rejects(lost, { code: "version_conflict", status: 412, details: { currentETag: '"2"' } });
    const stale = changeVersioned({ ifMatch: 7, change: increment, ...createStored(0) });
    await assert.rejects(stale, { status: 412 });
  });

  it("writes nothing where nothing changes", async () => {
    const { isChanged, after } = await changeVersioned({
      ifMatch: 1,
      change: () => null,
      ...createStored(9),
    });
    assert.deepEqual([isChanged, after.version], [false, 1]);
  });
});

describe("when values are compared", () => {
  it("looks at what they hold", () => {
    assert.ok(isSame({ a: [1, { b: null }] }, { a: [1, { b: null }] }));
    assert.ok(isSame({ a: 1, b: 2 }, { b: 2, a: 1 }));
    assert.ok(isSame(new Date(5), new Date(5)));
    for (const [a, b] of [
      [{ a: 1 }, { a: 2 }],
      [{ a: undefined }, { b: undefined }],
      [
        [1, 2],
        [2, 1],
      ],
      [[], {}],
      [null, {}],
      [new Date(5), new Date(6)],
      [new Date(5), {}],
      [{}, { toString: 1 }],
      [{ toString: 1 }, {}],
    ] as const) {
      assert.equal(isSame(a, b), false, JSON.stringify([a, b]));
    }
  });

  it("leaves out what is as wanted", () => {
    assert.deepEqual(changesOf({ a: 1, b: { c: 2 } }, { a: 1, b: { c: 3 } }), { b: { c: 3 } });
    assert.equal(changesOf({ a: 1 }, { a: 1 }), null);
  });
});
