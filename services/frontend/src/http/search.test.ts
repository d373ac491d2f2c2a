import assert from "node:assert/strict";
import { nameSearch } from "./search.ts";

describe("when names are searched", () => {
  it("takes every character for itself, but for a ^ in front", () => {
    for (const text of ["a.b", "(a+)+$", "[x]", "a\\b", "a|b", "a-b", "*", "?{2}", "/"]) {
      assert.ok(new RegExp(nameSearch(text)).test(`<${text}>`), text);
      assert.equal(new RegExp(nameSearch(`^${text}`)).test(`<${text}>`), false, text);
      assert.ok(new RegExp(nameSearch(`^${text}`)).test(`${text}>`), text);
    }
    assert.equal(new RegExp(nameSearch("a.b")).test("axb"), false);
  });

  it("finds capitals where it is told to, and only then", () => {
    assert.ok(new RegExp(nameSearch("^shöp [x]", "any-case")).test("SHÖP [X] berlin"));
    assert.ok(new RegExp(nameSearch("Straße", "any-case")).test("straße"));
    assert.equal(new RegExp(nameSearch("shop")).test("Shop"), false);
  });
});
