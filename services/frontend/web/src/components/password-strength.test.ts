import assert from "node:assert/strict";
import { passwordStrength } from "./password-strength.ts";

describe("when a new password is judged", () => {
  const score = (password: string, own: string[] = []) => passwordStrength(password, own).score;

  it("refuses what the platform refuses", () => {
    assert.equal(score(""), 0);
    assert.equal(score("x8$Kq2!mZp4"), 0);
    assert.equal(score("a1".repeat(129)), 0);
  });

  it("values length, and neither repetition nor what everybody tries", () => {
    assert.equal(score("aaaaaaaaaaaaaaaa"), 1);
    assert.equal(score("abcdefghijklmnop"), 1);
    assert.equal(score("Password1234"), 1);
    assert.equal(score("lovelace-2026", ["lovelace"]), 1);
    assert.ok(score("correct horse battery staple") === 4);
    assert.ok(score("kitchen table") >= 2);
  });

  it("says what would help", () => {
    assert.match(passwordStrength("short").advice, /12 characters/);
    assert.match(passwordStrength("Password1234").advice, /password/);
    assert.equal(passwordStrength("correct horse battery staple").advice, "");
  });
});
