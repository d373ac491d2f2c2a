import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { browserFault, openBrowser, type TestBrowser, type TestPage } from "../harness/browser.ts";
import { signIn } from "../harness/console-visit.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

describe("when somebody runs commands in the console", function () {
  this.timeout(180_000);
  let platform: PlatformProcess;
  let agents: AgentProcess[] = [];
  let browser: TestBrowser;
  let opened: TestPage;
  let page: Page;
  let api: ApiClient;

  before(async function () {
    const fault = browserFault();
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    [platform, browser] = await Promise.all([startPlatformProcess(), openBrowser()]);
    api = await platform.api();
    const token = await createToken(api, { labels: { site: "lab" } });
    agents = ["till-1", "till-2"].map((name) =>
      startAgentProcess({ platform, token, name, env: { RCIOTS_COMMANDS: "host" } }),
    );
    await Promise.all(["till-1", "till-2"].map((name) => deviceOnline(api, name)));
    opened = await browser.openPage({ baseUrl: platform.consoleUrl });
    ({ page } = opened);
    page.setDefaultTimeout(30_000);
    await signIn(page, "admin", "correct horse battery staple");
  });
  after(async () => {
    await browser?.close();
    await Promise.all(agents.map((agent) => agent.stop()));
    await platform?.stop();
  });
  afterEach(() => assert.deepEqual(opened?.faults ?? [], []));

  const write = async (text: string): Promise<void> => {
    await page.locator(".cm-content").click();
    await page.keyboard.insertText(text);
  };

  it("says how many devices are meant, runs a script on them, and shows what it writes as it comes", async () => {
    await page.goto("/commands");
    await page.getByRole("link", { name: "Run a command" }).click();
    await page.getByLabel("Label selector").fill("site=lab");
    await page.getByText("2 devices, 2 of them online").waitFor();
    await write(String.raw`printf '\033[32mhello\033[0m from a script\n'; sleep 4; echo late >&2; exit 3`);
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByText("2 running").waitFor();
    await page
      .getByRole("row")
      .filter({ hasText: "till-1" })
      .getByRole("button", { name: "Details" })
      .click();
    const log = page.getByRole("log", { name: "Output on till-1" });
    await log.getByText("hello").waitFor();
    assert.equal(await log.locator(".rciots-ansi-green").innerText(), "hello");
    await log.locator(".rciots-output-stderr").getByText("late").waitFor();
    await page.getByText("2 failed").waitFor();
    await page.getByRole("gridcell", { name: "3", exact: true }).first().waitFor();
    await page.getByRole("heading", { name: "What was asked for" }).waitFor();
  });

  it("filters the devices of a run by the address, and runs it again", async () => {
    const address = page.url().split("?")[0] ?? "";
    await page.goto(`${address}?state=succeeded`);
    await page.getByText("No device matches.").waitFor();
    await page.goto(`${address}?q=till-2`);
    await page.getByRole("row").filter({ hasText: "till-2" }).first().waitFor();
    assert.equal(await page.getByRole("link", { name: "till-1" }).count(), 0);
    await page.getByRole("button", { name: "Run again" }).click();
    await page.waitForURL((url) => url.pathname !== new URL(address).pathname);
    await page.getByText("2 running").waitFor();
  });

  it("cancels what runs", async () => {
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel the command" }).click();
    await page.getByText("It was cancelled").waitFor();
    await page
      .getByText(/left out|failed/)
      .first()
      .waitFor();
  });

  it("keeps a script with a parameter, and runs it on one device", async () => {
    await page.goto("/scripts");
    await page.getByRole("link", { name: "New script" }).click();
    await page.locator("#script-name").fill("greet");
    await write('echo "good morning, $WHO"\n');
    await page.getByRole("button", { name: "Add parameter" }).click();
    await page.getByLabel("Name of parameter 1").fill("WHO");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { level: 1, name: "greet" }).waitFor();
    await page.getByRole("link", { name: "Run", exact: true }).click();
    await page.getByLabel("By their names").check();
    await page.getByRole("combobox", { name: "Add a device" }).click();
    await page.getByRole("option", { name: "till-1" }).click();
    await page.getByLabel("Value of variable WHO").fill("$(everybody)");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByRole("log").getByText("good morning, $(everybody)").waitFor();
    await page.getByText("1 succeeded").waitFor();
  });

  it("shows on the device what was run there, and switches commands off", async () => {
    await page.getByRole("link", { name: "till-1" }).click();
    await page.getByRole("tab", { name: "Commands" }).click();
    await page.getByRole("link", { name: "greet" }).waitFor();
    await page.getByRole("switch", { name: /Commands may run/ }).click({ force: true });
    await page.getByText("Commands are off now").waitFor();
  });
});
