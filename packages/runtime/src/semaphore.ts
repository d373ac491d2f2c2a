/** Runs at most `limit` pieces of work at once; the rest wait in order. */
export function createSemaphore(limit: number): {
  run: <T>(work: () => Promise<T>) => Promise<T>;
  readonly waiting: number;
} {
  let active = 0;
  const queue: (() => void)[] = [];
  return {
    async run(work) {
      if (active >= limit) await new Promise<void>((resolve) => queue.push(resolve));
      else active += 1;
      try {
        return await work();
      } finally {
        // The slot is handed to the next in line, so `active` only falls when nobody waits.
        const next = queue.shift();
        if (next === undefined) active -= 1;
        else next();
      }
    },
    get waiting() {
      return queue.length;
    },
  };
}
