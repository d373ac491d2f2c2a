import type { ConnectorLoad } from "@rciots/store";
import { createLoadMonitor } from "./load-monitor.ts";
import type { ConnectorSettings } from "./settings.ts";

export interface OwnLoad {
  start(): void;
  stop(): void;
  read(): ConnectorLoad;
}

/** A mean: single stalls are nothing to go by. */
const maxLoopDelayMs = 50;
const windowMs = 5_000;
/** Of what it may hold, and check at once. */
const fullPart = 0.9;
const busyPart = 0.5;

/** What a connector tells the others of itself. */
export function createOwnLoad(options: {
  sessions: () => number;
  checking: () => number;
  isReady: () => boolean;
  isDraining: () => boolean;
  settings: Pick<ConnectorSettings, "maxSessions" | "maxOpening">;
}): OwnLoad {
  const { sessions, checking, isReady, isDraining, settings } = options;
  const monitor = createLoadMonitor();
  let readAt = Number.NEGATIVE_INFINITY;
  let loopDelayMs = 0;

  function recentDelayMs(): number {
    if (performance.now() - readAt < windowMs) return loopDelayMs;
    readAt = performance.now();
    loopDelayMs = monitor.read({ reset: true }).meanMs;
    return loopDelayMs;
  }

  function isOverloaded(): boolean {
    const isFull = sessions() + checking() >= settings.maxSessions * fullPart;
    return isFull || checking() >= settings.maxOpening * busyPart || recentDelayMs() > maxLoopDelayMs;
  }

  function state(): ConnectorLoad["state"] {
    if (isDraining()) return "draining";
    if (!isReady()) return "unready";
    return isOverloaded() ? "overloaded" : "ready";
  }

  return {
    start: () => monitor.start(),
    stop: () => monitor.stop(),
    read: () => ({ sessions: sessions(), state: state() }),
  };
}
