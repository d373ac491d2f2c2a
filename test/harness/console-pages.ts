import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ApiClient } from "./api-client.ts";

const routesFile = fileURLToPath(new URL("../../services/frontend/web/src/routes.tsx", import.meta.url));

/** Every path in the console's table of pages, as it stands there, such as `/devices/:id`. */
export function consoleRoutes(): string[] {
  const text = readFileSync(routesFile, "utf8");
  return [...text.matchAll(/\bpage\(\s*"([^"]+)"/g)].map(([, path = ""]) => path);
}

/** Addresses that a table can't tell: of optional parts, and of pages that are not there. */
const others: Record<string, string> = {
  "/reference/:operationId?": "/reference/createTemplate",
  "*": "/no-such-page",
};

async function firstOf(api: ApiClient, collection: string): Promise<string> {
  const { items } = await api.get<{ items: { id: string }[] }>(`/${collection}`);
  const [first] = items;
  if (first === undefined) throw new Error(`There is nothing in /${collection}: make something first.`);
  return first.id;
}

export interface ConsolePage {
  /** As in the console's table. */
  route: string;
  /** Where a browser goes. */
  path: string;
}

/**
 * All pages of the console with addresses that exist. `/devices/:id` is the first device, and so on; a page that this
 * can't find something for is an error, so that no page is forgotten.
 */
export async function consolePages(api: ApiClient): Promise<ConsolePage[]> {
  const pages: ConsolePage[] = [];
  for (const route of consoleRoutes()) {
    const other = others[route];
    if (other !== undefined) pages.push({ route, path: other });
    if (route === "*") continue;
    const path: string[] = [];
    for (const part of route
      .replace(/\/:\w+\?/g, "")
      .split("/")
      .slice(1))
      path.push(part.startsWith(":") ? await firstOf(api, path.at(-1) ?? "") : part);
    pages.push({ route, path: `/${path.join("/")}` });
  }
  return pages;
}
