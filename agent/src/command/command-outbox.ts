import { createBackoff, errorMessage, isAppError, sleep, type Logger } from "@rciots/runtime";
import { createAllowance } from "../channel/allowance.ts";
import type { Caller } from "../channel/report-outbox.ts";
import type { CommandEnd } from "./command-journal.ts";
import type { OutputFeed } from "./output-feed.ts";

/** A command whose output and end are on their way. */
interface Delivery {
  id: string;
  feed: OutputFeed;
  end: CommandEnd | undefined;
}

export interface CommandOutbox {
  add(id: string, feed: OutputFeed): void;
  /** Something new is in a feed. */
  nudge(): void;
  /** The last word on a command; goes out after all its output. */
  end(end: CommandEnd): void;
  attach(session: Caller): void;
  detach(): void;
  /** Resolves once nothing waits, or the time is over. */
  drained(timeoutMs: number): Promise<void>;
  readonly waiting: number;
}

/** The same again would be refused again. */
const lastingRefusals = ["invalid_payload", "unknown_event", "command_unknown"];
/** What is written line by line goes out together; what comes first does not wait. */
const gatherMs = 100;
const gatherBytes = 16_384;
/** Of messages of at most 64 KiB, whatever commands write: a session may send 50 a second in all. */
const pace = { burst: 16, perSecond: 8 };

/**
 * Sends output and ends, one message at a time, in turns of one message for each command. Each is kept until it is
 * acknowledged: a session that is lost loses nothing.
 */
export function createCommandOutbox({
  logger,
  onSettled,
}: {
  logger: Logger;
  /** The platform has stored the end of a command. */
  onSettled: (id: string) => void;
}): CommandOutbox {
  const deliveries = new Map<string, Delivery>();
  const allowance = createAllowance(pace);
  let caller: Caller | undefined;
  let sending: AbortController | undefined;
  let news = new AbortController();

  const isReady = ({ feed, end }: Delivery): boolean => feed.waitingBytes > 0 || end !== undefined;

  /** The one that waited longest; it goes to the back of the line. */
  function take(): Delivery | undefined {
    for (const [id, delivery] of deliveries) {
      if (!isReady(delivery)) continue;
      deliveries.delete(id);
      deliveries.set(id, delivery);
      return delivery;
    }
    return undefined;
  }

  async function sendOne(session: Caller, delivery: Delivery): Promise<void> {
    const { id, feed, end } = delivery;
    const message = feed.next();
    if (message !== undefined) {
      await session.call("command:output", { id, ...message });
      feed.sent(message);
    } else if (end !== undefined) {
      await session.call("command:end", end);
      deliveries.delete(id);
      onSettled(id);
    }
  }

  function giveUp({ id, feed, end }: Delivery, error: unknown): void {
    logger.error({ commandId: id, error: errorMessage(error) }, "the platform took no report of a command");
    feed.drop();
    if (end === undefined) return;
    deliveries.delete(id);
    onSettled(id);
  }

  async function pauseFor(delivery: Delivery, signal: AbortSignal): Promise<void> {
    while (!allowance.take() && !signal.aborted) await sleep(1_000 / pace.perSecond / 2, signal);
    if (delivery.end === undefined && delivery.feed.waitingBytes < gatherBytes) await sleep(gatherMs, signal);
  }

  async function sendAll(session: Caller, signal: AbortSignal): Promise<void> {
    const backoff = createBackoff({ minMs: 500, maxMs: 15_000 });
    while (!signal.aborted) {
      const delivery = take();
      if (delivery === undefined) {
        news = new AbortController();
        await sleep(3_600_000, AbortSignal.any([news.signal, signal]));
        continue;
      }
      await pauseFor(delivery, signal);
      if (signal.aborted) return;
      try {
        await sendOne(session, delivery);
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        if (isAppError(error) && lastingRefusals.includes(error.code)) giveUp(delivery, error);
        else await sleep(pauseOf(error) ?? Math.max(backoff.next(), 100), signal);
      }
    }
  }

  return {
    add(id, feed) {
      deliveries.set(id, { id, feed, end: undefined });
      feed.setAttached(caller !== undefined);
    },
    nudge: () => news.abort(),
    end(end) {
      const delivery = deliveries.get(end.id);
      if (delivery !== undefined) delivery.end = end;
      news.abort();
    },
    attach(session) {
      this.detach();
      caller = session;
      sending = new AbortController();
      for (const { feed } of deliveries.values()) feed.setAttached(true);
      void sendAll(session, sending.signal);
    },
    detach() {
      sending?.abort();
      [sending, caller] = [undefined, undefined];
      for (const { feed } of deliveries.values()) feed.setAttached(false);
    },
    async drained(timeoutMs) {
      const endsAt = performance.now() + timeoutMs;
      while (caller !== undefined && [...deliveries.values()].some(isReady) && performance.now() < endsAt)
        await sleep(50);
    },
    get waiting() {
      return deliveries.size;
    },
  };
}

function pauseOf(error: unknown): number | undefined {
  const named = isAppError(error) ? error.details?.["retryAfterMs"] : undefined;
  return typeof named === "number" ? named : undefined;
}
