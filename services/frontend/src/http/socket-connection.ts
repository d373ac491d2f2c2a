import { AppError } from "@rciots/runtime";
import type { Caller, Member } from "../auth/caller.ts";
import type { HeldConnection } from "../auth/held-connections.ts";
import type { Presented } from "../auth/identify.ts";
import type { HeldSocket } from "./route-socket.ts";

/** A WebSocket of the API among those that are held, from before it is let in until it is over. */
export interface SocketConnection extends HeldConnection {
  deviceId: string | undefined;
  /** Undefined until it was let in. */
  readonly held: HeldSocket | undefined;
  /** Aborts with the reason for which it is ended. */
  readonly signal: AbortSignal;
  letIn(held: HeldSocket): void;
  /** The service goes away; the peer may come back. */
  stop(): void;
}

/** Where the store doesn't answer, one that was let in stays for so many rounds. */
const unjudgedRounds = 3;
/** Close code of RFC 6455's registry: the service restarts. */
const serviceRestart = 1_012;

const moved = new AppError({
  code: "organization_moved",
  status: 403,
  message: "You belong to other organisations now.",
});
const stopping = new AppError({
  code: "service_restarting",
  status: 503,
  message: "The service restarts; connect again.",
});

export function createSocketConnection(options: {
  presented: Presented;
  caller: Member;
  /** Throws where this caller would not be let in any more. */
  judge: (caller: Caller) => Promise<unknown>;
  recheckMs: number;
}): SocketConnection {
  const { presented, caller, recheckMs } = options;
  const { userId, organizationId } = caller;
  const ending = new AbortController();
  let judgedAt = performance.now();
  let held: HeldSocket | undefined;

  function tell(): void {
    const { reason } = ending.signal as { reason: unknown };
    held?.end(reason, reason === stopping ? serviceRestart : undefined);
  }

  return {
    presented,
    userId,
    organizationId,
    deviceId: undefined,
    get held() {
      return held;
    },
    signal: ending.signal,
    letIn(given) {
      held = given;
      if (ending.signal.aborted) tell();
      else ending.signal.addEventListener("abort", tell, { once: true });
    },
    async judge(now) {
      // Of somebody who named none, the first organisation may be another one now.
      if (now.organizationId !== organizationId) throw moved;
      await options.judge(now);
      judgedAt = performance.now();
    },
    end(reason, { final }) {
      const isLate = performance.now() - judgedAt > recheckMs * unjudgedRounds;
      if (final || isLate) ending.abort(new AppError(reason));
    },
    stop: () => ending.abort(stopping),
  };
}
