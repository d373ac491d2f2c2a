import type { DeviceIdentity } from "../../../agent/src/identity/identity.store.ts";
import { createServerCertificate } from "../server-certificate.ts";
import { startWorker } from "../child-worker.ts";
import type { BareClientCalls } from "../bare-client-worker.ts";
import type { BareServerCalls } from "../bare-server-worker.ts";
import type { NodeUsage } from "../measured-node.ts";
import { settled, type Fleet } from "../fleet.ts";
import {
  formatCount,
  formatKib,
  type BenchContext,
  type BenchRow,
  type Measurement,
} from "../measurement.ts";

const targetRatio = 1.2;
const targetBytes = 64 * 1_024;
/** A heartbeat, the patrol and a lease renewal have happened at least twice by then. */
const idleMs = 40_000;
/** So that what is allocated once is there before the first reading. */
const warmUpSessions = 50;

interface PerSession {
  bytes: number;
  heapBytes: number;
  /** Reserved by V8 and not used. */
  spareBytes: number;
}

function perSession(before: NodeUsage, after: NodeUsage, sessions: number): PerSession {
  const spare = (usage: NodeUsage): number => usage.heapTotalBytes - usage.heapUsedBytes;
  return {
    bytes: (after.residentBytes - before.residentBytes) / sessions,
    heapBytes: (after.heapUsedBytes - before.heapUsedBytes) / sessions,
    spareBytes: (spare(after) - spare(before)) / sessions,
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * The platform runs with the store in another process. It is measured without devices, after a few have come and
 * gone, and with all of them idle.
 */
async function measureConnector(fleet: Fleet): Promise<PerSession> {
  const { platform, simulator } = fleet;
  await simulator.disconnect();
  await platform.halt();
  await platform.restart({ separateStore: true });
  await pause(3_000);
  const before = await platform.usageAfterCollection();
  await simulator.connect({ concurrency: 128 });
  const { connected } = await simulator.until((now) => now.connected === now.devices, { timeoutMs: 120_000 });
  await settled({ ...fleet, size: connected }, fleet.release(), 120_000);
  await pause(idleMs);
  const after = await platform.usageAfterCollection();
  return perSession(before, after, connected);
}

/** The same certificates at both ends as the connector and its devices have. */
async function measureBare(count: number, device: DeviceIdentity): Promise<PerSession> {
  const server = createServerCertificate();
  const bare = startWorker<BareServerCalls>("bare-server-worker", { nodeArgs: ["--expose-gc"] });
  const clients = Array.from({ length: Math.ceil(count / 5_000) }, () =>
    startWorker<BareClientCalls>("bare-client-worker"),
  );
  try {
    const port = await bare.call("start", { key: server.key, cert: server.chain, ca: device.caCertificates });
    const credentials = { key: device.privateKey, cert: device.certificateChain, ca: server.root };
    const connect = (worker: (typeof clients)[number], sessions: number) =>
      worker.call("connect", { ...credentials, port, count: sessions, concurrency: 32 });
    const [first] = clients;
    if (first !== undefined) await connect(first, warmUpSessions);
    const before = await bare.call("usageAfterCollection", undefined);
    const share = Math.floor(count / clients.length);
    await Promise.all(clients.map((worker) => connect(worker, share)));
    await pause(idleMs / 4);
    const after = await bare.call("usageAfterCollection", undefined);
    const sessions = (await bare.call("sessions", undefined)) - warmUpSessions;
    return perSession(before, after, sessions);
  } finally {
    await Promise.all([...clients, bare].map((worker) => worker.kill()));
  }
}

async function run({ fleet, say }: BenchContext): Promise<Measurement[]> {
  const running = await fleet();
  say("Holding idle sessions ...");
  const ours = await measureConnector(running);
  say("Holding idle sessions of a bare server ...");
  const [identity] = await running.simulator.takeIdentities(1);
  if (identity === undefined) throw new Error("There is no device to take a certificate from.");
  const bare = await measureBare(running.size, identity);
  const ratio = ours.bytes / bare.bytes;
  return [
    {
      row: "sessions",
      what: "connector memory per idle device session",
      size: `${formatCount(running.size)} devices`,
      baseline: `bare mTLS ws ${formatKib(bare.bytes)}`,
      measured: formatKib(ours.bytes),
      ratio,
      target: `${targetRatio}x bare, ${formatKib(targetBytes)}`,
      passed: ratio <= targetRatio && ours.bytes <= targetBytes,
      load: Math.max(ratio / targetRatio, ours.bytes / targetBytes),
      notes: [
        `Of this used on the JavaScript heap: connector ${formatKib(ours.heapBytes)}, bare ${formatKib(bare.heapBytes)}; reserved for it and unused: ${formatKib(ours.spareBytes)}, ${formatKib(bare.spareBytes)}; the rest is native, TLS above all.`,
      ],
    },
  ];
}

export const sessionsRow: BenchRow = {
  name: "sessions",
  about: "memory of an idle device session beside a bare mTLS WebSocket",
  run,
};
