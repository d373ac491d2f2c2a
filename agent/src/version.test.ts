import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { agentVersion } from "./version.ts";

describe("when the agent says its version", () => {
  it("is the one of its package", async () => {
    const manifest = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
    assert.equal(agentVersion, manifest.version);
  });
});
