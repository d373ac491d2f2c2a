import { errorMessage, type Logger } from "@rciots/runtime";

export interface Background {
  /**
   * Starts work that the answer doesn't wait for, such as mail: neither a slow mail server nor the time it takes
   * says whether an account exists. A failure is logged.
   */
  run(what: string, work: () => Promise<void>): void;
  /** Resolves once all of it has ended. */
  settled(): Promise<void>;
}

export function createBackground({ logger }: { logger: Logger }): Background {
  const running = new Set<Promise<void>>();
  return {
    run(what, work) {
      const task = work()
        .catch((error: unknown) => logger.warn({ error: errorMessage(error) }, `${what} failed`))
        .finally(() => running.delete(task));
      running.add(task);
    },
    async settled() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
