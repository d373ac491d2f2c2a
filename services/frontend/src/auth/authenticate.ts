import { hashToken } from "@rciots/runtime";
import type { Request } from "express";
import type { Caller } from "./caller.ts";
import { invalidCredentials, type Identify, type Presented } from "./identify.ts";
import { checkCsrf, checkOrigin, readSessionCookie } from "./session-cookie.ts";

export interface AuthenticateOptions {
  identify: Identify;
  /** Origins of the console, such as `https://console.example.com`. */
  publicOrigins: readonly string[];
}

const organizationHeader = "x-rciots-organization";
const apiTokenPrefix = "rca_";

interface Credential {
  token: string;
  kind: "bearer" | "basic" | "cookie";
}

/** The bearer value of a request: `Bearer`, the password of `Basic`, or the session cookie, in this order. */
export function readCredential(request: Request): Credential | undefined {
  const header = request.header("authorization");
  if (header === undefined) {
    const token = readSessionCookie(request.header("cookie"));
    return token === undefined || token === "" ? undefined : { token, kind: "cookie" };
  }
  const [scheme = "", value = ""] = header.split(" ", 2);
  if (scheme.toLowerCase() === "bearer" && value !== "") return { token: value, kind: "bearer" };
  if (scheme.toLowerCase() === "basic") {
    const [, ...password] = Buffer.from(value, "base64").toString("utf8").split(":");
    return { token: password.join(":"), kind: "basic" };
  }
  throw invalidCredentials();
}

/** What a bearer value or cookie says; the value itself is kept by nobody. */
export function present(
  { token, kind }: Credential,
  where: Pick<Presented, "organizationId" | "address">,
): Presented {
  const isCookie = kind === "cookie";
  const isApiToken = token.startsWith(apiTokenPrefix) && !isCookie;
  return { ...where, hash: hashToken(token), kind: isApiToken ? "api-token" : "session", isCookie };
}

/** As the proxies that are trusted say it. */
export const addressOf = (request: Request): string => request.ip ?? "unknown";

const isWrite = (request: Request): boolean => !["GET", "HEAD"].includes(request.method);

/** Finds out who makes a request; null where it says nothing about that. Throws 401, 403 or 404. */
export function createAuthenticator(
  options: AuthenticateOptions,
): (request: Request) => Promise<Caller | null> {
  const { identify, publicOrigins } = options;
  return async (request) => {
    const credential = readCredential(request);
    if (credential === undefined) return null;
    // A browser repeats Basic credentials by itself, as it does a cookie.
    if (credential.kind === "basic" && isWrite(request)) checkOrigin(request, publicOrigins);
    const caller = await identify(
      present(credential, {
        organizationId: request.header(organizationHeader),
        address: addressOf(request),
      }),
    );
    if (credential.kind === "cookie" && isWrite(request)) checkCsrf(request, credential.token, publicOrigins);
    return caller;
  };
}
