import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { ApiClient } from "../harness/api-client.ts";
import { browserFault, openBrowser, type TestBrowser } from "../harness/browser.ts";
import { consolePages, type ConsolePage } from "../harness/console-pages.ts";
import {
  accessibilityFaults,
  overflowFaults,
  settle,
  signIn,
  tabsOf,
  visit,
} from "../harness/console-visit.ts";
import { fillWithHostileContent, hitFlag } from "../harness/hostile-content.ts";
import { freePortRange, startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const password = "correct horse battery staple";
const passes = [
  { name: "light, wide", theme: "light", width: 1440 },
  { name: "dark, wide", theme: "dark", width: 1440 },
  { name: "light, on a phone", theme: "light", width: 390 },
] as const;

/** Only addresses that a browser goes to without running anything. */
const badLinks = `[...document.querySelectorAll("a[href]")]
  .map((link) => link.getAttribute("href"))
  .filter((href) => !/^(https?:|mailto:|\\/|#|\\?|blob:)/.test(href))`;

describe("when names, messages and files are full of hostile text", function () {
  this.timeout(600_000);
  let platform: PlatformProcess;
  let api: ApiClient;
  let browser: TestBrowser;
  let content: { stop: () => Promise<void> };
  let pages: ConsolePage[];

  before(async function () {
    const fault = browserFault();
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    const first = await freePortRange(51);
    platform = await startPlatformProcess({
      env: {
        RCIOTS_TUNNEL_PORTS: `${first}-${first + 50}`,
        RCIOTS_PROXY_DOMAIN: "apps.localhost",
      },
    });
    api = await platform.api();
    content = await fillWithHostileContent(platform, api);
    pages = await consolePages(api);
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await content?.stop();
    await platform?.stop();
  });

  async function faultsOf(page: Page, width: number): Promise<string[]> {
    const links = await page.evaluate<string[]>(badLinks);
    const wasHit = await page.evaluate<boolean>(`window.${hitFlag} !== undefined`);
    return [
      ...(wasHit ? ["a text was run"] : []),
      ...links.map((href) => `a link goes to ${href}`),
      ...(width < 500 ? await overflowFaults(page) : await accessibilityFaults(page)),
    ];
  }

  for (const { name, theme, width } of passes) {
    it(`shows every page with every tab as text, in order (${name})`, async () => {
      const { page, faults, close } = await browser.openPage({ baseUrl: platform.consoleUrl, theme, width });
      await signIn(page, "admin", password);
      const found: string[] = [];
      const look = async (where: string): Promise<void> => {
        const all = [...faults.splice(0), ...(await faultsOf(page, width))];
        found.push(...all.map((fault) => `${where}: ${fault}`));
      };
      for (const { path } of pages) {
        await visit(page, path);
        assert.ok((await page.locator("h1, h2").count()) > 0, `${path} has no heading`);
        await look(path);
        for (const [index, tab] of (await tabsOf(page)).entries()) {
          await page.locator("#main [role=tab]").nth(index).click();
          await settle(page);
          await look(`${path}, ${tab}`);
        }
      }
      await close();
      assert.ok(found.length === 0, [...new Set(found)].join("\n"));
    });
  }
});
