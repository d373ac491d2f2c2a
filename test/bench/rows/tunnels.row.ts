import { startWorker } from "../child-worker.ts";
import { startChisel } from "../forwarders/chisel.ts";
import { sameMachine, type Forwarder } from "../forwarders/forwarder.ts";
import { startRawTls } from "../forwarders/raw-tls.ts";
import { startSshForward } from "../forwarders/ssh.ts";
import { download, roundTrips, stall, upload } from "../forwarders/target-traffic.ts";
import type { TargetCalls } from "../forwarders/target-worker.ts";
import { startTunnel, type TunnelForwarder } from "../forwarders/tunnel.ts";
import { formatMs, type BenchContext, type BenchRow, type Measurement } from "../measurement.ts";
import { percentile } from "../percentile.ts";
import { cpuSeconds } from "../process-usage.ts";

const row = "tunnels";
const mebibyte = 1_048_576;
const bytesEach = 128 * mebibyte;
const rounds = 4;
const wantedOfSsh = 0.75;
const controlTargetMs = 50;
const controlCalls = 100;
const latencyTrips = 500;

const perSecond = (bytes: number, elapsedMs: number): number => bytes / mebibyte / (elapsedMs / 1_000);
const formatRate = (rate: number): string => `${Math.round(rate)} MiB/s`;

type Transfer = (port: number, bytes: number) => Promise<number>;

/** The best of a few rounds, in turns with the others, so that all see the same machine. */
async function inTurns(transfer: Transfer, ways: readonly Forwarder[]): Promise<Map<string, number>> {
  const best = new Map<string, number>();
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, port } of ways) {
      const rate = perSecond(bytesEach, await transfer(port, bytesEach));
      best.set(name, Math.max(best.get(name) ?? 0, rate));
    }
  }
  return best;
}

/** What a transfer costs the two processes that carry it, whatever else the machine does meanwhile. */
async function cpuNote(what: string, transfer: Transfer, ways: readonly Forwarder[]): Promise<string> {
  const costs: string[] = [];
  for (const { name, port, pids } of ways) {
    const before = pids.map(cpuSeconds);
    await transfer(port, bytesEach);
    const perGibibyte = pids.map(
      (pid, index) => ((cpuSeconds(pid) - (before[index] ?? 0)) * 1_024 * mebibyte) / bytesEach,
    );
    costs.push(`${name} ${perGibibyte.map((seconds) => seconds.toFixed(1)).join(" + ")} s`);
  }
  return `CPU per GiB, ${what} (platform's side + device's): ${costs.join(", ")}.`;
}

/** Names of the ways beside which the tunnel stands: the first one is the measure. */
function baselineText(figures: ReadonlyMap<string, string>): string {
  return [...figures]
    .filter(([name]) => name !== "tunnel")
    .map(([name, text]) => `${name} ${text}`)
    .join("; ");
}

async function measureStream(
  what: string,
  transfer: Transfer,
  ways: readonly Forwarder[],
): Promise<Measurement> {
  const rates = await inTurns(transfer, ways);
  const rate = rates.get("tunnel") ?? 0;
  const ratio = rate / (rates.get("OpenSSH -R") ?? rates.get("raw mTLS") ?? Number.POSITIVE_INFINITY);
  return {
    row,
    what,
    size: `${bytesEach / mebibyte} MiB, best of ${rounds}`,
    baseline: baselineText(new Map([...rates].map(([name, value]) => [name, formatRate(value)]))),
    measured: formatRate(rate),
    ratio,
    target: `${wantedOfSsh}x OpenSSH`,
    passed: ratio >= wantedOfSsh,
    load: wantedOfSsh / ratio,
    notes: [await cpuNote(what, transfer, ways)],
  };
}

async function measureLatency(ways: readonly Forwarder[]): Promise<Measurement> {
  const halves = new Map<string, number>();
  const notes: string[] = [];
  for (const { name, port } of ways) {
    const times = await roundTrips(port, latencyTrips);
    halves.set(name, percentile(times, 50));
    notes.push(`${name} ${formatMs(percentile(times, 99))}`);
  }
  const measured = halves.get("tunnel") ?? Number.POSITIVE_INFINITY;
  const ratio = measured / (halves.get("OpenSSH -R") ?? halves.get("raw mTLS") ?? measured);
  return {
    row,
    what: "16 bytes there and back through an open connection, median",
    size: `${latencyTrips} round trips`,
    baseline: baselineText(new Map([...halves].map(([name, ms]) => [name, formatMs(ms)]))),
    measured: formatMs(measured),
    ratio,
    target: "2x OpenSSH",
    passed: ratio <= 2,
    load: ratio / 2,
    notes: [`The slowest of a hundred took: ${notes.join(", ")}.`],
  };
}

interface ControlTime {
  /** From the word to the device until its answer. */
  sessionMs: number;
  /** Of the API call around it: an HTTP request with its authentication too. */
  callMs: number;
}

async function controlTimes(
  { api, path, target }: TunnelForwarder,
  isGoingOn: () => boolean,
): Promise<ControlTime[]> {
  const times: ControlTime[] = [];
  while (times.length < controlCalls && isGoingOn()) {
    const startedAt = performance.now();
    const { durationMs } = await api.post<{ durationMs: number }>(`${path}/check`, target);
    times.push({ sessionMs: durationMs, callMs: performance.now() - startedAt });
  }
  return times;
}

/** Opening and closing a stream: its frames go the way of every control message. */
async function measureControl(tunnel: TunnelForwarder): Promise<Measurement> {
  const idle = await controlTimes(tunnel, () => true);
  let isBusy = true;
  const busy = download(tunnel.port, 8 * bytesEach).finally(() => (isBusy = false));
  const saturated = await controlTimes(tunnel, () => isBusy);
  await busy;
  const share = (times: ControlTime[], key: keyof ControlTime, percent: number): number =>
    percentile(
      times.map((time) => time[key]),
      percent,
    );
  const p99 = share(saturated, "sessionMs", 99);
  // The platform tells whole milliseconds.
  const idleP99 = Math.max(1, share(idle, "sessionMs", 99));
  const callText = (times: ControlTime[]): string =>
    `half within ${formatMs(share(times, "callMs", 50))}, p99 ${formatMs(share(times, "callMs", 99))}`;
  return {
    row,
    what: "control round trip: a stream opened on the device, tunnel saturated, p99",
    size: `${saturated.length} round trips`,
    baseline: `idle ${formatMs(idleP99)}`,
    measured: formatMs(p99),
    ratio: p99 / idleP99,
    target: formatMs(controlTargetMs),
    passed: p99 <= controlTargetMs,
    load: p99 / controlTargetMs,
    notes: [`API calls that ask for one: idle ${callText(idle)}; saturated ${callText(saturated)}.`],
  };
}

async function together(port: number, count: number): Promise<number> {
  const bytes = Math.floor(bytesEach / count);
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: count }, () => download(port, bytes)));
  return perSecond(bytes * count, performance.now() - startedAt);
}

async function bestTogether(port: number, count: number): Promise<number> {
  const rates = [await together(port, count), await together(port, count)];
  return Math.max(...rates);
}

async function measureMany(ways: readonly Forwarder[]): Promise<Measurement> {
  const rates = new Map<string, number>();
  for (const { name, port } of ways) rates.set(name, await bestTogether(port, 50));
  const rate = rates.get("tunnel") ?? 0;
  const ratio = rate / (rates.get("OpenSSH -R") ?? rates.get("raw mTLS") ?? Number.POSITIVE_INFINITY);
  return {
    row,
    what: "50 streams together",
    size: `${bytesEach / mebibyte} MiB in all`,
    baseline: baselineText(new Map([...rates].map(([name, value]) => [name, formatRate(value)]))),
    measured: formatRate(rate),
    ratio,
    target: `${wantedOfSsh}x OpenSSH`,
    passed: ratio >= wantedOfSsh,
    load: wantedOfSsh / ratio,
  };
}

async function measureStalled(port: number): Promise<Measurement> {
  const before = await bestTogether(port, 99);
  const end = await stall(port, bytesEach);
  const beside = await bestTogether(port, 99);
  end();
  const kept = beside / before;
  return {
    row,
    what: "99 streams beside one whose reader stands still",
    size: `${bytesEach / mebibyte} MiB in all`,
    baseline: `without it ${formatRate(before)}`,
    measured: formatRate(beside),
    ratio: kept,
    target: "loses under 5%",
    passed: kept >= 0.95,
    load: 0.95 / kept,
  };
}

/** One real agent and the platform, as they are shipped, beside other ways to forward a port on this machine. */
async function run({ say }: BenchContext): Promise<Measurement[]> {
  const target = startWorker<TargetCalls>("forwarders/target-worker");
  const targetPort = await target.call("start", undefined);
  const started: Forwarder[] = [];
  try {
    const tunnel = await startTunnel(sameMachine, targetPort);
    started.push(tunnel);
    const ssh = await startSshForward(sameMachine, targetPort);
    if (ssh === undefined) say("No sshd on this machine (Debian: openssh-server): the tunnel stands alone.");
    else started.push(ssh);
    started.push(await startRawTls(sameMachine, targetPort));
    const chisel = await startChisel(sameMachine, targetPort);
    if (chisel === undefined) say("chisel is left out: RCIOTS_CHISEL names no program of it.");
    else started.push(chisel);
    say(`Moving data through ${started.map(({ name }) => name).join(", ")} in turns ...`);
    return [
      await measureStream("one stream, from the device", download, started),
      await measureStream("one stream, to the device", upload, started),
      await measureMany(started),
      await measureLatency(started),
      await measureControl(tunnel),
      await measureStalled(tunnel.port),
    ];
  } finally {
    await Promise.all(started.map(({ stop }) => stop()));
    await target.kill();
  }
}

export const tunnelsRow: BenchRow = {
  name: row,
  about: "tunnel throughput and latency beside OpenSSH and a raw mTLS socket, control under load",
  run,
};
