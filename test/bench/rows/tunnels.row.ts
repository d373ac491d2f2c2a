import { startAgentProcess } from "../../harness/agent-process.ts";
import type { ApiClient } from "../../harness/api-client.ts";
import { createToken, deviceOnline } from "../../harness/fleet.ts";
import { freePorts } from "../../harness/platform-process.ts";
import { formatMs, type BenchContext, type BenchRow, type Measurement } from "../measurement.ts";
import { percentile } from "../percentile.ts";
import { cpuSeconds } from "../process-usage.ts";
import { startPlatform } from "../platform.ts";
import { startSshForward } from "../ssh-forward.ts";
import { download, stall, startTunnelTarget, upload } from "../tunnel-target.ts";

const row = "tunnels";
const mebibyte = 1_048_576;
const bytesEach = 128 * mebibyte;
const rounds = 3;
const wantedOfSsh = 0.75;
const controlTargetMs = 50;
const controlCalls = 60;

const perSecond = (bytes: number, elapsedMs: number): number => bytes / mebibyte / (elapsedMs / 1_000);
const formatRate = (rate: number): string => `${Math.round(rate)} MiB/s`;

type Transfer = (port: number, bytes: number) => Promise<number>;

/** The best of a few rounds, in turns with the baseline, so that both see the same machine. */
async function inTurns(transfer: Transfer, ports: number[]): Promise<number[]> {
  const best = ports.map(() => 0);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, port] of ports.entries())
      best[index] = Math.max(best[index] ?? 0, perSecond(bytesEach, await transfer(port, bytesEach)));
  }
  return best;
}

function streamMeasurement(what: string, rate: number, sshRate: number | undefined): Measurement {
  const ratio = sshRate === undefined ? 0 : rate / sshRate;
  return {
    row,
    what,
    size: `${bytesEach / mebibyte} MiB, best of ${rounds}`,
    baseline: sshRate === undefined ? "" : `OpenSSH -L ${formatRate(sshRate)}`,
    measured: formatRate(rate),
    ratio,
    target: `${wantedOfSsh}x OpenSSH`,
    passed: ratio >= wantedOfSsh,
    load: ratio === 0 ? 2 : wantedOfSsh / ratio,
  };
}

async function controlTimes(check: () => Promise<number>, isGoingOn: () => boolean): Promise<number[]> {
  const times: number[] = [];
  while (times.length < controlCalls && isGoingOn()) times.push(await check());
  return times;
}

/** What a transfer costs, whatever else the machine does meanwhile. */
async function cpuNote(
  what: string,
  transfer: Transfer,
  port: number,
  pids: { platform: number; agent: number },
): Promise<string> {
  const used = () => [cpuSeconds(pids.platform), cpuSeconds(pids.agent)] as const;
  const before = used();
  await transfer(port, bytesEach);
  const after = used();
  const perGibibyte = (index: 0 | 1): string =>
    (((after[index] - before[index]) * 1_024 * mebibyte) / bytesEach).toFixed(1);
  return `CPU per GiB, ${what}: platform ${perGibibyte(0)} s, agent ${perGibibyte(1)} s.`;
}

/** Opening and closing a stream: its frames go the way of every control message. */
async function measureControl(api: ApiClient, path: string, port: number, target: object) {
  const check = async (): Promise<number> => {
    const startedAt = performance.now();
    await api.post(`${path}/check`, target);
    return performance.now() - startedAt;
  };
  const idle = await controlTimes(check, () => true);
  let isBusy = true;
  const busy = download(port, 4 * bytesEach).finally(() => (isBusy = false));
  const saturated = await controlTimes(check, () => isBusy);
  await busy;
  const p99 = percentile(saturated, 99);
  const measurement: Measurement = {
    row,
    what: "API call to a stream opened on the device and closed, tunnel saturated, p99",
    size: `${saturated.length} calls`,
    baseline: `idle ${formatMs(percentile(idle, 99))}`,
    measured: formatMs(p99),
    ratio: p99 / percentile(idle, 99),
    target: formatMs(controlTargetMs),
    passed: p99 <= controlTargetMs,
    load: p99 / controlTargetMs,
    notes: [
      `Half of the calls took ${formatMs(percentile(idle, 50))} idle, ${formatMs(percentile(saturated, 50))} saturated; each is an HTTP request with its authentication too.`,
    ],
  };
  return measurement;
}

async function together(port: number, count: number): Promise<number> {
  const bytes = Math.floor(bytesEach / count);
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: count }, () => download(port, bytes)));
  return perSecond(bytes * count, performance.now() - startedAt);
}

async function measureMany(port: number): Promise<Measurement[]> {
  const one = perSecond(bytesEach, await download(port, bytesEach));
  const fifty = await together(port, 50);
  const before = await together(port, 99);
  const end = await stall(port, bytesEach);
  const beside = await together(port, 99);
  end();
  const kept = beside / before;
  return [
    {
      row,
      what: "50 streams together",
      size: `${bytesEach / mebibyte} MiB in all`,
      baseline: `one stream ${formatRate(one)}`,
      measured: formatRate(fifty),
      ratio: fifty / one,
      target: "0.75x one stream",
      passed: fifty / one >= 0.75,
      load: 0.75 / (fifty / one),
    },
    {
      row,
      what: "99 streams beside one whose reader stands still",
      size: `${bytesEach / mebibyte} MiB in all`,
      baseline: `without it ${formatRate(before)}`,
      measured: formatRate(beside),
      ratio: kept,
      target: "loses under 5%",
      passed: kept >= 0.95,
      load: 0.95 / kept,
    },
  ];
}

/** One real agent and the platform, as they are shipped, beside OpenSSH on the same machine. */
async function run({ say }: BenchContext): Promise<Measurement[]> {
  const [port = 0] = await freePorts(1);
  const platform = await startPlatform({ settings: { RCIOTS_TUNNEL_PORTS: String(port) } });
  const target = await startTunnelTarget();
  const ssh = await startSshForward(target.port);
  const api = await platform.api();
  const agent = startAgentProcess({ platform, token: await createToken(api), name: "tunnels" });
  try {
    const { id } = await deviceOnline(api, "tunnels");
    const path = `/devices/${id}/tunnels`;
    const to = { host: "127.0.0.1", port: target.port };
    await api.post(path, { target: to, port, maxConnections: 500 });
    say("Moving data through a tunnel and through OpenSSH ...");
    const ports = [port, ...(ssh === undefined ? [] : [ssh.port])];
    const pids = { platform: platform.pid(), agent: agent.process().child.pid ?? 0 };
    const measure = async (what: string, transfer: Transfer): Promise<Measurement> => {
      const [rate = 0, sshRate] = await inTurns(transfer, ports);
      return {
        ...streamMeasurement(what, rate, sshRate),
        notes: [await cpuNote(what, transfer, port, pids)],
      };
    };
    return [
      await measure("one stream, from the device", download),
      await measure("one stream, to the device", upload),
      await measureControl(api, path, port, to),
      ...(await measureMany(port)),
    ];
  } finally {
    target.stop();
    await Promise.all([agent.stop(), ssh?.stop()]);
    await platform.stop();
  }
}

export const tunnelsRow: BenchRow = {
  name: row,
  about: "tunnel throughput beside OpenSSH, many streams, control under load",
  run,
};
