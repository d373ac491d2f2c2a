import { settled } from "../fleet.ts";
import type { SimulatorCounts } from "../simulator-worker.ts";
import { formatCount, formatMs, type BenchContext, type BenchRow, type Measurement } from "../measurement.ts";

const targetMs = 60_000;
const timeoutMs = 240_000;

/** The platform is killed and started again; every device comes back by itself. */
async function run({ fleet, say }: BenchContext): Promise<Measurement[]> {
  const running = await fleet();
  const { platform, simulator, size } = running;
  say("Killing the platform ...");
  const sessionsBefore = (await simulator.counts()).sessions;
  const killedAt = Date.now();
  await platform.kill();
  await platform.restart();
  const upAt = Date.now();
  const isBack = (now: SimulatorCounts): boolean =>
    now.connected === size && now.sessions >= sessionsBefore + size;
  const back = await simulator.until(isBack, { timeoutMs });
  const done = await settled(running, running.release(), timeoutMs);
  const { gaveUp, sessions } = await simulator.counts();
  const lost = Object.values(gaveUp).reduce((sum, count) => sum + count, 0);
  const tookMs = done.at - killedAt;
  const usage = await platform.usage();
  return [
    {
      row: "return",
      what: "kill -9 of the platform until all devices are live and reconciled",
      size: `${formatCount(size)} devices`,
      baseline: "",
      measured: done.isComplete ? formatMs(tookMs) : `${back.connected} back after ${formatMs(timeoutMs)}`,
      ratio: tookMs / targetMs,
      target: `${formatMs(targetMs)}, none refused for good`,
      passed: done.isComplete && tookMs <= targetMs && lost === 0,
      load: tookMs / targetMs,
      notes: [
        `The platform was up again after ${formatMs(upAt - killedAt)}, the last session after ${formatMs(back.lastConnectedAt - killedAt)}; ${lost} devices gave up.`,
        `${formatCount(sessions - sessionsBefore)} sessions were opened for ${formatCount(size)} devices; ${formatMs(usage.cpuSeconds * 1_000)} of platform CPU from its start on.`,
      ],
    },
  ];
}

export const returnRow: BenchRow = {
  name: "return",
  about: "the whole fleet returns after kill -9 of the platform",
  run,
};
