import {
  createLoop,
  errorMessage,
  newId,
  publishEvents,
  type Bus,
  type Logger,
  type Loop,
} from "@rciots/runtime";
import type { NewEvent } from "../repositories/events.repository.ts";
import { isDuplicateKey } from "../repositories/leases.repository.ts";
import type { Store } from "../store.ts";
import { createConnectionBudget, type ConnectionLimits } from "./connection-budget.ts";
import {
  closedEvent,
  openedEvent,
  refusedEvent,
  summedEvent,
  type AskedConnection,
  type ConnectionEnd,
  type Reason,
} from "./connection-events.ts";

/** What a connection is seen by while it is open, such as a byte stream. */
export interface SeenConnection {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly isOver: boolean;
  /** Milliseconds since 1970, where it ended before it was seen to be over. */
  readonly endedAtMs?: number;
  /** What else is known of it at its end. */
  readonly details?: Record<string, unknown>;
}

/** Exactly one of these is called. */
export interface ConnectionNote {
  opened(connection: SeenConnection): void;
  refused(reason: unknown): void;
}

export interface ConnectionLog {
  /** Somebody asks for a connection. */
  begin(asked: AskedConnection): ConnectionNote;
  loop: Loop;
  /** Writes what is not written yet; what is open is said to end now. Never rejects. */
  stop(): Promise<void>;
}

/** At most what happened in so long is lost with the process. */
export const connectionLogIntervalMs = 500;
const spanMs = 60_000;
const defaultLimits: ConnectionLimits = { perWay: 30, perOrganization: 600 };
/** While so many wait for a store that doesn't answer, further ones are only counted. */
const maxWaiting = 10_000;
const batchSize = 500;

interface Live {
  asked: AskedConnection;
  connection: SeenConnection;
  connectionId: string;
  atMs: number;
  /** `counted`: only in a sum. */
  state: "fresh" | "written" | "counted";
}

const isFault = (error: unknown): error is Reason =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string";

function reasonOf(error: unknown): Reason {
  if (isFault(error)) return { code: error.code, message: error.message };
  if (error instanceof Error && error.name === "AbortError") {
    return { code: "given_up", message: "Whoever asked for it was gone before it was open." };
  }
  return { code: "internal_error", message: "It could not be opened." };
}

/**
 * Writes each connection into the audit log: when it is open or refused, and when it is over, in one record where it was
 * short. What is beyond the limits is counted, and written as a sum at the end of the minute.
 */
export function createConnectionLog(options: {
  store: Pick<Store, "events">;
  bus: Pick<Bus, "publish">;
  logger: Logger;
  limits?: ConnectionLimits;
  /** Milliseconds since 1970. */
  now?: () => number;
}): ConnectionLog {
  const { store, bus, logger, limits = defaultLimits, now = Date.now } = options;
  const budget = createConnectionBudget(limits);
  const live = new Set<Live>();
  let waiting: NewEvent[] = [];
  let spanFrom = now();

  const isSingle = (asked: AskedConnection, outcome: "opened" | "refused"): boolean =>
    waiting.length < maxWaiting && budget.take(asked, outcome);

  function note(entry: Live, end?: ConnectionEnd): void {
    const { asked } = entry;
    if (entry.state === "fresh") {
      entry.state = "written";
      waiting.push(openedEvent(asked, entry, end));
    } else if (end !== undefined) {
      if (entry.state === "counted") budget.countEnd(asked, end);
      else waiting.push(closedEvent(asked, entry, end));
    }
  }

  function endOf({ atMs, connection }: Live): ConnectionEnd {
    const { sentBytes, receivedBytes, endedAtMs = now(), details } = connection;
    return { ...details, durationMs: Math.max(0, Math.round(endedAtMs - atMs)), sentBytes, receivedBytes };
  }

  function look(isLast: boolean): void {
    for (const entry of live) {
      const isOver = isLast || entry.connection.isOver;
      if (isOver) live.delete(entry);
      note(entry, isOver ? endOf(entry) : undefined);
    }
    const isOverdue = now() - spanFrom >= spanMs && waiting.length < maxWaiting;
    if (!isOverdue && !isLast) return;
    const span = { fromMs: spanFrom, toMs: now() };
    for (const sum of budget.renew()) waiting.push(summedEvent(sum, span));
    spanFrom = span.toMs;
  }

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, batchSize);
      try {
        await store.events.appendMany(batch);
      } catch (error) {
        // They were stored, only the answer to it was lost.
        if (!isDuplicateKey(error)) throw error;
      }
      waiting = waiting.slice(batch.length);
      publishEvents(bus, batch);
    }
  }

  const loop = createLoop({
    name: "connections of the audit log",
    intervalMs: connectionLogIntervalMs,
    async step() {
      look(false);
      await write();
    },
    logger,
  });

  return {
    begin: (asked) => ({
      opened(connection) {
        const state = isSingle(asked, "opened") ? "fresh" : "counted";
        if (state === "counted") budget.countOpened(asked);
        live.add({ asked, connection, connectionId: newId("con"), atMs: now(), state });
      },
      refused(error) {
        const reason = reasonOf(error);
        if (isSingle(asked, "refused")) waiting.push(refusedEvent(asked, reason, now()));
        else budget.countRefused(asked, reason);
      },
    }),
    loop,
    async stop() {
      await loop.stop();
      look(true);
      await write().catch((error: unknown) => {
        logger.error({ count: waiting.length, error: errorMessage(error) }, "connections not recorded");
      });
    },
  };
}
