import { browserFault, openBrowser } from "../../harness/browser.ts";
import { firstLoadBudgetBytes, measureFirstLoads } from "../../harness/console-transfer.ts";
import { startPlatformProcess } from "../../harness/platform-process.ts";
import { formatKib, type BenchContext, type BenchRow, type Measurement } from "../measurement.ts";

const password = "correct horse battery staple";

/** What comes over the wire before somebody sees the console for the first time. */
async function run({ say }: BenchContext): Promise<Measurement[]> {
  say("Loading the console ...");
  const fault = browserFault();
  if (fault !== undefined) {
    say(`${fault}: nothing is measured.`);
    return [];
  }
  const platform = await startPlatformProcess();
  try {
    const browser = await openBrowser();
    const loads = await measureFirstLoads(browser, {
      baseUrl: platform.consoleUrl,
      username: "admin",
      password,
    });
    await browser.close();
    return loads.map(({ page, bytes, requests, largest }) => ({
      row: "console",
      what: `first load of the ${page} page, compressed`,
      size: `${requests} requests, empty cache`,
      baseline: "-",
      measured: formatKib(bytes),
      ratio: bytes / firstLoadBudgetBytes,
      target: formatKib(firstLoadBudgetBytes),
      passed: bytes <= firstLoadBudgetBytes,
      load: bytes / firstLoadBudgetBytes,
      notes: [
        `${page}: ${largest.map((part) => `${part.path.split("/").at(-1) || "/"} ${formatKib(part.bytes)}`).join(", ")}.`,
      ],
    }));
  } finally {
    await platform.stop();
  }
}

export const consoleRow: BenchRow = {
  name: "console",
  about: "what the console loads before it is seen for the first time",
  run,
};
