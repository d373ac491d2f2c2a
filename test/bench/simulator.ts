import type { Trust } from "@rciots/agent";
import type { DeviceIdentity } from "../../agent/src/identity/identity.store.ts";
import { startWorker } from "./child-worker.ts";
import type { WorkloadBehaviour } from "./simulated-cluster.ts";
import type { SimulatorCalls, SimulatorCounts } from "./simulator-worker.ts";

export interface SimulatorOptions {
  platformUrl: string;
  trust: Trust;
  token: string;
  devices: { name: string; labels?: Record<string, string>; behaviour?: WorkloadBehaviour }[];
  /** Simulated devices per process. Default 2,500. */
  devicesPerProcess?: number;
}

/** Simulated devices in a few processes. */
export interface Simulator {
  readonly pids: readonly number[];
  /** Enrols all, at most `concurrency` at a time; milliseconds of each. */
  enroll(options: { concurrency: number }): Promise<number[]>;
  /** Connects all, at most `concurrency` at a time. */
  connect(options: { concurrency: number }): Promise<void>;
  disconnect(): Promise<void>;
  counts(release?: string): Promise<SimulatorCounts>;
  takeIdentities(count: number): Promise<DeviceIdentity[]>;
  /** Polls until `isDone`; resolves to the counts then, or after `timeoutMs` to those at the end. */
  until(
    isDone: (counts: SimulatorCounts) => boolean,
    options: { timeoutMs: number; release?: string; intervalMs?: number },
  ): Promise<SimulatorCounts>;
  /** Devices say goodbye and their processes end. */
  stop(): Promise<void>;
  /** Ends the processes without a word to the platform. */
  kill(): Promise<void>;
}

function addUp(all: SimulatorCounts[]): SimulatorCounts {
  const sum = (
    key: "devices" | "connected" | "sessions" | "waitingReports" | "released" | "releasedOwn",
  ): number => all.reduce((total, one) => total + one[key], 0);
  const merged = (key: "gaveUp" | "ends"): Record<string, number> => {
    const result: Record<string, number> = {};
    for (const one of all)
      for (const [reason, count] of Object.entries(one[key])) result[reason] = (result[reason] ?? 0) + count;
    return result;
  };
  const last = (key: "lastReleasedAt" | "lastConnectedAt"): number =>
    Math.max(0, ...all.map((one) => one[key]));
  return {
    devices: sum("devices"),
    connected: sum("connected"),
    gaveUp: merged("gaveUp"),
    ends: merged("ends"),
    sessions: sum("sessions"),
    waitingReports: sum("waitingReports"),
    released: sum("released"),
    releasedOwn: sum("releasedOwn"),
    lastReleasedAt: last("lastReleasedAt"),
    lastConnectedAt: last("lastConnectedAt"),
    cpuSeconds: all.reduce((total, one) => total + one.cpuSeconds, 0),
    residentBytes: all.reduce((total, one) => total + one.residentBytes, 0),
  };
}

/** Starts the processes and tells each its devices; nothing is enrolled or connected yet. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { devices, devicesPerProcess = 2_500, ...platform } = options;
  const processes = Math.max(1, Math.min(4, Math.ceil(devices.length / devicesPerProcess)));
  const workers = Array.from({ length: processes }, () => startWorker<SimulatorCalls>("simulator-worker"));
  // Dealt in turn, so that every process has some of each kind.
  await Promise.all(
    workers.map((worker, at) =>
      worker.call("add", {
        ...platform,
        devices: devices.filter((_device, index) => index % processes === at),
      }),
    ),
  );
  const share = (concurrency: number) => ({ concurrency: Math.max(1, Math.ceil(concurrency / processes)) });
  const counts = async (release = ""): Promise<SimulatorCounts> =>
    addUp(await Promise.all(workers.map((worker) => worker.call("counts", { release }))));
  return {
    pids: workers.map((worker) => worker.pid),
    async enroll({ concurrency }) {
      return (await Promise.all(workers.map((worker) => worker.call("enroll", share(concurrency))))).flat();
    },
    async connect({ concurrency }) {
      await Promise.all(workers.map((worker) => worker.call("connect", share(concurrency))));
    },
    async disconnect() {
      await Promise.all(workers.map((worker) => worker.call("disconnect", undefined as never)));
    },
    counts,
    async takeIdentities(count) {
      const [first] = workers;
      const taken = (await first?.call("takeIdentities", { count })) ?? [];
      return taken.filter((identity) => identity !== undefined);
    },
    async until(isDone, { timeoutMs, release = "", intervalMs = 250 }) {
      const giveUpAt = Date.now() + timeoutMs;
      for (;;) {
        const now = await counts(release);
        if (isDone(now) || Date.now() > giveUpAt) return now;
        await new Promise((resolve) => setTimeout(resolve, intervalMs));
      }
    },
    async stop() {
      await Promise.all(
        workers.map(async (worker) => {
          await worker.call("stop", undefined as never).catch(() => undefined);
          await worker.exited;
        }),
      );
    },
    async kill() {
      await Promise.all(workers.map((worker) => worker.end()));
    },
  };
}
