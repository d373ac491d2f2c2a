import type { Page, Request } from "playwright-core";
import type { TestBrowser } from "./browser.ts";
import { settle, signIn } from "./console-visit.ts";

/** What a first load may take, of everything together as it comes over the wire. */
export const firstLoadBudgetBytes = 400_000;

export interface FirstLoad {
  page: "sign-in" | "overview";
  bytes: number;
  requests: number;
  /** The largest parts, the largest first. */
  largest: { path: string; bytes: number }[];
}

async function load(page: Page, name: FirstLoad["page"]): Promise<FirstLoad> {
  const finished: Request[] = [];
  page.on("requestfinished", (request) => finished.push(request));
  await page.goto("/");
  await settle(page);
  const parts = await Promise.all(
    finished.map(async (request) => {
      const { responseBodySize, responseHeadersSize } = await request.sizes();
      return { path: new URL(request.url()).pathname, bytes: responseBodySize + responseHeadersSize };
    }),
  );
  return {
    page: name,
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    requests: parts.length,
    largest: parts.sort((one, other) => other.bytes - one.bytes).slice(0, 5),
  };
}

/** Loads the console as somebody does for the first time, signed out and signed in, each with an empty cache. */
export async function measureFirstLoads(
  browser: TestBrowser,
  options: { baseUrl: string; username: string; password: string },
): Promise<FirstLoad[]> {
  const { baseUrl, username, password } = options;
  const signedOut = await browser.openPage({ baseUrl });
  const signInPage = await load(signedOut.page, "sign-in");
  await signIn(signedOut.page, username, password);
  const cookies = await signedOut.context.cookies();
  await signedOut.close();
  const signedIn = await browser.openPage({ baseUrl });
  await signedIn.context.addCookies(cookies);
  const overview = await load(signedIn.page, "overview");
  await signedIn.close();
  return [signInPage, overview];
}
