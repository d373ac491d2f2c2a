const escapes: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (found) => escapes[found] ?? "");

const style =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.5rem;color:#151515;background:#fff}" +
  "h1{font-size:1.4rem}a{color:#06c}small{color:#4d4d4d}" +
  "@media(prefers-color-scheme:dark){body{color:#e0e0e0;background:#151515}a{color:#92c5f9}small{color:#a3a3a3}}";

export interface ProxyPage {
  status: number;
  title: string;
  /** A sentence or two for people. */
  message: string;
  requestId: string;
  link?: { href: string; text: string };
}

/** What people see in the place of a device's page. */
export function pageText({ title, message, requestId, link }: ProxyPage): string {
  const way = link === undefined ? "" : `<p><a href="${escaped(link.href)}">${escaped(link.text)}</a></p>`;
  return (
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
    `<title>${escaped(title)}</title><style>${style}</style><h1>${escaped(title)}</h1>` +
    `<p>${escaped(message)}</p>${way}<p><small>Request ${escaped(requestId)}</small></p></html>`
  );
}

/** Nothing in it runs, and nobody keeps it. */
export const pageHeaders: Record<string, string> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};
