import axe from "axe-core";
import type { Page } from "playwright-core";
import { eventually } from "./eventually.ts";

/** Signs in at the page that a browser without a session is shown. */
export async function signIn(page: Page, username: string, password: string): Promise<void> {
  await page.goto("/");
  await page.locator("input[autocomplete=username]").fill(username);
  await page.locator("input[autocomplete=current-password]").fill(password);
  await page.getByRole("button", { name: /^(sign|log) in$/i }).click();
  await page.locator("#main").waitFor();
}

/** Goes to a page and waits until everything it loads is there. */
export async function visit(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await settle(page);
}

const loading = "[role=progressbar]:not([aria-valuenow]), .pf-v6-c-skeleton";

/** Resolves once nothing is loading: no request under way, no spinner, no skeleton. */
export async function settle(page: Page): Promise<void> {
  await page.waitForLoadState("networkidle");
  await eventually(
    async () => {
      if ((await page.locator(loading).count()) > 0)
        throw new Error(`${page.url()} does not finish loading.`);
    },
    { timeoutMs: 30_000 },
  );
}

/** Names of the tabs within the page, from the first. */
export function tabsOf(page: Page): Promise<string[]> {
  return page.locator("#main [role=tab]").allInnerTexts();
}

interface Violation {
  id: string;
  impact: string;
  help: string;
  nodes: { target: string[]; html: string }[];
}

/** What axe-core finds serious or critical, in words. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  if ((await page.evaluate("typeof axe")) === "undefined") await page.evaluate(axe.source);
  const violations = await page.evaluate<Violation[]>(
    `axe.run(document, { resultTypes: ["violations"] }).then((result) => JSON.parse(JSON.stringify(result.violations)))`,
  );
  return violations
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .flatMap(({ id, help, nodes }) =>
      nodes.slice(0, 3).map((node) => `${id}: ${help}: ${node.target.join(" ")} ${node.html.slice(0, 160)}`),
    );
}

/** Elements that make the page wider than the window, or nothing. */
export function overflowFaults(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`(() => {
    const boxes = [document.documentElement, document.querySelector("#main")].filter(Boolean);
    const wide = boxes.find((box) => box.scrollWidth > box.clientWidth + 1);
    if (wide === undefined) return [];
    const edge = wide.getBoundingClientRect().left + wide.clientWidth + 1;
    // Within what scrolls by itself, such as a table or code, things may be wide.
    const scrolls = (element) => element.closest("#main") !== element && getComputedStyle(element).overflowX !== "visible";
    const isInside = (element) => {
      for (let up = element.parentElement; up !== null && up !== wide; up = up.parentElement) if (scrolls(up)) return true;
      return false;
    };
    return [...wide.querySelectorAll("*")]
      .filter((element) => element.getBoundingClientRect().right > edge && !isInside(element))
      .slice(-3)
      .map((element) => "too wide by " + Math.round(element.getBoundingClientRect().right - edge) + ": " + element.outerHTML.slice(0, 160));
  })()`);
}
