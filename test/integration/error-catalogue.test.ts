import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { cataloguePath, readErrorCodes, renderCatalogue } from "../harness/error-catalogue.ts";

describe("when somebody looks up an error code", () => {
  const codes = readErrorCodes();

  it("finds every one of them in docs/errors.md", async () => {
    const written = readFileSync(cataloguePath, "utf8");
    assert.equal(written, await renderCatalogue(codes), "run `npm run errors`");
  });

  it("finds them with their status and what they say", () => {
    assert.ok(codes.length > 80, `${codes.length} codes`);
    const byCode = new Map(codes.map((entry) => [entry.code, entry]));
    assert.deepEqual(byCode.get("device_not_found")?.statuses, [404]);
    assert.deepEqual(byCode.get("body_too_large")?.statuses, [413]);
    assert.ok(byCode.get("role_required")?.messages.includes("This call needs the role … or a higher one."));
  });
});
