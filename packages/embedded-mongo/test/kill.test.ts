import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { killAgainAndAgain } from "./kill/kill-run.ts";
import { temporaryFolder } from "./store.ts";

/** Fifty for a release (RCIOTS_KILLS=50); a few in every run, since each one starts a process. */
const kills = Number(process.env["RCIOTS_KILLS"] ?? 3);

describe("when the process is killed while clients write", () => {
  it(`keeps every acknowledged write, ${kills} times over`, async function () {
    this.timeout(60_000 + kills * 20_000);
    const dataDir = temporaryFolder();
    try {
      const report = await killAgainAndAgain(dataDir, kills);
      console.log(
        `      ${report.kills} kills; ${report.inserts} inserts, ${report.updates} updates and ${report.transactions} transactions acknowledged; ` +
          `${report.lost.length} lost; start to first answer ${Math.min(...report.restartMs)} to ${Math.max(...report.restartMs)} ms`,
      );
      assert.deepEqual(report.lost, []);
      assert.equal(report.integrity, "ok");
      assert.ok(report.inserts > kills, "the processes did write");
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});
