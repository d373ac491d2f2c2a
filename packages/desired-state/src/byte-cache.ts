/** Keeps the values used last, up to a total size; the oldest go first. */
export function createByteCache<Value>(options: { maxBytes: number }): {
  get(key: string): Value | undefined;
  set(key: string, value: Value, sizeBytes: number): void;
} {
  const entries = new Map<string, { value: Value; sizeBytes: number }>();
  let totalBytes = 0;

  function drop(key: string): void {
    totalBytes -= entries.get(key)?.sizeBytes ?? 0;
    entries.delete(key);
  }

  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      // A Map keeps the order of insertion: putting it back makes it the youngest.
      entries.delete(key);
      entries.set(key, entry);
      return entry.value;
    },
    set(key, value, sizeBytes) {
      drop(key);
      if (sizeBytes > options.maxBytes) return;
      entries.set(key, { value, sizeBytes });
      totalBytes += sizeBytes;
      for (const oldest of entries.keys()) {
        if (totalBytes <= options.maxBytes) return;
        drop(oldest);
      }
    },
  };
}
