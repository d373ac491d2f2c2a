/**
 * Runs `work` on each item, at most `limit` at once, in order. Once `signal` aborts or one call rejects no
 * further item is begun; what is in flight is awaited, then the first rejection is passed on.
 */
export async function forEachBounded<Item>(
  items: readonly Item[],
  limit: number,
  signal: AbortSignal,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0;
  const errors: unknown[] = [];
  const lane = async (): Promise<void> => {
    while (next < items.length && !signal.aborted && errors.length === 0) {
      const item = items[next++] as Item;
      try {
        await work(item);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  if (errors.length > 0) throw errors[0];
}
