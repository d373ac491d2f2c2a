import assert from "node:assert/strict";
import { limits } from "@rciots/protocol";
import { createOutputFeed } from "./output-feed.ts";

function setUp({ isAttached = true } = {}) {
  const log: string[] = [];
  const feed = createOutputFeed({ pause: () => log.push("pause"), resume: () => log.push("resume") });
  feed.setAttached(isAttached);
  const sendAll = () => {
    const sent: { offset: number; text: string }[] = [];
    for (let message = feed.next(); message !== undefined; message = feed.next()) {
      sent.push({ offset: message.offset, text: message.pieces.map(({ text }) => text).join("") });
      feed.sent(message);
    }
    return sent;
  };
  return { feed, log, sendAll };
}

describe("when a command writes", () => {
  it("keeps both streams apart and in their order", () => {
    const { feed } = setUp();
    feed.push("stdout", Buffer.from("a"));
    feed.push("stdout", Buffer.from("b"));
    feed.push("stderr", Buffer.from("c"));
    feed.push("stdout", Buffer.from("d"));
    assert.deepEqual(feed.next(), {
      offset: 0,
      pieces: [
        { stream: "stdout", text: "ab" },
        { stream: "stderr", text: "c" },
        { stream: "stdout", text: "d" },
      ],
    });
  });

  it("puts characters together that came in parts, and counts bytes", () => {
    const { feed, sendAll } = setUp();
    const bytes = Buffer.from("ü€😀");
    for (const byte of bytes) feed.push("stdout", Buffer.from([byte]));
    feed.push("stderr", Buffer.from([0xc3]));
    feed.flush();
    assert.deepEqual(sendAll(), [{ offset: 0, text: "ü€😀\ufffd" }]);
    assert.equal(feed.totalBytes, bytes.byteLength + 3);
  });

  it("makes messages that fit, of large output too", () => {
    const { feed, sendAll } = setUp();
    feed.push("stdout", Buffer.from("€😀".repeat(30_000)));
    const sent = sendAll();
    assert.equal(sent.map(({ text }) => text).join(""), "€😀".repeat(30_000));
    let at = 0;
    for (const { offset, text } of sent) {
      assert.equal(offset, at);
      at += Buffer.byteLength(text);
      assert.ok(Buffer.byteLength(text) <= limits.commandMessageBytes);
    }
  });

  it("does not change a message that is under way", () => {
    const { feed } = setUp();
    feed.push("stdout", Buffer.from("first"));
    const message = feed.next();
    feed.push("stdout", Buffer.from(" second"));
    assert.deepEqual(message?.pieces, [{ stream: "stdout", text: "first" }]);
    feed.setAttached(false);
    feed.setAttached(true);
    assert.deepEqual(feed.next(), message, "what is sent again is what was sent");
    if (message !== undefined) feed.sent(message);
    assert.deepEqual(feed.next(), { offset: 5, pieces: [{ stream: "stdout", text: " second" }] });
  });

  it("makes it wait where nobody gets on with the output, and go on after that", () => {
    const { feed, log, sendAll } = setUp();
    for (let count = 0; count < 5; count += 1) feed.push("stdout", Buffer.alloc(65_536, "x"));
    assert.deepEqual(log, ["pause"]);
    sendAll();
    assert.deepEqual(log, ["pause", "resume"]);
    for (let count = 0; count < 5; count += 1) feed.push("stdout", Buffer.alloc(65_536, "x"));
    feed.setAttached(false);
    assert.deepEqual(log, ["pause", "resume", "pause", "resume"]);
  });

  it("keeps the beginning and the end where nobody is there, and tells the gap by its offsets", () => {
    const { feed, log, sendAll } = setUp({ isAttached: false });
    for (let count = 0; count < 100; count += 1)
      feed.push("stdout", Buffer.alloc(65_536, String.fromCharCode(48 + (count % 64))));
    assert.deepEqual(log, []);
    assert.ok(feed.waitingBytes <= limits.commandOutputBytes + 65_536);
    feed.setAttached(true);
    const sent = sendAll();
    const first = sent[0];
    const last = sent.at(-1);
    assert.equal(first?.offset, 0);
    assert.equal((last?.offset ?? 0) + Buffer.byteLength(last?.text ?? ""), feed.totalBytes);
    const gap = sent.find(({ offset }, index) => {
      const before = sent[index - 1];
      return before !== undefined && offset !== before.offset + Buffer.byteLength(before.text);
    });
    assert.ok(gap !== undefined && gap.offset >= limits.commandOutputBytes / 2);
  });
});
