import { monitorEventLoopDelay } from "node:perf_hooks";

export interface LoopDelay {
  meanMs: number;
  p99Ms: number;
  maxMs: number;
}

const resolutionMs = 20;

/** How late the event loop runs. */
export function createLoadMonitor(): {
  start: () => void;
  stop: () => void;
  /** Since the last call with `reset`. The timer's own resolution is taken off. */
  read: (options?: { reset: boolean }) => LoopDelay;
} {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  const toMs = (nanoseconds: number): number =>
    Number.isFinite(nanoseconds) ? Math.max(0, Math.round(nanoseconds / 1e5) / 10 - resolutionMs) : 0;
  return {
    start: () => void histogram.enable(),
    stop: () => void histogram.disable(),
    read({ reset } = { reset: false }) {
      const delay = {
        meanMs: toMs(histogram.mean),
        p99Ms: toMs(histogram.percentile(99)),
        maxMs: toMs(histogram.max),
      };
      if (reset) histogram.reset();
      return delay;
    },
  };
}
