import { createSemaphore } from "./semaphore.ts";

export type KeyedSemaphore = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** Runs at most `limit` pieces of work per key at once, in order; different keys do not wait for each other. */
export function createKeyedSemaphore(limit: number): KeyedSemaphore {
  const entries = new Map<string, { semaphore: ReturnType<typeof createSemaphore>; users: number }>();
  return async (key, work) => {
    const entry = entries.get(key) ?? { semaphore: createSemaphore(limit), users: 0 };
    entries.set(key, entry);
    entry.users += 1;
    try {
      return await entry.semaphore.run(work);
    } finally {
      entry.users -= 1;
      // A key that nobody uses is forgotten: there may be any number of them over time.
      if (entry.users === 0) entries.delete(key);
    }
  };
}
