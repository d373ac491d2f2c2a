import { startWorker } from "../child-worker.ts";
import type { DeviceSide, Forwarder } from "../forwarders/forwarder.ts";
import { startRawTls } from "../forwarders/raw-tls.ts";
import { createSlowPath, slowPathFault, type PathQuality } from "../forwarders/slow-path.ts";
import { startSshForward } from "../forwarders/ssh.ts";
import { downloadRate, uploadRate } from "../forwarders/target-traffic.ts";
import type { TargetCalls } from "../forwarders/target-worker.ts";
import { startTunnel } from "../forwarders/tunnel.ts";
import type { BenchContext, BenchRow, Measurement } from "../measurement.ts";

const row = "tunnel-paths";
const mebibyte = 1_048_576;
const wantedOfSsh = 0.75;
const delaysMs = [0, 50, 200];
const losses = [0, 0.01];
/** On a slow path a connection takes seconds to come to its speed. */
const windowOf = ({ delayMs }: PathQuality) => ({ warmUpMs: 1_000 + 15 * delayMs, measureMs: 3_000 });

const formatRate = (bytesPerSecond: number): string => `${(bytesPerSecond / mebibyte).toFixed(1)} MiB/s`;
const formatPath = ({ delayMs, loss }: PathQuality): string => `${delayMs} ms, ${loss * 100}% lost`;

const directions = { "from the device": downloadRate, "to the device": uploadRate };

function measurementOf(what: string, path: PathQuality, rates: ReadonlyMap<string, number>): Measurement {
  const rate = rates.get("tunnel") ?? 0;
  const ratio = rate / (rates.get("OpenSSH -R") ?? rates.get("raw mTLS") ?? Number.POSITIVE_INFINITY);
  return {
    row,
    what,
    size: formatPath(path),
    baseline: [...rates]
      .filter(([name]) => name !== "tunnel")
      .map(([name, value]) => `${name} ${formatRate(value)}`)
      .join("; "),
    measured: formatRate(rate),
    ratio,
    target: `${wantedOfSsh}x OpenSSH`,
    passed: ratio >= wantedOfSsh,
    load: wantedOfSsh / ratio,
  };
}

async function startWays(side: DeviceSide, targetPort: number, started: Forwarder[]): Promise<void> {
  started.push(await startTunnel(side, targetPort));
  const ssh = await startSshForward(side, targetPort);
  if (ssh !== undefined) started.push(ssh);
  started.push(await startRawTls(side, targetPort));
}

async function measurePath(quality: PathQuality, say: (message: string) => void): Promise<Measurement[]> {
  const path = await createSlowPath(quality);
  const target = startWorker<TargetCalls>("forwarders/target-worker", { within: path.within });
  const started: Forwarder[] = [];
  const measurements: Measurement[] = [];
  try {
    await startWays(path, await target.call("start", undefined), started);
    for (const [direction, rateOf] of Object.entries(directions)) {
      for (const connections of [1, 50]) {
        const rates = new Map<string, number>();
        for (const { name, port } of started)
          rates.set(name, await rateOf(port, connections, windowOf(quality)));
        const what = `${connections === 1 ? "one stream" : `${connections} streams`}, ${direction}`;
        measurements.push(measurementOf(what, quality, rates));
        say(`  ${formatPath(quality)}: ${what} ${formatRate(rates.get("tunnel") ?? 0)}`);
      }
    }
    return measurements;
  } finally {
    await Promise.all(started.map(({ stop }) => stop()));
    await target.kill();
    await path.remove();
  }
}

async function run({ say }: BenchContext): Promise<Measurement[]> {
  const fault = slowPathFault();
  if (fault !== undefined) {
    say(`tunnel-paths is left out: ${fault}.`);
    return [];
  }
  const measurements: Measurement[] = [];
  for (const loss of losses) {
    for (const delayMs of delaysMs) {
      say(`Tunnels over a path of ${formatPath({ delayMs, loss })} ...`);
      measurements.push(...(await measurePath({ delayMs, loss }, say)));
    }
  }
  return measurements;
}

export const tunnelPathsRow: BenchRow = {
  name: row,
  about: "tunnels over paths with delay and loss, beside OpenSSH and a raw mTLS socket",
  run,
};
