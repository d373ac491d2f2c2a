import assert from "node:assert/strict";
import { bitString, integer, namedBits, octetString, sequence, time, unsignedInteger } from "./der-writer.ts";
import { readDer } from "./der-reader.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("DER encoding", () => {
  describe("when integers are written", () => {
    it("keeps them minimal and positive", () => {
      assert.equal(hex(integer(0)), "020100");
      assert.equal(hex(integer(127)), "02017f");
      assert.equal(hex(integer(128)), "02020080");
      assert.equal(hex(integer(256n)), "02020100");
      assert.equal(hex(unsignedInteger(Buffer.from("000000ff", "hex"))), "020200ff");
      assert.equal(hex(unsignedInteger(Buffer.alloc(0))), "020100");
    });
  });

  describe("when lengths grow", () => {
    for (const [length, head] of [
      [127, "047f"],
      [128, "048180"],
      [255, "0481ff"],
      [256, "04820100"],
      [65_535, "0482ffff"],
      [65_536, "0483010000"],
      [16_777_216, "048401000000"],
    ] as const) {
      it(`writes ${length} bytes with the shortest header`, () => {
        assert.equal(hex(octetString(Buffer.alloc(length)).subarray(0, head.length / 2)), head);
      });
    }
  });

  describe("when a list of named bits is written", () => {
    it("leaves out trailing zero bits", () => {
      assert.equal(hex(namedBits([0])), "03020780");
      assert.equal(hex(namedBits([5, 6])), "03020106");
      assert.equal(hex(namedBits([0, 8])), "0303078080");
      assert.equal(hex(namedBits([])), "030100");
    });
  });

  describe("when times are written", () => {
    it("changes from UTCTime to GeneralizedTime at 2050, without fractions", () => {
      assert.equal(time(new Date("2049-12-31T23:59:59.999Z")).toString("latin1"), "\x17\x0d491231235959Z");
      assert.equal(time(new Date("2050-01-01T00:00:00Z")).toString("latin1"), "\x18\x0f20500101000000Z");
    });
  });

  describe("when it is read back", () => {
    it("gives the same tree, and never looks into bit strings", () => {
      const inner = sequence(integer(1));
      const tree = readDer(sequence(integer(5), bitString(inner)));
      assert.deepEqual(
        tree.children.map((child) => child.tag),
        [2, 3],
      );
      assert.equal(hex(tree.children[1]?.value ?? Buffer.alloc(0)), `00${hex(inner)}`);
    });

    for (const [name, text] of [
      ["a padded length", "30810302010 1"],
      ["an indefinite length", "30800201010000"],
      ["a padded integer", "300402020001"],
      ["trailing bytes", "300302010100"],
      ["a cut value", "30030201"],
      ["nothing", ""],
    ] as const) {
      it(`refuses ${name}`, () => {
        assert.throws(() => readDer(Buffer.from(text.replaceAll(" ", ""), "hex")));
      });
    }
  });
});
