import {
  createLoop,
  errorMessage,
  forbidden,
  isAppError,
  toPublicError,
  type Logger,
  type Loop,
} from "@rciots/runtime";
import { checkAddress, hasRole, type Caller, type Member } from "../auth/caller.ts";
import type { Identify } from "../auth/identify.ts";
import { noChanges, type LiveChanges } from "./live-changes.ts";
import type { LiveConnection, LiveConnections } from "./live-connections.ts";

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

const moved = { code: "organization_moved", message: "You belong to other organisations now." };

export interface LivePatrol {
  loop: Loop;
  /** Judges these connections as things stand now; ends those that would not be let in any more. */
  judge(connections: Iterable<LiveConnection>): Promise<void>;
}

/** Judges live connections again and again: nothing that let one in lasts for good. */
export function createLivePatrol(options: {
  identify: Identify;
  connections: Pick<LiveConnections, "all">;
  logger: Logger;
  intervalMs: number;
}): LivePatrol {
  const { identify, connections, logger, intervalMs } = options;

  async function judgeAlike(alike: readonly LiveConnection[]): Promise<void> {
    const [first] = alike;
    if (first === undefined) return;
    try {
      const { organizationId, role } = requireReader(await identify(first.presented));
      for (const connection of alike) {
        // Of somebody who named none, the first organisation may be another one now.
        if (organizationId !== connection.organizationId) connection.end(moved, { final: false });
        else if (connection.role !== role) {
          connection.role = role;
          connection.send("changes", { ...noChanges, account: true } satisfies LiveChanges);
        }
      }
    } catch (error) {
      const { code, message } = toPublicError(error);
      // Where it can't be judged, whoever may come in finds the way back alone.
      const final = isAppError(error) && error.status < 500;
      if (!final) logger.warn({ error: errorMessage(error) }, "live connections could not be judged");
      for (const connection of alike) connection.end({ code, message }, { final });
    }
  }

  async function judge(which: Iterable<LiveConnection>, signal?: AbortSignal): Promise<void> {
    const alike = new Map<string, LiveConnection[]>();
    for (const connection of which) {
      const { hash, kind, organizationId = "", address } = connection.presented;
      const key = `${kind}/${hash}/${organizationId}/${address}`;
      alike.set(key, [...(alike.get(key) ?? []), connection]);
    }
    for (const group of alike.values()) {
      if (signal?.aborted === true) return;
      await judgeAlike(group);
    }
  }

  const loop = createLoop({
    name: "live connections",
    intervalMs,
    step: (signal) => judge(connections.all(), signal),
    logger,
  });
  return { loop, judge };
}
