/** How long something that is tried again and again failed at a stretch. */
export interface Watch {
  /** Of the stretches so far, and of the one under way. */
  longestFailureMs(): number;
  lastFailure(): string;
  tries(): number;
  stop(): Promise<void>;
}

export function startWatch(options: { intervalMs: number; attempt: () => Promise<void> }): Watch {
  let isStopped = false;
  let failingSince: number | undefined;
  let longestMs = 0;
  let last = "";
  let tries = 0;

  function note(): void {
    if (failingSince !== undefined) longestMs = Math.max(longestMs, performance.now() - failingSince);
  }

  async function run(): Promise<void> {
    while (!isStopped) {
      const startedAt = performance.now();
      tries += 1;
      try {
        await options.attempt();
        note();
        failingSince = undefined;
      } catch (error) {
        last = error instanceof Error ? error.message : String(error);
        failingSince ??= startedAt;
        note();
      }
      await new Promise((resolve) => setTimeout(resolve, options.intervalMs));
    }
  }

  const running = run();
  return {
    longestFailureMs: () => longestMs,
    lastFailure: () => last,
    tries: () => tries,
    async stop() {
      isStopped = true;
      await running;
    },
  };
}
