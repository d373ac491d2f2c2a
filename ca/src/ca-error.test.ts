import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { deviceCertificateErrorCodes } from "../../packages/runtime/src/device-certificate.ts";
import { caErrorCodes } from "./ca-error.ts";

describe("error codes", () => {
  describe("when one is added or removed", () => {
    it("is in the decision record too", async () => {
      const text = await readFile(
        new URL("../../docs/decisions/0002-certificate-profile.md", import.meta.url),
        "utf8",
      );
      const [, section = ""] = text.split("## Error codes");
      const [list = ""] = section.split("\n## ");
      const documented = [...list.matchAll(/`(\w+)`/g)].map(([, code]) => code);
      assert.deepEqual(
        documented.sort(),
        [
          ...new Set([...caErrorCodes, ...deviceCertificateErrorCodes, "certificate_malformed"]),
          "certificate_malformed",
        ].sort(),
      );
    });
  });
});
