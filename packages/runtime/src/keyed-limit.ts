/** At most so many at once for each key; more are refused, none waits. */
export interface KeyedLimit {
  /** The function that gives the place back, to be called once; undefined where all are taken. */
  take(key: string): (() => void) | undefined;
}

export function createKeyedLimit(limit: number): KeyedLimit {
  const taken = new Map<string, number>();
  return {
    take(key) {
      const count = taken.get(key) ?? 0;
      if (count >= limit) return undefined;
      taken.set(key, count + 1);
      return () => {
        const left = (taken.get(key) ?? 1) - 1;
        if (left > 0) taken.set(key, left);
        else taken.delete(key);
      };
    },
  };
}
