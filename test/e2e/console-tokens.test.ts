import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { browserFault, openBrowser, type TestBrowser, type TestPage } from "../harness/browser.ts";
import { accessibilityFaults, overflowFaults, signIn } from "../harness/console-visit.ts";
import { eventually } from "../harness/eventually.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { startProcess, type TestProcess } from "../harness/process.ts";

const password = "correct horse battery staple";

describe("when an operator connects a device with the console", function () {
  this.timeout(120_000);
  let platform: PlatformProcess;
  let browser: TestBrowser;
  let tab: TestPage;
  let page: Page;
  let folder: string;
  let agent: TestProcess | undefined;

  before(async function () {
    const fault = browserFault();
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), "rciots-console-tokens-"));
    platform = await startPlatformProcess();
    browser = await openBrowser();
    tab = await browser.openPage({ baseUrl: platform.consoleUrl });
    page = tab.page;
    page.setDefaultTimeout(20_000);
    await signIn(page, "admin", password);
    await page.goto("/provisioning-tokens");
  });
  afterEach(async function () {
    if (this.currentTest?.state !== "failed" || page === undefined) return;
    console.log(await page.locator("body").innerText(), agent?.output().slice(-2_000));
  });
  after(async () => {
    if (agent?.child.pid !== undefined) process.kill(-agent.child.pid, "SIGTERM");
    await agent?.exited;
    await tab?.close();
    await browser?.close();
    await platform?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const button = (name: string | RegExp, exact = true) => page.getByRole("button", { name, exact });

  it("goes from nothing to the command, sees the device arrive, and approves it", async () => {
    await page.getByRole("heading", { name: "Connect your first device" }).waitFor();
    await button("Create token").first().click();
    assert.equal(await button("Next").isDisabled(), true, "a token has a name");
    await page.getByLabel("Name", { exact: false }).first().fill("Berlin tills");
    await button("Next").click();
    await page.getByLabel("Expires").selectOption("7");
    await page.getByLabel("Number of devices").fill("2");
    await button("Next").click();
    await page.getByLabel("Labels", { exact: true }).fill("site=berlin");
    await page.keyboard.press("Enter");
    await button("Next").click();
    const review = page.getByLabel("The token to be created");
    for (const text of ["Berlin tills", "By hand", /in [67] days/, "at most 2", "site=berlin"])
      await review.getByText(text).waitFor();
    await button("Create token").click();

    await page.getByRole("heading", { name: "Berlin tills is ready" }).waitFor();
    const token = await page.getByLabel("Token", { exact: true }).inputValue();
    assert.match(token, /^rcp_/);
    for (const [tool, start] of [
      ["OpenShift", "oc process -f"],
      ["kubectl", "kubectl apply -f"],
      ["Helm", "helm upgrade --install"],
    ] as const) {
      const command = await commandOf(tool);
      assert.ok(command.startsWith(start) && command.includes(token), command);
    }
    await page.getByText("Waiting for the first device").waitFor();

    const command = await commandOf("Host");
    const run = `exec env ${command} --device-name till-1 --state-dir ${join(folder, "state")}`;
    // A group of its own, as a shell makes one for a job: npx doesn't pass signals on.
    agent = startProcess("setsid", ["/bin/sh", "-c", run], {
      PATH: `${folder}:${process.env["PATH"] ?? ""}`,
      RCIOTS_CLUSTER: "none",
    });
    const arrivals = page.getByRole("status").filter({ hasText: "till-1" });
    await arrivals.getByText("Pending").waitFor();
    await button("Approve till-1").click();
    await arrivals.getByText("Online").waitFor();
    assert.equal(page.url().includes(token), false);
    assert.deepEqual(await faultsOf(), []);
  });

  it("lists the token with its use, and shows it with its devices, but never its value again", async () => {
    await button("Done").click();
    const row = page.getByRole("row", { name: /Berlin tills/ });
    await row.getByText("1 of 2").waitFor();
    await row.getByText("Active").waitFor();
    const drawer = page.getByLabel("Provisioning token", { exact: true });
    await drawer.getByRole("link", { name: "till-1" }).waitFor();
    assert.match(await commandOf("kubectl"), /token: "\$RCIOTS_TOKEN"/);
    assert.deepEqual(await faultsOf(), []);
    await page.reload();
    await drawer.getByRole("link", { name: "till-1" }).waitFor();
    assert.equal((await page.content()).includes("rcp_"), true, "its first characters");
    assert.equal(/rcp_[\w-]{10}/.test(await page.content()), false);
    await button("Close").click();
  });

  it("changes, disables, finds and deletes it", async () => {
    const row = page.getByRole("row", { name: /Berlin tills/ });
    const choose = async (action: string): Promise<void> => {
      await row.getByRole("button", { name: "Kebab toggle" }).click();
      await page.getByRole("menuitem", { name: action }).click();
    };
    await choose("Edit");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Number of devices").fill("1");
    await dialog.getByRole("button", { name: "Save" }).click();
    await row.getByText("Exhausted").waitFor();
    await choose("Disable");
    await row.getByText("Disabled").waitFor();

    await button("Status").click();
    await page.getByRole("menuitem", { name: "Active" }).click();
    await page.getByRole("heading", { name: "No token is like this" }).waitFor();
    assert.match(page.url(), /status=active/);
    await page.keyboard.press("Escape");
    await button("Clear filters").first().click();
    await row.waitFor();
    await page.getByLabel("Find a token by name").fill("TILL");
    await row.waitFor();

    await row.getByRole("checkbox").check();
    await button("Actions for 1").click();
    await page.getByRole("menuitem", { name: "Enable" }).click();
    await row.getByText("Exhausted").waitFor();

    await choose("Delete");
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("heading", { name: "Connect your first device" }).waitFor();
    assert.deepEqual(tab.faults, []);
  });

  /** What axe finds; nothing may be too wide for a phone. */
  async function faultsOf(): Promise<string[]> {
    const faults = await accessibilityFaults(page);
    await page.setViewportSize({ width: 390, height: 844 });
    // The masthead is laid out anew a moment after the window has changed.
    await eventually(async () => assert.deepEqual(await overflowFaults(page), []));
    await page.setViewportSize({ width: 1440, height: 900 });
    return faults;
  }

  async function commandOf(tool: string): Promise<string> {
    await page.getByRole("tab", { name: tool }).click();
    return page.getByRole("tabpanel", { name: tool }).locator("code").last().innerText();
  }
});
