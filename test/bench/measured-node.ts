import { monitorEventLoopDelay, type IntervalHistogram } from "node:perf_hooks";

/** Of the monitor's timer; it is taken off what is reported. */
const resolutionMs = 10;

export interface NodeUsage {
  residentBytes: number;
  heapUsedBytes: number;
  /** What V8 has reserved for its heap, used or not. */
  heapTotalBytes: number;
  externalBytes: number;
  /** Since the last reset. */
  loopDelayMs: { p50: number; p99: number; max: number };
  /** Since the process started. */
  cpuSeconds: number;
}

/** What a measured process says of itself. Needs --expose-gc for `collect`. */
export function createNodeMeter() {
  const histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  const lateMs = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolutionMs);
  return {
    resetLoopDelay: (): void => histogram.reset(),
    /** Collects garbage until it is gone, so that what is left is held. */
    async collect(): Promise<void> {
      const { gc } = globalThis;
      if (gc === undefined) throw new Error("This process was started without --expose-gc.");
      for (let round = 0; round < 4; round += 1) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    read(): NodeUsage {
      const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
      const { user, system } = process.cpuUsage();
      return {
        residentBytes: rss,
        heapUsedBytes: heapUsed,
        heapTotalBytes: heapTotal,
        externalBytes: external + arrayBuffers,
        loopDelayMs: {
          p50: lateMs(histogram.percentile(50)),
          p99: lateMs(histogram.percentile(99)),
          max: lateMs(histogram.max),
        },
        cpuSeconds: (user + system) / 1e6,
      };
    },
  };
}
