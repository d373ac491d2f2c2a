import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RequestHandler } from "express";
import sirv from "sirv";

/** What the build writes where a nonce belongs. */
const placeholder = "RCIOTS_CSP_NONCE";

/**
 * Scripts come from here alone, and none is inline. Style elements need the nonce of this very answer: the code
 * editor makes some. `connect-src 'self'` covers the live socket.
 */
function policyOf(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

const isFile = /^\/(api|assets)\/|\.[a-z0-9]{1,8}$/i;
const isPage = (path: string): boolean => path === "/index.html" || !isFile.test(path);

/** Serves the files of the built console, compressed ahead of time; those under `assets/` carry a hash in their names. */
export function serveConsoleFiles(folder: string): RequestHandler {
  const files = sirv(folder, {
    brotli: true,
    gzip: true,
    etag: true,
    extensions: [],
    setHeaders(response, path) {
      const isHashed = path.startsWith("/assets/");
      response.setHeader("cache-control", isHashed ? "public, max-age=31536000, immutable" : "no-cache");
    },
  });
  return (request, response, next) => {
    // The page itself is made for each answer.
    if (isPage(request.path)) return next();
    files(request, response, next);
  };
}

/** Answers the console's page wherever its router may have been: `/`, `/devices/dev_1` and so on. */
export function serveConsolePage(folder: string): RequestHandler {
  const parts = readFileSync(join(folder, "index.html"), "utf8").split(placeholder);
  return (request, response, next) => {
    if (!["GET", "HEAD"].includes(request.method) || !isPage(request.path)) return next();
    const nonce = randomBytes(16).toString("base64");
    response.setHeader("content-security-policy", policyOf(nonce));
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(request.method === "HEAD" ? undefined : parts.join(nonce));
  };
}
