import assert from "node:assert/strict";
import {
  describeTotp,
  hashRecoveryCode,
  isTotpCode,
  newRecoveryCodes,
  newTotpSecret,
  normalCode,
  totpStep,
} from "./totp.ts";

describe("when time-based codes are checked", () => {
  // RFC 6238, appendix B; its codes have eight digits, of which six are the last.
  const secret = Buffer.from("12345678901234567890", "ascii");
  const vectors = [
    [59, "287082"],
    [1_111_111_109, "081804"],
    [1_111_111_111, "050471"],
    [1_234_567_890, "005924"],
    [2_000_000_000, "279037"],
    [20_000_000_000, "353130"],
  ] as const;

  it("takes the codes of the standard's own examples, and says their step", () => {
    for (const [atS, code] of vectors) {
      assert.equal(totpStep(secret, code, atS * 1_000), Math.floor(atS / 30), code);
    }
  });

  it("takes a code one step early or late, and no further off", () => {
    const [atS, code] = vectors[3];
    const step = Math.floor(atS / 30);
    for (const off of [-1, 0, 1]) assert.equal(totpStep(secret, code, (step + off) * 30_000), step);
    for (const off of [-2, 2]) assert.equal(totpStep(secret, code, (step + off) * 30_000), undefined);
    assert.equal(totpStep(secret, "", step * 30_000), undefined);
    assert.equal(totpStep(newTotpSecret(), code, step * 30_000), undefined);
  });

  it("describes the secret to apps", () => {
    const { secret: text, uri } = describeTotp(secret, "ada@example.com");
    assert.equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    const url = new URL(uri);
    assert.equal(url.protocol, "otpauth:");
    assert.equal(decodeURIComponent(url.pathname), "/RCIoTS:ada@example.com");
    assert.equal(url.searchParams.get("secret"), text);
    assert.equal(url.searchParams.get("issuer"), "RCIoTS");
    assert.notDeepEqual(newTotpSecret(), newTotpSecret());
  });

  it("makes recovery codes that all differ, and knows them however they are typed", () => {
    const codes = newRecoveryCodes();
    assert.equal(new Set(codes).size, 10);
    for (const code of codes) {
      assert.match(code, /^([a-z2-7]{4}-){3}[a-z2-7]{4}$/);
      assert.equal(isTotpCode(normalCode(code)), false);
      const typed = ` ${code.toUpperCase().replaceAll("-", " ")} `;
      assert.equal(hashRecoveryCode("usr_1", typed), hashRecoveryCode("usr_1", code));
      assert.notEqual(hashRecoveryCode("usr_2", code), hashRecoveryCode("usr_1", code));
    }
    assert.equal(isTotpCode(normalCode("123 456")), true);
  });
});
