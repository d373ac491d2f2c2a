import { AppError } from "@rciots/runtime";
import type { Role } from "@rciots/store";
import type { Presented } from "../auth/identify.ts";

/** A live connection that was let in. */
export interface LiveConnection {
  presented: Presented;
  userId: string;
  organizationId: string;
  role: Role;
  /** Hands a message over; false where the reader is so slow that its queue is full. */
  send(event: string, message: unknown): boolean;
  /** `final`: trying again is no use, and `reason` says why. */
  end(reason: { code: string; message: string }, options: { final: boolean }): void;
  /** At once, whatever waits to be sent. */
  cut(): void;
}

export interface LiveConnections {
  /** Throws 429 where the person or the platform has too many. */
  add(connection: LiveConnection): void;
  remove(connection: LiveConnection): void;
  ofOrganization(organizationId: string): ReadonlySet<LiveConnection>;
  ofUser(userId: string): ReadonlySet<LiveConnection>;
  all(): ReadonlySet<LiveConnection>;
}

const none: ReadonlySet<LiveConnection> = new Set();

function tooMany(message: string): AppError {
  const details = { retryAfterMs: 30_000 };
  return new AppError({ code: "too_many_connections", status: 429, message, details });
}

function addTo(index: Map<string, Set<LiveConnection>>, key: string, connection: LiveConnection): void {
  const found = index.get(key);
  if (found === undefined) index.set(key, new Set([connection]));
  else found.add(connection);
}

function removeFrom(index: Map<string, Set<LiveConnection>>, key: string, connection: LiveConnection): void {
  const found = index.get(key);
  found?.delete(connection);
  if (found?.size === 0) index.delete(key);
}

/** The live connections of this replica, bounded. */
export function createLiveConnections(limits: {
  maxSockets: number;
  maxSocketsOfUser: number;
}): LiveConnections {
  const all = new Set<LiveConnection>();
  const byOrganization = new Map<string, Set<LiveConnection>>();
  const byUser = new Map<string, Set<LiveConnection>>();
  return {
    add(connection) {
      if (all.size >= limits.maxSockets) throw tooMany("The platform has too many live connections.");
      if ((byUser.get(connection.userId)?.size ?? 0) >= limits.maxSocketsOfUser) {
        throw tooMany(`You have ${limits.maxSocketsOfUser} live connections; close some windows.`);
      }
      all.add(connection);
      addTo(byOrganization, connection.organizationId, connection);
      addTo(byUser, connection.userId, connection);
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
