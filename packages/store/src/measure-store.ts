import type { StoreMeasure } from "@rciots/runtime";
import type { Store } from "./store.ts";

type Method = (...args: unknown[]) => unknown;

/** The same store, which tells how long each call of a repository took. */
export function measureStore(store: Store, observe: (measure: StoreMeasure) => void): Store {
  function measured(repository: string, method: Method): Method {
    return (...args) => {
      const startedAt = performance.now();
      const result = method(...args);
      // Cursors are read at the pace of whoever reads them.
      if (!(result instanceof Promise)) return result;
      const note = (outcome: StoreMeasure["outcome"]) => (): void =>
        observe({ repository, outcome, seconds: (performance.now() - startedAt) / 1_000 });
      result.then(note("ok"), note("error"));
      return result;
    };
  }
  const entries = Object.entries(store).map(([name, part]) => {
    if (typeof part === "function") return [name, part] as const;
    const methods = Object.entries(part as Record<string, Method>);
    return [name, Object.fromEntries(methods.map(([key, method]) => [key, measured(name, method)]))] as const;
  });
  const whole: unknown = Object.fromEntries(entries);
  return whole as Store;
}
