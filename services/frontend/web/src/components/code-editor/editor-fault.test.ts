import assert from "node:assert/strict";
import { rangeOf, type LinedText } from "./editor-fault.ts";

function linesOf(text: string): LinedText {
  const lines = text.split("\n");
  return {
    lines: lines.length,
    line(number) {
      const from = lines.slice(0, number - 1).reduce((sum, line) => sum + line.length + 1, 0);
      const line = lines[number - 1] ?? "";
      return { from, to: from + line.length, text: line };
    },
  };
}

describe("when a fault is marked in a text", () => {
  const text = "kind: A\n  name: b  \n\nlast";
  const marked = (line: number, column?: number): string => {
    const { from, to } = rangeOf(linesOf(text), { line, column });
    return text.slice(from, to);
  };

  it("marks the line without its blanks, or from the column on", () => {
    assert.equal(marked(2), "name: b");
    assert.equal(marked(1, 7), "A");
  });

  it("stays within the text, whatever it is told", () => {
    assert.equal(marked(1, 99), "A");
    assert.equal(marked(3), "");
    assert.equal(marked(99, 3), "last");
    assert.equal(marked(0), "kind: A");
  });
});
