import assert from "node:assert/strict";
import { createLogLines } from "./log-lines.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("when a log comes in pieces", () => {
  it("makes lines of them, wherever they were cut", () => {
    const log = createLogLines(10);
    const text = bytes("first\nsecond ü\nthird");
    for (const byte of text) log.push(Uint8Array.of(byte));
    assert.deepEqual(log.lines, ["first", "second ü"]);
    log.flush();
    assert.deepEqual(log.lines, ["first", "second ü", "third"]);
  });

  it("keeps the newest, and says how many came before", () => {
    const log = createLogLines(100);
    for (let at = 0; at < 1_000; at += 1) log.push(bytes(`line ${at}\n`));
    assert.equal(log.lines.length, 100);
    assert.equal(log.lines[0], "line 900");
    assert.equal(log.dropped, 900);
  });

  it("leaves nothing of what would colour, move or turn a text around", () => {
    const log = createLogLines(10);
    log.push(bytes("\u001b[31mred\u001b[0m \u001b]0;title\u0007a\u202eb\u0000\r\n"));
    assert.deepEqual(log.lines, ["red ab"]);
  });

  it("cuts a line without an end", () => {
    const log = createLogLines(10);
    for (let at = 0; at < 10; at += 1) log.push(bytes("x".repeat(10_000)));
    assert.ok(log.lines.length >= 1);
    assert.ok(log.lines.every((line) => line.length <= 8_193));
  });
});
