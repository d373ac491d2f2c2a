import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { browserFault, openBrowser, type TestBrowser, type TestPage } from "../harness/browser.ts";
import { eventually } from "../harness/eventually.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const password = "correct horse battery staple";

describe("when somebody watches the fleet in the console", function () {
  this.timeout(240_000);
  let platform: PlatformProcess;
  let browser: TestBrowser;
  let shown: TestPage;
  let page: Page;
  let api: ApiClient;
  const agents: AgentProcess[] = [];

  const row = (name: string) => page.getByRole("row").filter({ hasText: name });
  /** Nothing is read again but what a hint says: a focus or a timer must not do it. */
  const seenIn = (name: string, text: string) =>
    row(name).getByText(text, { exact: true }).waitFor({ timeout: 20_000 });

  async function startAgent(name: string, approval: "automatic" | "manual" = "automatic"): Promise<void> {
    const token = await api.post<{ token: string }>("/provisioning-tokens", {
      name: `for-${name}`,
      approval,
      labels: { site: "berlin" },
    });
    agents.push(startAgentProcess({ platform, token: token.token, name }));
  }

  before(async function () {
    const fault = browserFault();
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    platform = await startPlatformProcess();
    api = await platform.api();
    browser = await openBrowser();
    shown = await browser.openPage({ baseUrl: platform.consoleUrl });
    page = shown.page;
    await page.goto("/");
    await page.getByLabel("User name or e-mail address").fill("admin");
    await page.locator("input[autocomplete=current-password]").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  });
  after(async () => {
    await shown?.close();
    await browser?.close();
    for (const agent of agents) await agent.stop();
    await platform?.stop();
  });

  it("begins with the steps to a first device", async () => {
    await page.getByRole("heading", { name: "Connect your first device" }).waitFor();
  });

  it("shows a device that connects, is disabled and comes back, without a reload", async () => {
    await page.goto("/devices");
    await page.getByRole("heading", { name: "No devices yet" }).waitFor();
    await startAgent("edge-one");
    await seenIn("edge-one", "Online");
    const [device] = (await api.get<{ items: { id: string }[] }>("/devices")).items;
    const startedAt = Date.now();
    await api.post(`/devices/${device?.id}/disable`);
    await seenIn("edge-one", "Offline");
    await seenIn("edge-one", "Disabled");
    assert.ok(Date.now() - startedAt < 10_000, "it took long");
    await api.post(`/devices/${device?.id}/enable`);
    await row("edge-one").getByText("Disabled", { exact: true }).waitFor({ state: "detached" });
  });

  it("keeps filters in the address, over a reload", async () => {
    await page.getByLabel("Search devices").fill("edge");
    await page.waitForURL(/q=edge/);
    await page.getByRole("button", { name: "Status", exact: true }).click();
    await page.getByRole("menuitem", { name: "Active" }).or(page.getByLabel("Active")).first().click();
    await page.waitForURL(/status=active/);
    await page.keyboard.press("Escape");
    await page.getByLabel("Filter by label").fill("site=berlin");
    await page.getByLabel("Filter by label").press("Enter");
    await page.waitForURL(/label=site/);
    await page.reload();
    await row("edge-one").waitFor();
    assert.equal(await page.getByLabel("Search devices").inputValue(), "edge");
    await page.getByLabel("Search devices").fill("nothing-like-it");
    await page.getByRole("heading", { name: "No device matches" }).waitFor();
    await page.getByRole("button", { name: "Clear all filters" }).first().click();
    await row("edge-one").waitFor();
    assert.equal(new URL(page.url()).search, "");
  });

  it("approves a device that waits, which appears by itself", async () => {
    await page.goto("/devices/pending");
    await page.getByRole("heading", { name: "No device waits" }).waitFor();
    await startAgent("edge-two", "manual");
    await page.getByRole("button", { name: "Approve edge-two" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Set labels").fill("wave=1");
    await dialog.getByRole("button", { name: "Approve" }).click();
    await page.getByText("1 device approved").waitFor();
    await page.getByRole("heading", { name: "No device waits" }).waitFor();
    await eventually(
      async () => {
        const { items } = await api.get<{ items: { name: string }[] }>("/devices?label=wave=1&online=true");
        assert.deepEqual(
          items.map(({ name }) => name),
          ["edge-two"],
        );
      },
      { timeoutMs: 60_000 },
    );
  });

  it("sets labels of many, and shows the sums on the overview", async () => {
    await page.goto("/devices");
    await row("edge-two").waitFor();
    await page.getByLabel("Select the page").check();
    await page.getByRole("button", { name: "Actions", exact: true }).click();
    await page.getByRole("menuitem", { name: "Edit labels" }).click();
    await page.getByRole("dialog").getByLabel("Set labels").fill("tier=gold");
    await page.getByRole("dialog").getByRole("button", { name: "Edit labels" }).click();
    await page.getByText("2 devices labelled").waitFor();
    for (const name of ["edge-one", "edge-two"]) await row(name).getByText("tier=gold").waitFor();
    await page.goto("/");
    await page.getByRole("img", { name: "Health of the active devices" }).waitFor();
    await page.getByText("of 2 active").first().waitFor();
  });

  it("did nothing that a page must not", () => {
    assert.deepEqual(shown.faults, []);
  });
});
