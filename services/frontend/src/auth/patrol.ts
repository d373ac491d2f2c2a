import { createLoop, errorMessage, isAppError, toPublicError, type Logger, type Loop } from "@rciots/runtime";
import type { Caller } from "./caller.ts";
import type { HeldConnection, HeldConnections } from "./held-connections.ts";
import type { Identify } from "./identify.ts";

export interface Patrol {
  loop: Loop;
  /** Judges these connections as things stand now; ends those that would not be let in any more. */
  judge(connections: Iterable<HeldConnection>): Promise<void>;
}

/** Judges open connections again and again: nothing that let one in lasts for good. */
export function createPatrol(options: {
  /** What people call the connections, such as `live connections`. */
  noun: string;
  identify: Identify;
  connections: Pick<HeldConnections<HeldConnection>, "all">;
  logger: Logger;
  intervalMs: number;
}): Patrol {
  const { noun, identify, connections, logger, intervalMs } = options;

  function end(connection: HeldConnection, error: unknown): void {
    const final = isAppError(error) && error.status < 500;
    if (!final) logger.warn({ error: errorMessage(error) }, `${noun} could not be judged`);
    connection.end(toPublicError(error), { final });
  }

  async function judgeAlike(alike: readonly HeldConnection[]): Promise<void> {
    const [first] = alike;
    if (first === undefined) return;
    let caller: Caller;
    try {
      caller = await identify(first.presented);
    } catch (error) {
      for (const connection of alike) end(connection, error);
      return;
    }
    for (const connection of alike) {
      try {
        await connection.judge(caller);
      } catch (error) {
        end(connection, error);
      }
    }
  }

  async function judge(which: Iterable<HeldConnection>, signal?: AbortSignal): Promise<void> {
    const alike = new Map<string, HeldConnection[]>();
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
    name: noun,
    intervalMs,
    step: (signal) => judge(connections.all(), signal),
    logger,
  });
  return { loop, judge };
}
