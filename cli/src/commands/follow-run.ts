import { createBackoff, createSemaphore, sleep } from "@rciots/runtime";
import { CommandError, exitCodes } from "../command.ts";
import { PlatformError, type PlatformReader } from "../connect/platform-api.ts";
import { isOver, type Execution } from "./execution.ts";
import type { OutputStream, RunPrinter } from "./run-printer.ts";

interface ExecutionPage {
  items: Execution[];
  nextCursor: string | null;
}

interface OutputPage {
  execution: Execution;
  parts: { skippedBytes: number; pieces: { stream: OutputStream; text: string }[] }[];
  nextOffset: number;
  hasMore: boolean;
}

/** What was read of an execution. */
interface Reading {
  offset: number;
  execution: Execution;
  isDone: boolean;
}

const pageSize = 500;
const concurrentReads = 8;
/** Between two looks: soon again where something came, and then less and less often. */
const lookMs = { min: 100, max: 1_000, factor: 1.5 };
/** So long a platform may be away: one that restarts is back by then. */
const patienceMs = 120_000;

const isPassing = (error: unknown): boolean =>
  error instanceof PlatformError
    ? error.status === 429 || error.status >= 500
    : error instanceof CommandError && error.exitCode === exitCodes.unreachable;

/** Asks again while the platform is away, as long as it is not away for too long. */
export async function patiently<Answer>(
  ask: () => Promise<Answer>,
  onAway: (reason: string) => void = () => undefined,
): Promise<Answer> {
  const backoff = createBackoff({ minMs: 250, maxMs: 4_000 });
  const since = performance.now();
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error) || performance.now() - since > patienceMs) throw error;
      if (backoff.attempts === 0) onAway((error as CommandError).message);
      await sleep(backoff.next());
    }
  }
}

/**
 * Shows what comes of a run until it is over everywhere; resolves with how it ended on each device. Reads go on
 * where the last one ended, so that a connection that is lost loses nothing.
 */
export async function followRun(options: {
  reader: PlatformReader;
  runId: string;
  printer: RunPrinter;
  /** The platform is away, for the first time in a row. */
  onAway: (reason: string) => void;
}): Promise<Execution[]> {
  const { reader, runId, printer, onAway } = options;
  const semaphore = createSemaphore(concurrentReads);
  const readings = new Map<string, Reading>();
  /** In the order in which devices begin. Their cursors stay good: nothing is added to a run. */
  const pages: { cursor: string | null; isDone: boolean }[] = [{ cursor: null, isDone: false }];

  let isAway = false;

  async function get<Body>(path: string): Promise<Body> {
    const answer = await patiently(
      () => reader.get<Body>(path),
      (reason) => {
        if (!isAway) onAway(reason);
        isAway = true;
      },
    );
    isAway = false;
    return answer;
  }

  async function show(reading: Reading, { parts, nextOffset, execution }: OutputPage): Promise<void> {
    for (const { skippedBytes, pieces } of parts) {
      if (skippedBytes > 0) await printer.skipped(execution, skippedBytes);
      for (const piece of pieces) await printer.output(execution, piece);
    }
    Object.assign(reading, { offset: nextOffset, execution });
  }

  /** Whether there was something new. */
  async function read(listed: Execution): Promise<boolean> {
    const reading = readings.get(listed.id) ?? { offset: 0, execution: listed, isDone: false };
    readings.set(listed.id, reading);
    if (reading.isDone) return false;
    reading.execution = listed;
    let hasMore = listed.outputBytes > reading.offset;
    const isNew = hasMore || isOver(listed);
    while (hasMore) {
      const page: OutputPage = await get(`/command-executions/${listed.id}/output?from=${reading.offset}`);
      await show(reading, page);
      ({ hasMore } = page);
    }
    reading.isDone = isOver(reading.execution);
    if (reading.isDone) await printer.ended(reading.execution);
    return isNew;
  }

  /** Looks at what has begun and is not over; resolves with whether there was something new. */
  async function look(): Promise<boolean> {
    let isNew = false;
    for (const [index, page] of pages.entries()) {
      if (page.isDone) continue;
      const query = new URLSearchParams({ limit: String(pageSize) });
      if (page.cursor !== null) query.set("cursor", page.cursor);
      const path = `/commands/${runId}/executions?${query.toString()}`;
      const { items, nextCursor }: ExecutionPage = await get(path);
      if (nextCursor !== null && index === pages.length - 1)
        pages.push({ cursor: nextCursor, isDone: false });
      const news = await Promise.all(items.map((listed) => semaphore.run(() => read(listed))));
      isNew ||= news.includes(true);
      page.isDone = items.every(({ id }) => readings.get(id)?.isDone === true);
      if (items.every(({ state }) => state === "pending")) break;
    }
    return isNew;
  }

  let waitMs = lookMs.min;
  for (;;) {
    const isNew = await look();
    if (pages.every(({ isDone }) => isDone)) break;
    waitMs = isNew ? lookMs.min : Math.min(waitMs * lookMs.factor, lookMs.max);
    await sleep(waitMs);
  }
  return [...readings.values()].map(({ execution }) => execution);
}
