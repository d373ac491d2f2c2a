import { errorMessage, notFound, unauthorized, type AppError, type Logger } from "@rciots/runtime";
import type { ApiToken, Role, Session, Store, User } from "@rciots/store";
import { isAddressAllowed } from "../allow-list/allow-lists.service.ts";
import { limitRole, type Caller } from "./caller.ts";

/** What somebody shows to be let in, by a request or by a live connection. */
export interface Presented {
  /** Hash of the bearer value. */
  hash: string;
  kind: "session" | "api-token";
  /** The browser sent it by itself. */
  isCookie: boolean;
  /** Which organisation it is about; undefined: the first, or that of the API token. */
  organizationId: string | undefined;
  /** Network address it comes from. */
  address: string;
}

/** Finds out who it is, as things stand now. Throws 401 and 404. */
export type Identify = (presented: Presented) => Promise<Caller>;

/** The last use of a session or an API token is noted this often at most. */
const touchEveryMs = 60_000;

export function invalidCredentials(): AppError {
  return unauthorized({
    code: "credentials_invalid",
    message: "The session or API token is unknown, expired or revoked.",
  });
}

function callerOf(
  user: User,
  rest: Omit<Caller, "userId" | "username" | "isOrganizationSuspended" | "isAddressAllowed">,
): Caller {
  return {
    userId: user._id,
    username: user.username,
    isOrganizationSuspended: false,
    isAddressAllowed: true,
    ...rest,
  };
}

function membership(user: User, wanted: string | undefined): { organizationId: string; role: Role } | null {
  if (wanted === undefined) return user.memberships[0] ?? null;
  const found = user.memberships.find((entry) => entry.organizationId === wanted);
  if (found !== undefined) return found;
  throw notFound({ code: "organization_not_found", message: "You belong to no organisation of this id." });
}

/** The one judgement of sessions, tokens, memberships and organisations, for requests and live connections alike. */
export function createIdentify(options: {
  store: Pick<Store, "accounts" | "organizations">;
  logger: Logger;
}): Identify {
  const { accounts, organizations } = options.store;

  async function findActiveUser(userId: string): Promise<User> {
    const user = await accounts.findUser(userId);
    if (user?.status !== "active") throw invalidCredentials();
    return user;
  }

  function touch(
    { lastUsedAt }: Pick<ApiToken | Session, "lastUsedAt">,
    note: (now: Date) => Promise<void>,
  ): void {
    const now = new Date();
    if (lastUsedAt && now.getTime() - lastUsedAt.getTime() < touchEveryMs) return;
    // Nobody waits for it, and a use that is not noted harms nobody.
    note(now).catch((error: unknown) => {
      options.logger.warn({ error: errorMessage(error) }, "use of a session or API token not noted");
    });
  }

  async function fromSession({ hash, isCookie, organizationId }: Presented): Promise<Caller> {
    const session = await accounts.findSession(hash);
    if (session === null) throw invalidCredentials();
    const user = await findActiveUser(session.userId);
    const member = membership(user, organizationId);
    touch(session, (now) => accounts.touchSession(hash, now, touchEveryMs));
    return callerOf(user, {
      kind: "session",
      isPlatformAdmin: user.isPlatformAdmin,
      organizationId: member?.organizationId ?? null,
      role: member?.role ?? null,
      actor: { kind: "user", id: user._id, name: user.username },
      sessionHash: hash,
      isCookie,
    });
  }

  async function fromApiToken({ hash, organizationId: wanted }: Presented): Promise<Caller> {
    const found = await accounts.findApiTokenByHash(hash);
    if (found === null || (found.expiresAt !== null && found.expiresAt.getTime() <= Date.now()))
      throw invalidCredentials();
    const user = await findActiveUser(found.userId);
    const member = user.memberships.find((entry) => entry.organizationId === found.organizationId);
    if (member === undefined) throw invalidCredentials();
    if (wanted !== undefined && wanted !== found.organizationId) {
      throw notFound({
        code: "organization_not_found",
        message: "The API token belongs to another organisation.",
      });
    }
    touch(found, (now) => accounts.touchApiToken(found._id, now, touchEveryMs));
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

  return async (presented) => {
    const caller = await (presented.kind === "api-token" ? fromApiToken : fromSession)(presented);
    if (caller.organizationId === null) return caller;
    const organization = await organizations.find(caller.organizationId);
    if (organization === null) return { ...caller, organizationId: null, role: null };
    return {
      ...caller,
      isOrganizationSuspended: organization.status === "suspended",
      isAddressAllowed: isAddressAllowed(organization, caller.kind, presented.address),
    };
  };
}
