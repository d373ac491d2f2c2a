import assert from "node:assert/strict";
import { decodeCursor, encodeCursor, readPage } from "./cursor.ts";

describe("when a list is paged", () => {
  const numbers = Array.from({ length: 10 }, (_, index) => index + 1);
  const page = (limit: number, cursor?: string | null) =>
    readPage({
      kind: "numbers",
      limit,
      cursor: cursor ?? undefined,
      read: async (after, count) => numbers.filter((number) => number > Number(after ?? 0)).slice(0, count),
      positionOf: String,
    });

  it("goes on after the last item, and says where it ends", async () => {
    const first = await page(4);
    assert.deepEqual(first.items, [1, 2, 3, 4]);
    const second = await page(4, first.nextCursor);
    const third = await page(4, second.nextCursor);
    assert.deepEqual([second.items, third.items, third.nextCursor], [[5, 6, 7, 8], [9, 10], null]);
    assert.equal((await page(10)).nextCursor, null);
  });

  it("refuses a cursor of another list, and anything else", () => {
    assert.equal(decodeCursor("a", encodeCursor("a", "x")), "x");
    const bad = [
      encodeCursor("b", "x"),
      encodeCursor("a", ""),
      "",
      "%",
      Buffer.from("null").toString("base64url"),
    ];
    for (const cursor of bad)
      assert.throws(() => decodeCursor("a", cursor), { code: "invalid_cursor" }, cursor);
  });
});
