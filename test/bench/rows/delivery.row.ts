import { settled } from "../fleet.ts";
import { formatCount, formatMs, type BenchContext, type BenchRow, type Measurement } from "../measurement.ts";

const targetMs = 10_000;
const targetDevices = 10_000;
const targetLoopDelayMs = 50;
const timeoutMs = 180_000;

/** One call of the API gives every device a manifest of its own. */
async function run({ fleet, say }: BenchContext): Promise<Measurement[]> {
  const running = await fleet();
  const { platform, simulator, size } = running;
  say("Delivering ...");
  const buildsBefore = platform.kustomize.builds();
  await platform.resetLoopDelay();
  const cpuBefore = await platform.usage();
  const simulatorBefore = await simulator.counts();
  const { release, sentAt, answeredAt } = await running.publish();
  const isDelivered = (now: { releasedOwn: number }): boolean => now.releasedOwn === size;
  const delivered = await simulator.until(isDelivered, { timeoutMs, release });
  const deliveredMs = delivered.lastReleasedAt - sentAt;
  const usage = await platform.usage();
  const stored = await settled(running, release, timeoutMs);
  const builds = platform.kustomize.builds() - buildsBefore;
  const setting = `${formatCount(size)} devices`;
  const perDevice = (seconds: number): string => `${((seconds / size) * 1_000).toFixed(2)} ms`;
  const delay = usage.loopDelayMs;
  // Below the full size the target shrinks with the fleet, so that a small run can't pass by being small.
  const scaledMs = Math.max(1_000, (targetMs * size) / targetDevices);
  const share = size === targetDevices ? "" : ` (${formatMs(targetMs)} for ${formatCount(targetDevices)})`;
  return [
    {
      row: "delivery",
      what: "API call to the last device that fetched, verified and applied its own manifest",
      size: setting,
      baseline: "",
      measured:
        delivered.releasedOwn === size
          ? formatMs(deliveredMs)
          : `${delivered.releasedOwn} in ${formatMs(timeoutMs)}`,
      ratio: deliveredMs / scaledMs,
      target: `${formatMs(scaledMs)}${share}`,
      passed: delivered.releasedOwn === size && deliveredMs <= scaledMs,
      load: deliveredMs / scaledMs,
      notes: [
        `The call itself, kustomize included, took ${formatMs(answeredAt - sentAt)}.`,
        `The last report "healthy" was acknowledged after ${stored.isComplete ? formatMs(stored.at - sentAt) : `more than ${formatMs(timeoutMs)}`}.`,
        `CPU per device until delivery: platform ${perDevice(usage.cpuSeconds - cpuBefore.cpuSeconds)}, simulated agents ${perDevice(delivered.cpuSeconds - simulatorBefore.cpuSeconds)}.`,
      ],
    },
    {
      row: "delivery",
      what: "event loop lag of the platform meanwhile, p99",
      size: setting,
      baseline: "",
      measured: `${formatMs(delay.p99)} (max ${formatMs(delay.max)})`,
      ratio: delay.p99 / targetLoopDelayMs,
      target: `${targetLoopDelayMs} ms`,
      passed: delay.p99 < targetLoopDelayMs,
      load: delay.p99 / targetLoopDelayMs,
    },
    {
      row: "delivery",
      what: "kustomize builds for this version",
      size: setting,
      baseline: "",
      measured: String(builds),
      ratio: builds,
      target: "exactly 1",
      passed: builds === 1,
      load: builds,
    },
  ];
}

export const deliveryRow: BenchRow = {
  name: "delivery",
  about: "one API call gives each device a manifest of its own",
  run,
};
