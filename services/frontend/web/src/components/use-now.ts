import { useSyncExternalStore } from "react";

const stepMs = 15_000;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;
let now = Date.now();

function tick(): void {
  now = Date.now();
  for (const listener of listeners) listener();
  timer = listeners.size === 0 ? undefined : setTimeout(tick, stepMs);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === undefined) {
    now = Date.now();
    timer = setTimeout(tick, stepMs);
  }
  return () => void listeners.delete(listener);
}

/** The time, moving on every 15 seconds: one clock for all times of a page. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}
