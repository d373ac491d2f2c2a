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
  sentMessages: number;
  /** When the last message went. */
  sentAt: number;
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
/** What is written line by line goes out together: at first soon, and less often of a command that goes on and on. */
const gatherMs = { soon: 100, later: 1_000 };
const soonMessages = 30;
const gatherBytes = 16_384;
/** Whatever is new wakes it. */
const idleMs = 3_600_000;
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

  const hasNews = ({ feed, end }: Delivery): boolean => feed.waitingBytes > 0 || end !== undefined;

  /** When a command's next message may go, in milliseconds from now. */
  function dueInMs({ feed, end, sentAt, sentMessages }: Delivery): number {
    if (end !== undefined || feed.waitingBytes >= gatherBytes) return 0;
    const { soon, later } = gatherMs;
    return sentAt + (sentMessages < soonMessages ? soon : later) - performance.now();
  }

  /** The one that waited longest of those that are due; it goes to the back of the line. */
  function take(): Delivery | undefined {
    for (const [id, delivery] of deliveries) {
      if (!hasNews(delivery) || dueInMs(delivery) > 0) continue;
      deliveries.delete(id);
      deliveries.set(id, delivery);
      return delivery;
    }
    return undefined;
  }

  /** Until something is due, or something new is there. */
  async function wait(signal: AbortSignal): Promise<void> {
    news = new AbortController();
    const waiting = [...deliveries.values()].filter(hasNews).map(dueInMs);
    await sleep(Math.max(1, Math.min(idleMs, ...waiting)), AbortSignal.any([news.signal, signal]));
  }

  async function sendOne(session: Caller, delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { id, feed, end } = delivery;
    const message = feed.next();
    if (message !== undefined) {
      await session.call("command:output", { id, ...message });
      // Another session may be sending it already.
      if (signal.aborted) return;
      feed.sent(message);
      delivery.sentMessages += 1;
      delivery.sentAt = performance.now();
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

  async function sendAll(session: Caller, signal: AbortSignal): Promise<void> {
    const backoff = createBackoff({ minMs: 500, maxMs: 15_000 });
    while (!signal.aborted) {
      const delivery = take();
      if (delivery === undefined) {
        await wait(signal);
        continue;
      }
      while (!allowance.take() && !signal.aborted) await sleep(500 / pace.perSecond, signal);
      if (signal.aborted) return;
      try {
        await sendOne(session, delivery, signal);
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
      deliveries.set(id, { id, feed, end: undefined, sentMessages: 0, sentAt: 0 });
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
      while (caller !== undefined && [...deliveries.values()].some(hasNews) && performance.now() < endsAt)
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
