import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isKnownGap } from "./unified/driver-gaps.ts";
import { runFolder } from "./unified/runner.ts";
import { SERVER } from "./unified/server.ts";
import { startStore } from "./store.ts";

const folder =
  process.env["RCIOTS_CRUD_SPEC_DIR"] ??
  fileURLToPath(new URL("../../../../shared/mongodb-crud-spec", import.meta.url));

describe("when MongoDB's CRUD specification tests run on the store", () => {
  it("passes or refuses by name every test that is for this kind of server", async function () {
    if (!existsSync(folder)) {
      console.log(`      SKIPPED: there is no folder ${folder}; name it in RCIOTS_CRUD_SPEC_DIR`);
      this.skip();
    }
    this.timeout(180_000);
    const store = await startStore({ testCommands: true });
    try {
      const results = await runFolder({ folder, uri: store.mongo.uri, server: SERVER });
      const failed = results.filter((one) => one.outcome.kind === "failed" && !isKnownGap(one));
      assert.deepEqual(failed, []);
      assert.ok(
        results.filter((one) => one.outcome.kind === "passed").length > 150,
        "the tests were really run",
      );
    } finally {
      await store.remove();
    }
  });
});
