import { newId } from "@rciots/runtime";
import { newDevice, type Device } from "@rciots/store";
import type { ApiClient } from "../../harness/api-client.ts";
import { formatCount, formatMs, type BenchContext, type BenchRow, type Measurement } from "../measurement.ts";
import { percentile } from "../percentile.ts";
import { startPlatform, type MeasuredPlatform } from "../platform.ts";

const small = 100;
const large = 10_000;
const rounds = 21;
const target = 3;

/** Every hundredth device waits for approval, every third is online, every tenth is in Lisbon. */
function deviceOf(organizationId: string, index: number): Device {
  const name = `edge-${String(index).padStart(5, "0")}`;
  const device = newDevice({
    _id: newId("dev", Date.now() - index * 1_000),
    organizationId,
    name,
    status: index % 100 === 99 ? "pending" : "active",
    labels: { site: index % 10 === 0 ? "lisbon" : "berlin", line: `line-${index % 7}` },
    facts: { hostname: `${name}.example.com`, os: "Linux", architecture: "arm64", agentVersion: "0.1.0" },
    tokenHash: "0".repeat(64),
    publicKeyHash: newId("key"),
  });
  device.presence.online = index % 3 === 0;
  return device;
}

const searches: Record<string, string> = {
  "all, newest first": "limit=50",
  "all, by name": "limit=50&sort=name",
  "a common search": "q=edge",
  "a rare search": "q=00042",
  "a search without a hit": "q=nothing-of-this-name",
  "a search by the beginning, without a hit": "q=^zzz",
  "a common search, by label and status": "q=edge&label=site=lisbon&status=pending",
  "a rare search, online, by name": "q=00042&online=true&sort=name",
  "a label without a device": "label=site=nowhere",
  "pending devices by name": "status=pending&sort=name",
};

async function insertFleet(platform: MeasuredPlatform, api: ApiClient, count: number): Promise<string> {
  const { id } = await api.post<{ id: string }>("/organizations", { name: `bench-${count}` });
  const devices = Array.from({ length: count }, (_none, index) => deviceOf(id, index));
  await platform.insert("devices", devices);
  return id;
}

/** Medians of the answer times, the two fleets taking turns, so that both see the same machine. */
async function compare(api: ApiClient, path: string, organizations: readonly [string, string]) {
  const timesMs: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    for (const which of [0, 1] as const) {
      const startedAt = performance.now();
      await api.request("GET", path, undefined, { "x-rciots-organization": organizations[which] });
      timesMs[which].push(performance.now() - startedAt);
    }
  }
  return { smallMs: percentile(timesMs[0], 50), largeMs: percentile(timesMs[1], 50) };
}

function measurementOf(
  what: string,
  { smallMs, largeMs }: { smallMs: number; largeMs: number },
): Measurement {
  const ratio = largeMs / smallMs;
  return {
    row: "devices",
    what,
    size: `${formatCount(large)} devices, median of ${rounds}`,
    baseline: `${formatMs(smallMs)} with ${small} devices`,
    measured: formatMs(largeMs),
    ratio,
    target: `${target}x`,
    passed: ratio <= target,
    load: ratio / target,
  };
}

async function run({ say }: BenchContext): Promise<Measurement[]> {
  say(`Searching ${formatCount(large)} devices, and ${small} ...`);
  const platform = await startPlatform();
  try {
    const api = await platform.api();
    const organizations = [
      await insertFleet(platform, api, small),
      await insertFleet(platform, api, large),
    ] as const;
    const measured = [];
    for (const [what, query] of Object.entries(searches)) {
      measured.push(measurementOf(what, await compare(api, `/devices?${query}`, organizations)));
    }
    measured.push(measurementOf("the summary", await compare(api, "/devices/summary", organizations)));
    return measured;
  } finally {
    await platform.stop();
  }
}

export const devicesRow: BenchRow = {
  name: "devices",
  about: "lists and searches of 10,000 devices beside those of 100",
  run,
};
