import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { browserFault, openBrowser, type TestBrowser, type TestPage } from "../harness/browser.ts";
import { eventually } from "../harness/eventually.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const adminPassword = "correct horse battery staple";
const password = "a password of length";

describe("when an organisation is run from the console", function () {
  this.timeout(180_000);
  let platform: PlatformProcess;
  let browser: TestBrowser;
  let admin: TestPage;
  let invited: TestPage;

  before(async function () {
    const fault = browserFault();
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    platform = await startPlatformProcess();
    browser = await openBrowser();
    const options = { baseUrl: platform.consoleUrl };
    [admin, invited] = await Promise.all([browser.openPage(options), browser.openPage(options)]);
    for (const { page } of [admin, invited]) page.setDefaultTimeout(30_000);
    await admin.page.goto("/");
    await signIn(admin.page, "admin", adminPassword);
  });
  after(async () => {
    await browser?.close();
    await platform?.stop();
  });
  afterEach(() => {
    for (const { faults } of [admin, invited]) {
      // What the platform refuses, the browser notes on its console.
      assert.deepEqual(
        faults.filter((fault) => !/status of 4\d\d/.test(fault)),
        [],
      );
    }
  });

  async function signIn(page: Page, name: string, secret: string): Promise<void> {
    await page.getByLabel("User name or e-mail address").fill(name);
    await page.locator("#password").fill(secret);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  }

  const rowOf = (page: Page, text: string) => page.getByRole("row").filter({ hasText: text });

  it("invites somebody, who makes an account in another browser and is in", async () => {
    await admin.page.goto("/settings/invitations");
    await admin.page.getByRole("button", { name: "Invite people" }).click();
    await admin.page.getByLabel("E-mail address").fill("ada@example.com");
    await admin.page.getByLabel("Role").selectOption("viewer");
    await admin.page.getByRole("button", { name: "Invite", exact: true }).click();
    const link = await admin.page.getByLabel("Invitation link").inputValue();
    assert.match(link, /\/invitation#token=rci_/);
    await admin.page.getByRole("button", { name: "Done" }).click();
    await rowOf(admin.page, "ada@example.com").waitFor();

    const requests: string[] = [];
    invited.page.on("request", (request) => requests.push(request.url()));
    await invited.page.goto(link);
    await invited.page.getByRole("heading", { name: "Join default" }).waitFor();
    await invited.page.getByLabel("User name").fill("ada");
    await invited.page.locator("#new-password").fill(password);
    await invited.page.getByRole("button", { name: "Make the account and join" }).click();
    await invited.page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
    const token = link.split("#token=")[1] ?? "";
    assert.equal(
      requests.some((url) => (url.split("#")[0] ?? "").includes(token)),
      false,
      "the token goes to no server in an address",
    );
    await invited.page.goto("/settings/members");
    await rowOf(invited.page, "ada@example.com").waitFor();
    assert.equal(await invited.page.getByRole("button", { name: "Invite people" }).count(), 0);
    assert.equal(await invited.page.getByRole("tab", { name: "Allow-lists" }).count(), 0);
  });

  it("gives the new member another role", async () => {
    await admin.page.goto("/settings/members");
    await rowOf(admin.page, "ada@example.com").getByRole("button").click();
    await admin.page.getByRole("menuitem", { name: "Change role" }).click();
    await admin.page.getByLabel("Role", { exact: true }).selectOption("admin");
    await admin.page.getByRole("button", { name: "Change", exact: true }).click();
    await rowOf(admin.page, "ada@example.com").getByText("admin", { exact: true }).waitFor();
    await invited.page.reload();
    await invited.page.getByRole("tab", { name: "Allow-lists" }).waitFor();
  });

  it("makes another organisation, and switches between the two", async () => {
    const { page } = admin;
    const switcher = page.getByRole("button", { name: /^Organisation:/ });
    await switcher.click();
    await page.getByRole("menuitem", { name: "New organisation" }).click();
    await page.getByLabel("Name").fill("Second");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await eventually(async () =>
      assert.equal(await switcher.getAttribute("aria-label"), "Organisation: Second"),
    );
    await page.goto("/settings/members");
    await rowOf(page, "admin@localhost").waitFor();
    assert.equal(await rowOf(page, "ada@example.com").count(), 0);
    await switcher.click();
    await page.getByRole("menuitem", { name: /^default/ }).click();
    await page.goto("/settings/members");
    await rowOf(page, "ada@example.com").waitFor();
  });

  it("keeps somebody from locking themselves out, and adds their address by one click", async () => {
    const { page } = admin;
    await page.goto("/settings/allow-lists");
    await page.getByLabel("People").fill("10.0.0.0/8");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("You would lock yourself out").waitFor();
    await page.getByRole("button", { name: "Add 127.0.0.1" }).click();
    assert.equal(await page.getByLabel("People").inputValue(), "10.0.0.0/8\n127.0.0.1");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The allow-lists were saved").waitFor();
  });

  it("finds in the audit log who did what, and saves what it finds", async () => {
    const { page } = admin;
    await page.goto("/audit-log?kind=allow-list.*");
    const row = rowOf(page, "The addresses were changed");
    await row.waitFor();
    assert.equal(await rowOf(page, "was invited").count(), 0);
    await row.getByRole("button", { name: "Details" }).click();
    const changes = page.getByRole("grid", { name: "What changed" });
    await changes.getByText("10.0.0.0/8, 127.0.0.1").waitFor();
    await page.getByLabel("Find in messages").fill("nothing like this");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "No event matches" }).waitFor();
    assert.match(page.url(), /q=nothing\+like\+this/);
    await page.goto("/audit-log?kind=invitation.*");
    await rowOf(page, "ada@example.com was invited").waitFor();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export" }).click();
    await page.getByRole("menuitem", { name: "CSV" }).click();
    const text = await readFile(await (await download).path(), "utf8");
    assert.match(text, /^at,kind,severity,message/);
    assert.match(text, /invitation\.created/);
    assert.doesNotMatch(text, /allow-list\.changed/);
  });

  it("shows administrators of the platform every organisation and person, and lets them disable one", async () => {
    const { page } = admin;
    await page.goto("/platform/organizations");
    await rowOf(page, "Second").waitFor();
    await page.goto("/platform/users?q=ADA");
    await rowOf(page, "ada@example.com").getByRole("button").click();
    await page.getByRole("menuitem", { name: "Disable" }).click();
    await page.getByRole("button", { name: "Disable", exact: true }).click();
    await rowOf(page, "ada@example.com").getByText("disabled").waitFor();
    await invited.page.goto("/");
    await invited.page.getByRole("button", { name: "Sign in" }).waitFor();
    assert.equal(await invited.page.getByRole("link", { name: "Users" }).count(), 0);
  });
});
