import type { RequestHandler } from "express";

/** Nothing here is a page but the console's, which brings its own policy. */
const contentSecurityPolicy =
  "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** Headers of every answer. `isHttps`: the public address is HTTPS, so that browsers may insist on it. */
export function setSecurityHeaders(options: { isHttps: boolean }): RequestHandler {
  const headers = new Map([
    ["content-security-policy", contentSecurityPolicy],
    ["x-content-type-options", "nosniff"],
    ["x-frame-options", "DENY"],
    ["referrer-policy", "no-referrer"],
    ["cross-origin-resource-policy", "same-origin"],
    ["cross-origin-opener-policy", "same-origin"],
    ["cache-control", "no-store"],
  ]);
  if (options.isHttps) headers.set("strict-transport-security", "max-age=31536000");
  return (_request, response, next) => {
    response.setHeaders(headers);
    next();
  };
}
