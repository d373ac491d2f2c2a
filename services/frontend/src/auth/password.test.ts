import assert from "node:assert/strict";
import { createPasswords, generatePassword } from "./password.ts";

describe("when passwords are checked", () => {
  it("accepts the right one only, and nothing for a user who isn't there", async () => {
    const passwords = createPasswords();
    const stored = await passwords.hash("correct horse");
    assert.equal(await passwords.verify(stored, "correct horse"), true);
    assert.equal(await passwords.verify(stored, "wrong horse"), false);
    assert.equal(await passwords.verify(null, "correct horse"), false);
  });

  it("takes as long for a user who isn't there", async () => {
    const passwords = createPasswords();
    const stored = await passwords.hash("correct horse");
    await passwords.verify(null, "warm up");
    const time = async (hash: string | null): Promise<number> => {
      const times: number[] = [];
      for (let index = 0; index < 9; index += 1) {
        const startedAt = performance.now();
        await passwords.verify(hash, "wrong");
        times.push(performance.now() - startedAt);
      }
      return times.sort((a, b) => a - b)[4] ?? 0;
    };
    const ratio = (await time(null)) / (await time(stored));
    // Without a hash of its own it would be a thousandth; a busy machine alone makes it a third.
    assert.ok(ratio > 0.1 && ratio < 10, `unknown/known = ${ratio}`);
  });

  it("turns people away rather than letting any number wait", async () => {
    const passwords = createPasswords();
    const outcomes = await Promise.allSettled(Array.from({ length: 80 }, () => passwords.verify(null, "x")));
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    assert.ok(refused.length > 0 && refused.length < 20, `${refused.length}`);
    for (const { reason } of refused) assert.equal(reason.code, "busy");
  });

  it("makes passwords that nobody guesses", () => {
    const made = new Set(Array.from({ length: 50 }, generatePassword));
    assert.equal(made.size, 50);
    for (const password of made) assert.match(password, /^[a-km-zA-HJ-NP-Z2-9]{24}$/);
  });
});
