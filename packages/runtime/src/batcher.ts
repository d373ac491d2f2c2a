/**
 * Collects single calls into batches: the first call of an idle batcher goes at once, what arrives while a
 * batch is under way goes together in the next one. So one caller waits for nobody and ten thousand share
 * their round trips. Results keep the order of the items; one that is an Error rejects its own call only.
 */
export function createBatcher<Item, Result>(options: {
  maxSize: number;
  run: (items: Item[]) => Promise<(Result | Error)[]>;
}): { add: (item: Item) => Promise<Result>; drain: () => Promise<void> } {
  interface Entry {
    item: Item;
    resolve: (result: Result) => void;
    reject: (error: unknown) => void;
  }
  let queue: Entry[] = [];
  let running: Promise<void> | undefined;

  async function flush(batch: Entry[]): Promise<void> {
    try {
      const results = await options.run(batch.map((entry) => entry.item));
      batch.forEach((entry, index) => {
        const result = results[index];
        if (result instanceof Error) entry.reject(result);
        else entry.resolve(result as Result);
      });
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    }
  }

  async function run(): Promise<void> {
    // One turn of the event loop lets calls of the same tick share the first batch too.
    await new Promise((resolve) => setImmediate(resolve));
    while (queue.length > 0) {
      const batch = queue.slice(0, options.maxSize);
      queue = queue.slice(batch.length);
      await flush(batch);
    }
    running = undefined;
  }

  return {
    add: (item) =>
      new Promise<Result>((resolve, reject) => {
        queue.push({ item, resolve, reject });
        running ??= run();
      }),
    async drain() {
      await running;
    },
  };
}
