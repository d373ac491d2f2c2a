import { forbidden, unauthorized, type AppError } from "@rciots/runtime";
import type { Event, Role } from "@rciots/store";
import { isRead, type Route } from "../http/route.ts";

/** What an API token may do at most; the role of the person who made it limits it too. */
export const scopes = ["read", "write", "admin"] as const;
export type Scope = (typeof scopes)[number];

/** Who makes a request. */
export interface Caller {
  kind: "session" | "api-token";
  userId: string;
  username: string;
  isPlatformAdmin: boolean;
  /** The organisation the request is about; null for a person who belongs to none. */
  organizationId: string | null;
  isOrganizationSuspended: boolean;
  /** Whether the organisation lets itself be worked with from where the request comes. */
  isAddressAllowed: boolean;
  /** In that organisation, after what the scope of an API token takes away. */
  role: Role | null;
  actor: Event["actor"];
  /** Of a session: the hash it is stored under. */
  sessionHash: string | null;
  /** Set where the browser sent the session by itself, so that another site's page may be behind it. */
  isCookie: boolean;
}

/** A caller within an organisation: what handlers of `defineRoute` get. */
export interface Member extends Caller {
  organizationId: string;
  role: Role;
}

export const roles: readonly Role[] = ["viewer", "operator", "admin", "owner"];

/** Whether `role` is `least` or above. */
export function hasRole(role: Role | null, least: Role): boolean {
  return role !== null && roles.indexOf(role) >= roles.indexOf(least);
}

const highestOf: Record<Scope, Role> = { read: "viewer", write: "operator", admin: "owner" };

/** The role that is left of `role` under a token's scopes; null where none of them is known. */
export function limitRole(role: Role, tokenScopes: readonly string[]): Role | null {
  const ceilings = scopes.filter((scope) => tokenScopes.includes(scope)).map((scope) => highestOf[scope]);
  const highest = Math.max(...ceilings.map((ceiling) => roles.indexOf(ceiling)));
  return roles[Math.min(highest, roles.indexOf(role))] ?? null;
}

function missingRole(least: string): AppError {
  return forbidden({ code: "role_required", message: `This call needs the role ${least} or a higher one.` });
}

/** Throws 403 unless the organisation lets itself be worked with from where the caller is. */
export function checkAddress(caller: Caller): void {
  if (caller.isAddressAllowed) return;
  throw forbidden({
    code: "address_not_allowed",
    message: "The organisation doesn't let itself be worked with from your network address.",
  });
}

/** What of a route says who may call it. */
export type Guarded = Pick<Route, "access" | "method"> & Partial<Pick<Route, "sessionOnly" | "socket">>;

/** Throws 401 or 403 unless the caller may call the route. Anything not allowed here is refused. */
export function authorize(route: Guarded, caller: Caller | null): void {
  if (route.access === "public") return;
  if (caller === null) {
    throw unauthorized({ message: "Sign in, or send an API token: Authorization: Bearer rca_..." });
  }
  if (route.sessionOnly === true && caller.kind !== "session") {
    throw forbidden({
      code: "session_required",
      message: "An API token can't do this; sign in with your password.",
    });
  }
  // Of one organisation altogether; a person belongs to others too, and has an account to see to.
  if (caller.kind === "api-token") checkAddress(caller);
  if (route.access === "signed-in") return;
  if (route.access === "platform-admin") {
    if (!caller.isPlatformAdmin) {
      throw forbidden({
        code: "platform_admin_required",
        message: "Only an administrator of the platform may do this.",
      });
    }
    return;
  }
  if (caller.organizationId === null) {
    throw forbidden({ code: "no_organization", message: "You belong to no organisation." });
  }
  checkAddress(caller);
  if (!hasRole(caller.role, route.access)) throw missingRole(route.access);
  if (caller.isOrganizationSuspended && !isRead(route)) {
    throw forbidden({
      code: "organization_suspended",
      message: "The organisation is suspended: it can be looked at, not changed.",
    });
  }
}
