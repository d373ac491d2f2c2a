import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { certificateByFingerprint, parseFingerprint, splitPem, systemRoots } from "./trust.ts";

const [first = "", second = ""] = rootCertificates;
const fingerprintOf = (pem: string): string => parseFingerprint(new X509Certificate(pem).fingerprint256);

describe("when the agent is told whom to trust", () => {
  it("reads fingerprints as the tools print them", () => {
    const hex = "ab".repeat(32);
    const printed = Array.from({ length: 32 }, () => "AB").join(":");
    for (const text of [hex, printed, `sha256:${hex}`, ` SHA256=${printed} `])
      assert.equal(parseFingerprint(text), hex);
    for (const text of ["", "ab", `${hex}0`, "zz".repeat(32)]) assert.throws(() => parseFingerprint(text));
  });

  it("takes from an unverified answer the one certificate it was told of", () => {
    assert.equal(certificateByFingerprint(`${first}\n${second}\n`, fingerprintOf(second)), second);
  });

  it("takes none where none is the one", () => {
    assert.throws(() => certificateByFingerprint(`${first}\n`, fingerprintOf(second)), {
      code: "ca_fingerprint_mismatch",
    });
    const rubbish = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    assert.throws(() => certificateByFingerprint(rubbish, fingerprintOf(second)), {
      code: "ca_fingerprint_mismatch",
    });
  });

  it("adds the roots of the operating system to Node's, and does without where it has none", () => {
    const read = (file: string): string => {
      if (file === "/etc/ssl/cert.pem") return `${first}\n`;
      throw new Error("no such file");
    };
    assert.equal(systemRoots(read).length, rootCertificates.length + 1);
    assert.equal(splitPem("nothing").length, 0);
  });
});
