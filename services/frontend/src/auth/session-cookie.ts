import { forbidden, isSameHash } from "@rciots/runtime";
import { createHash } from "node:crypto";
import type { Request } from "express";

const cookieName = "rciots_session";

/** `Set-Cookie` of a new session; an empty token takes the cookie away. */
export function sessionCookie(token: string, options: { maxAgeMs: number; isSecure: boolean }): string {
  const maxAgeS = token === "" ? 0 : Math.floor(options.maxAgeMs / 1_000);
  const secure = options.isSecure ? "; Secure" : "";
  return `${cookieName}=${token}; Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=Strict${secure}`;
}

export function readSessionCookie(header: string | undefined): string | undefined {
  for (const part of (header ?? "").split(";", 64)) {
    const at = part.indexOf("=");
    if (at > 0 && part.slice(0, at).trim() === cookieName) return part.slice(at + 1).trim();
  }
  return undefined;
}

/** What a page of the console sends as `X-CSRF-Token`: derived from the session, so there is nothing to store. */
export function csrfTokenOf(sessionToken: string): string {
  return createHash("sha256").update(`csrf:${sessionToken}`).digest("base64url");
}

/**
 * Whether a browser says that the request comes from a page of another site. A client that is no browser sends
 * neither header.
 */
export function checkOrigin(request: Request, publicOrigins: readonly string[]): void {
  const site = request.header("sec-fetch-site");
  const origin = request.header("origin");
  const host = request.header("host");
  const own = [...publicOrigins, `${request.protocol}://${host ?? ""}`];
  const isForeignSite = site !== undefined && site !== "same-origin" && site !== "none";
  if (isForeignSite || (origin !== undefined && !own.includes(origin))) {
    throw forbidden({ code: "foreign_origin", message: "The request comes from a page of another site." });
  }
}

/** For a write that the session cookie alone speaks for: the page must be ours and must know the token. */
export function checkCsrf(request: Request, sessionToken: string, publicOrigins: readonly string[]): void {
  checkOrigin(request, publicOrigins);
  if (!isSameHash(request.header("x-csrf-token") ?? "", csrfTokenOf(sessionToken))) {
    throw forbidden({
      code: "csrf_token_invalid",
      message: "Send the csrfToken of the sign-in, or of GET /api/v1/me, as X-CSRF-Token.",
    });
  }
}
