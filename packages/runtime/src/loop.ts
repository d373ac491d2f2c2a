import { errorMessage } from "./app-error.ts";
import { createBackoff } from "./backoff.ts";
import type { Logger } from "./logger.ts";
import { sleep } from "./sleep.ts";

export interface LoopOptions {
  name: string;
  /** Pause between two steps; each is spread by up to a fifth, so that replicas do not march in step. */
  intervalMs: number;
  /** One level-triggered step; whatever it missed, the next one finds. */
  step: (signal: AbortSignal) => Promise<void>;
  logger: Logger;
  now?: () => number;
}

export interface Loop {
  start(): void;
  /** Ends the pause under way, so that a hint saves latency. */
  nudge(): void;
  /** Awaits the step in flight. */
  stop(): Promise<void>;
  /** Milliseconds since the last step that succeeded; Infinity before the first. */
  ageMs(): number;
}

/** A background loop that backs off while its step fails. */
export function createLoop({ name, intervalMs, step, logger, now = Date.now }: LoopOptions): Loop {
  const stopping = new AbortController();
  const backoff = createBackoff({ minMs: Math.min(1_000, intervalMs), maxMs: Math.max(60_000, intervalMs) });
  let pause = new AbortController();
  let nudged = false;
  let running: Promise<void> | undefined;
  let lastSuccessAt = Number.NEGATIVE_INFINITY;

  async function once(): Promise<number> {
    try {
      await step(stopping.signal);
      lastSuccessAt = now();
      backoff.reset();
      return intervalMs * (0.9 + Math.random() * 0.2);
    } catch (error) {
      if (!stopping.signal.aborted)
        logger.warn({ loop: name, error: errorMessage(error) }, "loop step failed");
      return Math.max(backoff.next(), 100);
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      nudged = false;
      const pauseMs = await once();
      if (nudged) continue;
      pause = new AbortController();
      await sleep(pauseMs, AbortSignal.any([pause.signal, stopping.signal]));
    }
  }

  return {
    start() {
      running ??= run();
    },
    nudge() {
      nudged = true;
      pause.abort();
    },
    async stop() {
      stopping.abort();
      await running;
    },
    ageMs: () => now() - lastSuccessAt,
  };
}
