import { forbidden } from "@rciots/runtime";
import type { Role } from "@rciots/store";
import { checkAddress, hasRole, type Caller, type Member } from "../auth/caller.ts";
import type { HeldConnection } from "../auth/held-connections.ts";

/** A live connection that was let in. */
export interface LiveConnection extends HeldConnection {
  role: Role;
  /** Hands a message over; false where the reader is so slow that its queue is full. */
  send(event: string, message: unknown): boolean;
  /** At once, whatever waits to be sent. */
  cut(): void;
}

/** Throws 403 unless the caller may read what the organisation's live views show. A suspended one may be read. */
export function requireReader(caller: Caller): Member {
  const { organizationId, role } = caller;
  if (organizationId === null || role === null) {
    throw forbidden({ code: "no_organization", message: "You belong to no organisation." });
  }
  if (!hasRole(role, "viewer")) {
    throw forbidden({ code: "role_required", message: "Live updates need the role viewer or a higher one." });
  }
  checkAddress(caller);
  return { ...caller, organizationId, role };
}
