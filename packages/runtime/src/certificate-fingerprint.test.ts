import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { createRootCa } from "../../../ca/src/index.ts";
import { isAppError } from "./app-error.ts";
import {
  certificateFingerprint,
  formatFingerprint,
  isPinned,
  parseFingerprint,
} from "./certificate-fingerprint.ts";

describe("certificate fingerprints", () => {
  const root = createRootCa({ name: "Root" });
  const parsed = new X509Certificate(root.pem);

  describe("when a certificate is given", () => {
    it("computes what Node.js shows, from PEM, DER and a parsed one", () => {
      for (const form of [root.pem, root.der, parsed]) {
        assert.equal(formatFingerprint(certificateFingerprint(form)), parsed.fingerprint256);
      }
    });
  });

  describe("when a fingerprint is pasted", () => {
    it("reads all usual forms", () => {
      const hex = root.fingerprint;
      for (const text of [
        hex,
        hex.toUpperCase(),
        parsed.fingerprint256,
        ` sha256:${hex}\n`,
        `SHA256 Fingerprint=${parsed.fingerprint256}`,
        `sha256 Fingerprint=${parsed.fingerprint256}`,
      ]) {
        assert.equal(parseFingerprint(text), hex);
        assert.ok(isPinned(root.pem, [text]));
      }
    });

    it("refuses anything else", () => {
      for (const text of [
        "",
        root.fingerprint.slice(1),
        `${root.fingerprint}0`,
        parsed.fingerprint256.replace(":", "-"),
        parsed.fingerprint256.replace(":", ""),
        "g".repeat(64),
      ]) {
        assert.throws(
          () => parseFingerprint(text),
          (error) => isAppError(error) && error.code === "invalid_fingerprint",
        );
      }
    });
  });

  describe("when another certificate comes", () => {
    it("is not pinned", () => {
      assert.equal(isPinned(createRootCa({ name: "Root" }).pem, [root.fingerprint]), false);
      assert.equal(isPinned(root.pem, []), false);
    });
  });
});
