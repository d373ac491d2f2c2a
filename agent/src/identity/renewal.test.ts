import assert from "node:assert/strict";
import { renewalTime } from "./certificate-life.ts";

describe("when a certificate is renewed", () => {
  const day = 86_400_000;
  const life = { notBefore: 0, notAfter: 90 * day };

  it("is at two thirds of its life, spread over a twelfth", () => {
    assert.equal(renewalTime(life, 0), 60 * day);
    assert.equal(renewalTime(life, 1), 67.5 * day);
  });
});
