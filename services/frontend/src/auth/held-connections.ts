import { AppError, type PublicError } from "@rciots/runtime";
import type { Caller } from "./caller.ts";
import type { Presented } from "./identify.ts";

/** A connection that was let in and stays open: who holds it is judged again and again. */
export interface HeldConnection {
  presented: Presented;
  userId: string;
  organizationId: string;
  /** Throws an AppError where this caller, as things stand now, would not be let in any more. */
  judge(caller: Caller): void | Promise<void>;
  /** `final`: trying again is no use, and `reason` says why. Otherwise it could not be judged. */
  end(reason: PublicError, options: { final: boolean }): void;
}

export interface HeldConnections<Connection extends HeldConnection> {
  /** Throws 429 where the person, the organisation or the platform has too many. */
  add(connection: Connection): void;
  remove(connection: Connection): void;
  ofOrganization(organizationId: string): ReadonlySet<Connection>;
  ofUser(userId: string): ReadonlySet<Connection>;
  all(): ReadonlySet<Connection>;
}

export interface ConnectionLimits {
  maxSockets: number;
  maxSocketsOfUser: number;
  maxSocketsOfOrganization?: number;
}

function tooMany(message: string): AppError {
  const details = { retryAfterMs: 30_000 };
  return new AppError({ code: "too_many_connections", status: 429, message, details });
}

function addTo<C>(index: Map<string, Set<C>>, key: string, connection: C): void {
  const found = index.get(key);
  if (found === undefined) index.set(key, new Set([connection]));
  else found.add(connection);
}

function removeFrom<C>(index: Map<string, Set<C>>, key: string, connection: C): void {
  const found = index.get(key);
  found?.delete(connection);
  if (found?.size === 0) index.delete(key);
}

/** The connections of this replica, bounded. `noun`: what people call them, such as `live connections`. */
export function createHeldConnections<Connection extends HeldConnection>(
  noun: string,
  limits: ConnectionLimits,
): HeldConnections<Connection> {
  const { maxSockets, maxSocketsOfUser, maxSocketsOfOrganization = maxSockets } = limits;
  const none: ReadonlySet<Connection> = new Set();
  const all = new Set<Connection>();
  const byOrganization = new Map<string, Set<Connection>>();
  const byUser = new Map<string, Set<Connection>>();
  return {
    add(connection) {
      const { userId, organizationId } = connection;
      if (all.size >= maxSockets) throw tooMany(`The platform has too many ${noun}.`);
      if ((byUser.get(userId)?.size ?? 0) >= maxSocketsOfUser) {
        throw tooMany(`You have ${maxSocketsOfUser} ${noun}; close some.`);
      }
      if ((byOrganization.get(organizationId)?.size ?? 0) >= maxSocketsOfOrganization) {
        throw tooMany(`Your organisation has ${maxSocketsOfOrganization} ${noun}; close some.`);
      }
      all.add(connection);
      addTo(byOrganization, organizationId, connection);
      addTo(byUser, userId, connection);
    },
    remove(connection) {
      all.delete(connection);
      removeFrom(byOrganization, connection.organizationId, connection);
      removeFrom(byUser, connection.userId, connection);
    },
    ofOrganization: (organizationId) => byOrganization.get(organizationId) ?? none,
    ofUser: (userId) => byUser.get(userId) ?? none,
    all: () => all,
  };
}
