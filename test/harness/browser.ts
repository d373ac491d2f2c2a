import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright-core";

const names = ["chromium", "chromium-browser", "google-chrome"];
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

function findChromium(): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin"];
  return folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Why no browser can be opened here, or undefined. */
export function browserFault(): string | undefined {
  return findChromium() === undefined
    ? "Chromium is not installed (Debian: apt-get install chromium)"
    : undefined;
}

export interface PageOptions {
  /** What paths given to `goto` are below; requests to any other origin are faults. */
  baseUrl: string;
  theme?: "light" | "dark";
  /** CSS pixels; default 1440 by 900. */
  width?: number;
  height?: number;
  /** Takes whatever certificate it is shown. */
  trustsAll?: boolean;
}

/** A page in a browser context of its own: nothing is shared with another one, no cookie and no cache. */
export interface TestPage {
  page: Page;
  context: BrowserContext;
  /**
   * What a page must not do, in words, as it happens: uncaught errors, messages on the console as errors, violations
   * of the Content-Security-Policy, dialogs, requests to another origin, answers of 5xx.
   */
  faults: string[];
  close(): Promise<void>;
}

export interface TestBrowser {
  openPage(options: PageOptions): Promise<TestPage>;
  close(): Promise<void>;
}

/** A real Chromium without a window. A test asks `browserFault()` first, and skips itself where there is none. */
export async function openBrowser(): Promise<TestBrowser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error(browserFault());
  const browser = await chromium.launch({ executablePath, args: flags });
  return {
    async openPage({ baseUrl, theme = "light", width = 1440, height = 900, trustsAll = false }) {
      const context = await browser.newContext({
        baseURL: baseUrl,
        colorScheme: theme,
        viewport: { width, height },
        ignoreHTTPSErrors: trustsAll,
        deviceScaleFactor: 1,
        reducedMotion: "reduce",
        locale: "en-GB",
        timezoneId: "UTC",
      });
      const faults = await watch(context, new URL(baseUrl).origin);
      return { page: await context.newPage(), context, faults, close: () => context.close() };
    },
    close: () => browser.close(),
  };
}

// What runs in a page is text here: this code is checked without the DOM's types.
const reportViolations = `addEventListener("securitypolicyviolation", (event) =>
  reportPolicyViolation(event.violatedDirective + " " + event.blockedURI + " in " + (event.sourceFile || location.href)));`;

async function watch(context: BrowserContext, origin: string): Promise<string[]> {
  const faults: string[] = [];
  await context.exposeBinding("reportPolicyViolation", (_source, text: string) => {
    faults.push(`policy: ${text}`);
  });
  await context.addInitScript(reportViolations);
  context.on("weberror", (error) => faults.push(`error: ${String(error.error())}`));
  context.on("console", (message) => {
    // A refused call is an answer; whether the page copes with it is the test's to say.
    if (message.type() !== "error" || message.text().startsWith("Failed to load resource")) return;
    faults.push(`console: ${message.text()}`);
  });
  context.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  context.on("request", (request) => {
    const { protocol, origin: target } = new URL(request.url());
    if (["data:", "blob:", "about:"].includes(protocol) || sameHost(target, origin)) return;
    faults.push(`foreign request: ${request.url()}`);
  });
  context.on("response", (response) => {
    if (response.status() >= 500) faults.push(`answer: ${response.status()} ${response.url()}`);
  });
  return faults;
}

/** A WebSocket to where the page came from is no other origin. */
const sameHost = (target: string, origin: string): boolean => target.replace(/^ws/, "http") === origin;
