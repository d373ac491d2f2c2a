import assert from "node:assert/strict";
import { browserFault, openBrowser, type TestBrowser } from "../harness/browser.ts";
import { firstLoadBudgetBytes, measureFirstLoads } from "../harness/console-transfer.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

describe("when the console is opened for the first time", function () {
  this.timeout(120_000);
  let platform: PlatformProcess;
  let browser: TestBrowser;

  before(async function () {
    const fault = browserFault();
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    platform = await startPlatformProcess();
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await platform?.stop();
  });

  it("comes in less than 400 KB, signed out and signed in", async () => {
    const loads = await measureFirstLoads(browser, {
      baseUrl: platform.consoleUrl,
      username: "admin",
      password: "correct horse battery staple",
    });
    for (const { page, bytes, requests, largest } of loads) {
      const shown = `${page}: ${(bytes / 1_024).toFixed(0)} KiB in ${requests} requests`;
      console.log(`      ${shown}`);
      assert.ok(requests > 2 && bytes > 50_000, `${shown}: was that the console?`);
      const parts = largest.map((part) => `${part.path} ${part.bytes}`).join(", ");
      assert.ok(bytes <= firstLoadBudgetBytes, `${shown}: ${parts}`);
    }
  });
});
