import { errorMessage, hashToken, notFound, unauthorized, type AppError, type Logger } from "@rciots/runtime";
import type { ApiToken, Role, Store, User } from "@rciots/store";
import type { Request } from "express";
import { limitRole, type Caller } from "./caller.ts";
import { checkCsrf, checkOrigin, readSessionCookie } from "./session-cookie.ts";

export interface AuthenticateOptions {
  store: Pick<Store, "accounts" | "organizations">;
  /** Origins of the console, such as `https://console.example.com`. */
  publicOrigins: readonly string[];
  logger: Logger;
}

/** An API token's last use is noted this often at most. */
const touchEveryMs = 60_000;
const organizationHeader = "x-rciots-organization";

interface Credential {
  token: string;
  kind: "bearer" | "basic" | "cookie";
}

function invalid(): AppError {
  return unauthorized({
    code: "credentials_invalid",
    message: "The session or API token is unknown, expired or revoked.",
  });
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
  throw invalid();
}

const isWrite = (request: Request): boolean => !["GET", "HEAD"].includes(request.method);

function callerOf(user: User, rest: Omit<Caller, "userId" | "username" | "isOrganizationSuspended">): Caller {
  return { userId: user._id, username: user.username, isOrganizationSuspended: false, ...rest };
}

/** Finds out who makes a request; null where it says nothing about that. Throws 401, 403 or 404. */
export function createAuthenticator(
  options: AuthenticateOptions,
): (request: Request) => Promise<Caller | null> {
  const { accounts, organizations } = options.store;

  function membership(request: Request, user: User): { organizationId: string; role: Role } | null {
    const wanted = request.header(organizationHeader);
    if (wanted === undefined) return user.memberships[0] ?? null;
    const found = user.memberships.find((entry) => entry.organizationId === wanted);
    if (found !== undefined) return found;
    throw notFound({ code: "organization_not_found", message: "You belong to no organisation of this id." });
  }

  async function findActiveUser(userId: string): Promise<User> {
    const user = await accounts.findUser(userId);
    if (user?.status !== "active") throw invalid();
    return user;
  }

  async function fromSession(request: Request, { token, kind }: Credential): Promise<Caller> {
    const sessionHash = hashToken(token);
    const session = await accounts.findSession(sessionHash);
    if (session === null) throw invalid();
    const user = await findActiveUser(session.userId);
    if (kind === "cookie" && isWrite(request)) checkCsrf(request, token, options.publicOrigins);
    const member = membership(request, user);
    return callerOf(user, {
      kind: "session",
      isPlatformAdmin: user.isPlatformAdmin,
      organizationId: member?.organizationId ?? null,
      role: member?.role ?? null,
      actor: { kind: "user", id: user._id, name: user.username },
      sessionHash,
      isCookie: kind === "cookie",
    });
  }

  function touch(token: ApiToken): void {
    const now = new Date();
    if (token.lastUsedAt !== null && now.getTime() - token.lastUsedAt.getTime() < touchEveryMs) return;
    // Nobody waits for it, and a use that is not noted harms nobody.
    accounts.touchApiToken(token._id, now, touchEveryMs).catch((error: unknown) => {
      options.logger.warn({ error: errorMessage(error) }, "use of an API token not noted");
    });
  }

  async function fromApiToken(request: Request, { token }: Credential): Promise<Caller> {
    const found = await accounts.findApiTokenByHash(hashToken(token));
    if (found === null || (found.expiresAt !== null && found.expiresAt.getTime() <= Date.now()))
      throw invalid();
    const user = await findActiveUser(found.userId);
    const member = user.memberships.find((entry) => entry.organizationId === found.organizationId);
    if (member === undefined) throw invalid();
    const wanted = request.header(organizationHeader);
    if (wanted !== undefined && wanted !== found.organizationId) {
      throw notFound({
        code: "organization_not_found",
        message: "The API token belongs to another organisation.",
      });
    }
    touch(found);
    return callerOf(user, {
      kind: "api-token",
      isPlatformAdmin: user.isPlatformAdmin && found.scopes.includes("admin"),
      organizationId: found.organizationId,
      role: limitRole(member.role, found.scopes),
      actor: { kind: "api-token", id: found._id, name: `${found.name} (${user.username})`.slice(0, 200) },
      sessionHash: null,
      isCookie: false,
    });
  }

  return async (request) => {
    const credential = readCredential(request);
    if (credential === undefined) return null;
    // A browser repeats Basic credentials by itself, as it does a cookie.
    if (credential.kind === "basic" && isWrite(request)) checkOrigin(request, options.publicOrigins);
    const isApiToken = credential.token.startsWith("rca_") && credential.kind !== "cookie";
    const caller = await (isApiToken ? fromApiToken : fromSession)(request, credential);
    if (caller.organizationId === null) return caller;
    const organization = await organizations.find(caller.organizationId);
    if (organization === null) return { ...caller, organizationId: null, role: null };
    return { ...caller, isOrganizationSuspended: organization.status === "suspended" };
  };
}
