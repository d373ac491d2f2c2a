import type { ApiClient } from "../harness/api-client.ts";
import { fleetFiles } from "./fleet-template.ts";
import { startPlatform, type MeasuredPlatform } from "./platform.ts";
import { startSimulator, type Simulator } from "./simulator.ts";

/** A platform and its simulated devices, shared by the rows of one run. */
export interface Fleet {
  readonly platform: MeasuredPlatform;
  readonly simulator: Simulator;
  readonly api: ApiClient;
  readonly templateId: string;
  readonly size: number;
  readonly enrollment: Enrollment;
  /** The release that the template's settings name now. */
  release(): string;
  /** Puts the next release into the template; resolves to when the call was sent, and its name. */
  publish(): Promise<{ release: string; sentAt: number; answeredAt: number }>;
  stop(): Promise<void>;
}

export interface Enrollment {
  /** Of each device, from the making of its key to its stored certificate. */
  durationsMs: number[];
  elapsedMs: number;
  /** Of the platform's process while they enrolled. */
  platformCpuSeconds: number;
  loopDelayP99Ms: number;
  concurrency: number;
}

/** Bounded, as an installer that rolls a site out is: more at once only wait for each other on two cores. */
const enrollConcurrency = 48;
const connectConcurrency = 128;

/** Starts platform and simulator, enrols and connects all devices, and waits until all are healthy. */
export async function startFleet(options: { size: number; say: (message: string) => void }): Promise<Fleet> {
  const { size, say } = options;
  say(`Starting a platform for ${size} simulated devices ...`);
  const platform = await startPlatform();
  let simulator: Simulator | undefined;
  let release = 1;
  try {
    const api = await platform.api();
    const template = await api.post<{ id: string }>("/templates", {
      name: "bench",
      files: fleetFiles(String(release)),
    });
    const { token } = await api.post<{ token: string }>("/provisioning-tokens", {
      name: "bench",
      approval: "automatic",
      templateIds: [template.id],
    });
    simulator = await startSimulator({
      platformUrl: platform.enrollUrl,
      trust: platform.trust,
      token,
      devices: Array.from({ length: size }, (_none, index) => ({ name: `sim-${index + 1}` })),
    });
    say("Enrolling ...");
    const enrollment = await enroll(platform, simulator);
    say("Connecting ...");
    await simulator.connect({ concurrency: connectConcurrency });
    await settled({ platform, simulator, size }, String(release), 300_000);
    return {
      platform,
      simulator,
      api,
      size,
      enrollment,
      templateId: template.id,
      release: () => String(release),
      async publish() {
        release += 1;
        const sentAt = Date.now();
        await api.patch(`/templates/${template.id}`, { files: fleetFiles(String(release)) });
        return { release: String(release), sentAt, answeredAt: Date.now() };
      },
      async stop() {
        await simulator?.kill();
        await platform.stop();
      },
    };
  } catch (error) {
    await simulator?.kill();
    await platform.stop();
    throw error;
  }
}

async function enroll(platform: MeasuredPlatform, simulator: Simulator): Promise<Enrollment> {
  const before = await platform.usage();
  await platform.resetLoopDelay();
  const startedAt = performance.now();
  const durationsMs = await simulator.enroll({ concurrency: enrollConcurrency });
  const elapsedMs = performance.now() - startedAt;
  const after = await platform.usage();
  return {
    durationsMs,
    elapsedMs,
    platformCpuSeconds: after.cpuSeconds - before.cpuSeconds,
    loopDelayP99Ms: after.loopDelayMs.p99,
    concurrency: enrollConcurrency,
  };
}

export interface Settled {
  /** Every device was connected, ran the release that is its own, and nothing waited for an acknowledgement. */
  isComplete: boolean;
  /** When the store was first seen to hold every device as healthy (ms since 1970). */
  at: number;
}

/** Waits until every device is connected, runs `release`, and the platform has stored all as healthy. */
export async function settled(
  fleet: Pick<Fleet, "platform" | "simulator" | "size">,
  release: string,
  timeoutMs: number,
): Promise<Settled> {
  const { platform, simulator, size } = fleet;
  const giveUpAt = Date.now() + timeoutMs;
  await simulator.until((now) => now.releasedOwn === size && now.connected === size, { timeoutMs, release });
  for (;;) {
    const askedAt = Date.now();
    const { waitingReports, connected } = await simulator.counts(release);
    const healthy = await platform.count("devices", {
      "presence.online": true,
      "observed.state": "healthy",
      // Each release is one revision of every device, from 1 on.
      "observed.revision": { $gte: Number(release) },
    });
    if (healthy === size && waitingReports === 0 && connected === size)
      return { isComplete: true, at: askedAt };
    if (askedAt > giveUpAt) return { isComplete: false, at: askedAt };
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
