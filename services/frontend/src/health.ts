import { errorMessage, withTimeout, type Logger, type Loop } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import type { RequestHandler } from "express";

export interface Health {
  ok: boolean;
  /** What is not well, in words. */
  faults: string[];
}

const pingTimeoutMs = 2_000;

/** Healthy while the store answers and no loop has been without success for ten of its intervals. */
export function createHealth(options: {
  store: Pick<Store, "ping">;
  loops: { name: string; loop: Loop; intervalMs: number }[];
  logger: Logger;
  busFault?: (() => string | undefined) | undefined;
  now?: () => number;
}): { report: () => Promise<Health>; staleLoops: () => string[] } {
  const { store, loops, logger, busFault = () => undefined, now = Date.now } = options;
  const startedAt = now();

  async function storeFault(): Promise<string[]> {
    try {
      await withTimeout(store.ping(), pingTimeoutMs, () => new Error(`no answer in ${pingTimeoutMs} ms`));
      return [];
    } catch (error) {
      logger.warn({ error: errorMessage(error) }, "store does not answer");
      return ["the store does not answer"];
    }
  }

  const staleLoops = (): string[] =>
    loops
      .filter(({ loop, intervalMs }) => {
        const graceMs = Math.max(60_000, intervalMs * 10);
        return Math.min(loop.ageMs(), now() - startedAt) > graceMs;
      })
      .map(({ name }) => `the loop for ${name} has not succeeded for a while`);

  return {
    staleLoops,
    async report() {
      const apart = busFault();
      const faults = [...(await storeFault()), ...(apart === undefined ? [] : [apart]), ...staleLoops()];
      return { ok: faults.length === 0, faults };
    },
  };
}

/** The process lives: what a supervisor restarts on. Says nothing of what it depends on. */
export const answerAlive: RequestHandler = (_request, response) => {
  response.setHeader("content-type", "application/json");
  response.end('{"status":"ok"}');
};

/** Fit to serve: what a load balancer asks. */
export function answerReady(health: () => Promise<Health>): RequestHandler {
  return async (_request, response) => {
    const { ok, faults } = await health();
    response.statusCode = ok ? 200 : 503;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ status: ok ? "ok" : "unavailable", faults }));
  };
}
