import { errorMessage } from "./app-error.ts";
import type { Logger } from "./logger.ts";
import { withTimeout } from "./sleep.ts";

export interface Stoppable {
  name: string;
  stop: () => Promise<void>;
}

/**
 * Stops parts in the order given (refuse, drain, stop loops, close the store), all under one timeout. A part
 * that fails is logged and does not keep the later ones from stopping. Returns false where something failed.
 */
export async function stopInOrder(
  parts: Stoppable[],
  options: { timeoutMs: number; logger: Logger },
): Promise<boolean> {
  const endsAt = Date.now() + options.timeoutMs;
  let isClean = true;
  for (const part of parts) {
    try {
      const leftMs = Math.max(endsAt - Date.now(), 100);
      await withTimeout(part.stop(), leftMs, () => new Error(`did not stop in ${leftMs} ms`));
    } catch (error) {
      isClean = false;
      options.logger.error({ part: part.name, error: errorMessage(error) }, "part did not stop cleanly");
    }
  }
  return isClean;
}

/** Resolves with the first SIGTERM or SIGINT; a second one exits at once. */
export function nextStopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isFirst = true;
    for (const name of ["SIGTERM", "SIGINT"] as const) {
      process.on(name, () => {
        if (!isFirst) process.exit(1);
        isFirst = false;
        resolve(name);
      });
    }
  });
}
