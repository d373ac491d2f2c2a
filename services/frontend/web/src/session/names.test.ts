import assert from "node:assert/strict";
import { emailFault, usernameFault } from "./names.ts";

describe("when names are typed", () => {
  it("says what is wrong with a user name", () => {
    for (const good of ["ada", "0x", "a.b_c-d"]) assert.equal(usernameFault(good), null, good);
    for (const bad of ["a", "Ada", "-ada", "a b", "x".repeat(65)])
      assert.notEqual(usernameFault(bad), null, bad);
  });

  it("says what is no e-mail address", () => {
    for (const good of ["ada@example.com", " a+b@x.y.z "]) assert.equal(emailFault(good), null, good);
    for (const bad of ["ada", "ada@", "@example.com", "a b@example.com", "ada@example."]) {
      assert.notEqual(emailFault(bad), null, bad);
    }
  });
});
