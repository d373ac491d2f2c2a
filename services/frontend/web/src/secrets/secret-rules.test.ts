import assert from "node:assert/strict";
import { secretNameFault, secretValueFault } from "./secret-rules.ts";

describe("when a secret is entered", () => {
  it("takes names that placeholders can hold, and no name twice", () => {
    for (const name of ["DB_PASSWORD", "_x", "a1"]) assert.equal(secretNameFault(name, []), null, name);
    for (const name of ["", "1a", "a-b", "a.b", "ä", "constructor", "x".repeat(129)]) {
      assert.notEqual(secretNameFault(name, []), null, name);
    }
    assert.match(secretNameFault("A", ["A"]) ?? "", /new value/);
  });

  it("counts bytes, not characters", () => {
    assert.equal(secretValueFault("x".repeat(32_768)), null);
    assert.notEqual(secretValueFault("é".repeat(16_385)), null);
  });
});
