import { setMaxListeners } from "node:events";
import type { Trust } from "@rciots/agent";
import { createSemaphore } from "@rciots/runtime";
import { serveCalls } from "./child-worker.ts";
import { createSimulatedDevice, type SimulatedDevice } from "./simulated-device.ts";
import type { WorkloadBehaviour } from "./simulated-cluster.ts";

/*
 * A process of simulated devices, driven over IPC by simulator.ts. The devices run the agent's own code over real
 * mTLS connections; their clusters are in memory.
 */

export interface AddDevices {
  platformUrl: string;
  trust: Trust;
  token: string;
  devices: { name: string; labels?: Record<string, string>; behaviour?: WorkloadBehaviour }[];
}

export interface SimulatorCounts {
  devices: number;
  connected: number;
  /** Agents that ended by themselves: refused, decommissioned, or broken. */
  gaveUp: Record<string, number>;
  /** Why those without a session have none now. */
  ends: Record<string, number>;
  /** Sessions that were ever live. */
  sessions: number;
  /** Reports the platform has not acknowledged. */
  waitingReports: number;
  /** Devices on whose cluster the asked-for release is applied, and how many of them got what was theirs. */
  released: number;
  releasedOwn: number;
  lastReleasedAt: number;
  lastConnectedAt: number;
  cpuSeconds: number;
  residentBytes: number;
}

const devices: SimulatedDevice[] = [];
const stopping = new AbortController();
// Every enrolment under way listens.
setMaxListeners(0, stopping.signal);
const connectTimeoutMs = 120_000;

function add({ platformUrl, trust, token, devices: wanted }: AddDevices): void {
  for (const one of wanted) devices.push(createSimulatedDevice({ ...one, platformUrl, trust, token }));
}

/** Enrols all devices, a bounded number at a time; milliseconds of each. */
async function enroll({ concurrency }: { concurrency: number }): Promise<number[]> {
  const slots = createSemaphore(concurrency);
  return Promise.all(devices.map((device) => slots.run(() => device.enroll(stopping.signal))));
}

async function untilConnected(device: SimulatedDevice): Promise<void> {
  const giveUpAt = Date.now() + connectTimeoutMs;
  while (device.phase() !== "connected" && Date.now() < giveUpAt && device.gaveUp() === undefined)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Connects all devices, a bounded number at a time; one that is refused goes on trying by itself. */
async function connect({ concurrency }: { concurrency: number }): Promise<void> {
  const slots = createSemaphore(concurrency);
  await Promise.all(
    devices.map((device) =>
      slots.run(async () => {
        device.connect();
        await untilConnected(device);
      }),
    ),
  );
}

async function disconnect(): Promise<void> {
  const slots = createSemaphore(100);
  await Promise.all(devices.map((device) => slots.run(() => device.disconnect())));
}

function tally(into: Record<string, number>, key: string): void {
  into[key] = (into[key] ?? 0) + 1;
}

function counts({ release }: { release: string }): SimulatorCounts {
  const found: SimulatorCounts = {
    devices: devices.length,
    connected: 0,
    gaveUp: {},
    ends: {},
    sessions: 0,
    waitingReports: 0,
    released: 0,
    releasedOwn: 0,
    lastReleasedAt: 0,
    lastConnectedAt: 0,
    cpuSeconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
    residentBytes: process.memoryUsage().rss,
  };
  for (const device of devices) {
    const gaveUp = device.gaveUp();
    if (gaveUp !== undefined) tally(found.gaveUp, gaveUp);
    const status = device.status();
    if (device.phase() === "connected") found.connected += 1;
    else tally(found.ends, status?.lastEnd?.code ?? device.phase());
    found.sessions += device.sessions();
    found.waitingReports += status?.waitingReports ?? 0;
    found.lastConnectedAt = Math.max(found.lastConnectedAt, device.times().connectedAt);
    const released = device.release();
    if (released?.value !== release) continue;
    found.released += 1;
    found.releasedOwn += released.isOwn ? 1 : 0;
    found.lastReleasedAt = Math.max(found.lastReleasedAt, released.at);
  }
  return found;
}

const calls = {
  add,
  enroll,
  connect,
  disconnect,
  counts,
  /** Ends a few devices here and gives their identities away, for measurements on a single connection. */
  async takeIdentities({ count }: { count: number }) {
    const taken = devices.splice(0, count);
    await Promise.all(taken.map((device) => device.disconnect()));
    return Promise.all(taken.map((device) => device.identity()));
  },
  async stop() {
    stopping.abort();
    await disconnect();
    setImmediate(() => process.exit(0));
  },
};
export type SimulatorCalls = typeof calls;

serveCalls(calls);
