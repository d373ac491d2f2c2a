import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { Page } from "playwright-core";
import { browserFault, openBrowser, type TestBrowser, type TestPage } from "../harness/browser.ts";
import { eventually } from "../harness/eventually.ts";
import {
  createLocalCertificate,
  createTestRepositories,
  startGitServer,
  type GitServer,
  type TestRepositories,
} from "../harness/git-server.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const password = "correct horse battery staple";
const configMap = (greeting: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  greeting: ${greeting}\n`;

async function signIn(page: Page): Promise<void> {
  await page.goto("/templates");
  await page.getByRole("textbox", { name: /User name/ }).fill("admin");
  await page.locator("input[type=password]").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Templates", level: 1 }).waitFor();
}

const openFile = async (page: Page, path: string): Promise<void> => {
  await page.getByRole("treeitem", { name: path }).click();
  await page.getByRole("textbox", { name: path }).waitFor();
};

/** Replaces what a line of the editor says. */
async function rewriteLine(page: Page, line: string, text: string): Promise<void> {
  await page.locator(".cm-line", { hasText: line }).first().click();
  await page.keyboard.press("Home");
  await page.keyboard.press("Shift+End");
  await page.keyboard.type(text);
}

/** The number of the line that carries a marker. */
async function markedLine(page: Page): Promise<number> {
  const marker = await page.locator(".cm-lint-marker-error").boundingBox();
  const numbers = page.locator(".cm-lineNumbers .cm-gutterElement");
  for (const number of await numbers.all()) {
    const box = await number.boundingBox();
    if (marker === null || box === null || box.height === 0) continue;
    const middle = marker.y + marker.height / 2;
    if (middle > box.y && middle < box.y + box.height) return Number(await number.textContent());
  }
  return 0;
}

describe("when templates are managed in the console", function () {
  this.timeout(120_000);
  // Each goes on where the one before left off.
  this.bail(true);
  let platform: PlatformProcess;
  let browser: TestBrowser;
  let opened: TestPage;
  let page: Page;

  before(async function () {
    const fault = browserFault();
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    platform = await startPlatformProcess({ env: { RCIOTS_GIT_ALLOW_PRIVATE: "true" } });
    browser = await openBrowser();
    opened = await browser.openPage({ baseUrl: platform.consoleUrl });
    page = opened.page;
    await signIn(page);
  });
  after(async () => {
    await browser?.close();
    await platform?.stop();
  });
  afterEach(() => assert.deepEqual(opened.faults.splice(0), []));

  it("shows a mistake at its line, and makes a template of the corrected files", async () => {
    await page
      .getByRole("link", { name: "Create template" })
      .or(page.getByRole("button", { name: "Create template" }))
      .click();
    // Until it is there, the list's search finds by name.
    await page.getByRole("heading", { name: "Create template", level: 1 }).waitFor();
    await page.getByRole("textbox", { name: "Name" }).fill("hello");
    await page.getByRole("button", { name: "Begin with the example" }).click();
    await openFile(page, "web.yaml");
    await rewriteLine(page, "app: web", "app: web: oops");
    await page.getByRole("button", { name: "Check" }).click();
    await page.getByText("The files have faults").waitFor();
    const fault = page.getByRole("button", { name: /^web\.yaml:\d+/ }).first();
    assert.match((await fault.textContent()) ?? "", /^web\.yaml:10\b/);
    await fault.click();
    await eventually(async () => assert.equal(await markedLine(page), 10));

    await rewriteLine(page, "app: web: oops", "app: web");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("heading", { name: "hello", level: 1 }).waitFor();
    await page.getByText("3 objects").waitFor();
  });

  it("asks before edits are lost", async () => {
    await page
      .getByRole("link", { name: "Edit files" })
      .or(page.getByRole("button", { name: "Edit files" }))
      .click();
    await openFile(page, "index.html");
    await rewriteLine(page, "<p>", "<p>Good morning</p>");
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Secrets" }).click();
    await page.getByRole("dialog", { name: /Leave without saving/ }).waitFor();
    await page.getByRole("button", { name: "Cancel" }).last().click();
    await page.getByText("<p>Good morning</p>").waitFor();
  });

  it("shows what a version changes before it is saved", async () => {
    await page.getByRole("button", { name: "Review and save" }).click();
    await page.getByRole("dialog", { name: /Save as a new version/ }).waitFor();
    await page.locator(".cm-mergeView").getByText("Good morning").waitFor();
  });

  it("says by itself that somebody else was faster, and keeps the edits", async () => {
    const api = await platform.api();
    const { items } = await api.get("/templates");
    const path = `/templates/${items[0].id}`;
    const { files } = await api.get(`${path}/versions/${items[0].currentVersionId}`);
    const others = files.map((file: { path: string }) =>
      file.path === "index.html" ? { ...file, content: "<p>Good night</p>\n" } : file,
    );
    await api.patch(path, { files: others });
    await page.getByText("Somebody else changed the template while you edited").waitFor();
    await page.locator(".cm-merge-a").getByText("Good night").waitFor();
    await page.locator(".cm-merge-b").getByText("Good morning").waitFor();
    // Its list of versions was read before there were three: a slow answer must not bring that back.
    const lists = /\/versions\?/;
    await page.route(lists, async (route) => {
      await delay(1_000);
      await route.continue();
    });
    await page.getByRole("button", { name: "Save my edits on top" }).click();
    const rows = page.getByRole("grid", { name: "Versions" }).getByRole("row");
    const current = rows.filter({ hasText: "Current" });
    await current.waitFor();
    assert.match((await current.locator("[data-label=Version]").textContent()) ?? "", /^3 /);
    assert.equal(await rows.count(), 4);
    await page.unrouteAll({ behavior: "wait" });
    assert.equal((await api.get(path)).versionCount, 3);
  });

  it("compares two versions, and makes the earlier one current", async () => {
    const table = page.getByRole("grid", { name: "Versions" });
    await table.getByRole("checkbox").nth(0).check();
    await table.getByRole("checkbox").nth(2).check();
    await page.getByRole("button", { name: "Compare" }).click();
    await page.getByRole("heading", { name: "Version 1 and Version 3" }).waitFor();
    await page.getByRole("button", { name: "Files", exact: true }).click();
    await page.getByRole("menuitem", { name: /index\.html/ }).waitFor();
    await page.locator(".cm-merge-b").getByText("Good morning").waitFor();
    await page.getByText("All versions").click();
    const first = table.getByRole("row").nth(3);
    await first.getByRole("button", { name: /kebab|actions/i }).click();
    await page.getByRole("menuitem", { name: "Make current" }).click();
    await page.getByText("No device follows the template now").waitFor();
    await page.getByRole("button", { name: "Make current", exact: true }).click();
    await first.getByText("Current", { exact: true }).waitFor();
  });

  describe("and come from a Git server", () => {
    let repositories: TestRepositories;
    let server: GitServer;
    let certificate: string;

    before(async () => {
      repositories = await createTestRepositories();
      const repository = await repositories.create("site");
      await repository.commit(
        { "kustomization.yaml": "resources: [config.yaml]\n", "config.yaml": configMap("hello") },
        { message: "Say hello" },
      );
      const tls = await createLocalCertificate(repositories.folder);
      certificate = tls.cert;
      const user = { name: "git", password: "the right one" };
      server = await startGitServer({ folder: repositories.folder, user, tls });
    });
    after(async () => {
      await server?.stop();
      await repositories?.remove();
    });

    async function storeCredential(name: string, secret: string): Promise<void> {
      await page.getByRole("button", { name: "New credential" }).click();
      const dialog = page.getByRole("dialog", { name: "New Git credential" });
      await dialog.getByRole("textbox", { name: "Name", exact: true }).fill(name);
      await dialog.locator("#credential-password").fill(secret);
      await dialog.getByRole("textbox", { name: "Certificate authorities" }).fill(certificate);
      await dialog.getByRole("button", { name: "Store" }).click();
      await dialog.waitFor({ state: "hidden" });
    }

    it("says in words that a credential is wrong, and takes the right one", async () => {
      await page.goto("/templates/new?source=git");
      await page.getByRole("textbox", { name: "Name" }).fill("site");
      await page.getByRole("textbox", { name: "Repository URL" }).fill(`${server.url}/site.git`);
      await storeCredential("wrong", "not this one");
      await page.getByRole("button", { name: "Test connection" }).click();
      await page.getByText("The server did not accept the credential").waitFor();
      await storeCredential("right", "the right one");
      await page.getByRole("button", { name: "Test connection" }).click();
      await page.getByText("The repository answers").waitFor();
      await page.getByRole("button", { name: "Create", exact: true }).click();
      await page.getByRole("heading", { name: "site", level: 1 }).waitFor();
      await page.getByText("In step").waitFor();
      await page.getByText("Say hello").waitFor();
    });

    it("shows which template uses a credential, and keeps it while one does", async () => {
      await page.goto("/git-credentials");
      const row = page.getByRole("row", { name: /^right/ });
      await row.getByRole("link", { name: "site" }).waitFor();
      await row.getByRole("button", { name: /kebab|actions/i }).click();
      await page.getByRole("menuitem", { name: "Delete" }).click();
      await page.getByRole("button", { name: "Delete", exact: true }).click();
      await page.getByText("The credential is used by 1 template").waitFor();
    });
  });
});
