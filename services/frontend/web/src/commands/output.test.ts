import assert from "node:assert/strict";
import { styledText } from "./ansi.ts";
import { appendOutput, noOutput, outputText } from "./output.ts";

const part = (text: string, skippedBytes = 0, stream: "stdout" | "stderr" = "stdout") => ({
  offset: 0,
  skippedBytes,
  pieces: [{ stream, text }],
});

describe("when the output of a command is shown", () => {
  it("keeps both streams apart and says what is missing", () => {
    const first = appendOutput(noOutput, [part("a"), part("b")], 2);
    const output = appendOutput(first, [part("c", 7), part("d", 0, "stderr")], 11);
    assert.deepEqual(output.segments, [
      { kind: "text", stream: "stdout", text: "ab" },
      { kind: "gap", bytes: 7 },
      { kind: "text", stream: "stdout", text: "c" },
      { kind: "text", stream: "stderr", text: "d" },
    ]);
    assert.equal(output.nextOffset, 11);
    assert.equal(outputText(output), "ab\n[7 bytes left out]\ncd");
    assert.equal(first.segments.length, 1, "what was read before stays as it was");
  });

  it("holds a bounded amount of an endless one: its beginning and its end", () => {
    let output = noOutput;
    for (let count = 0; count < 300; count += 1)
      output = appendOutput(output, [part(`${String(count).padStart(4, "0")}${"x".repeat(9_996)}`)], count);
    const text = outputText(output);
    assert.ok(text.length < 2_100_000);
    assert.match(text, /^0000x/);
    assert.match(text, /0299x+$/);
    assert.equal(output.segments.filter(({ kind }) => kind === "gap").length, 1);
  });

  it("shows colours as classes, and nothing else of what steers a terminal", () => {
    assert.deepEqual(styledText("a\u001b[31mred\u001b[1mbold\u001b[0mb"), [
      { text: "a", className: "" },
      { text: "red", className: "rciots-ansi-red" },
      { text: "bold", className: "rciots-ansi-red rciots-ansi-bold" },
      { text: "b", className: "" },
    ]);
    assert.deepEqual(
      styledText("\u001b]0;title\u0007\u001b[2J\u001b[10;5Hx\u0000y\u001b]8;;http://evil\u001b\\z"),
      [{ text: "xyz", className: "" }],
    );
    assert.deepEqual(styledText("\u001b[38;5;196mtext\u001b[m"), [{ text: "text", className: "" }]);
    assert.deepEqual(styledText("<b>&amp;"), [{ text: "<b>&amp;", className: "" }]);
  });

  it("shows of a line that was written over what stood there last", () => {
    assert.deepEqual(styledText("10%\r50%\r100%\r\ndone\n"), [{ text: "100%\ndone\n", className: "" }]);
  });
});
