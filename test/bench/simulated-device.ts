import type { AgentStatus, Trust } from "@rciots/agent";
import { createAgent, createMemoryIdentityStore, createMemoryStateStore, type Agent } from "@rciots/agent";
import { silentLogger } from "@rciots/runtime";
import { createIdentityKeeper } from "../../agent/src/identity/identity-keeper.ts";
import type { DeviceIdentity } from "../../agent/src/identity/identity.store.ts";
import { createPlatformClient } from "../../agent/src/identity/platform.client.ts";
import { createPlatformClock } from "../../agent/src/identity/platform-clock.ts";
import { createSimulatedCluster, type WorkloadBehaviour } from "./simulated-cluster.ts";

/*
 * One simulated device: the agent's own code for identity, channel and reconciliation over a real mTLS connection,
 * with a cluster, an identity store and a state store in memory. It says of itself that it is simulated.
 */

export interface SimulatedDeviceOptions {
  name: string;
  platformUrl: string;
  trust: Trust;
  token: string;
  labels?: Record<string, string>;
  /** How workloads fare on its cluster. */
  behaviour?: WorkloadBehaviour;
}

export interface SimulatedDevice {
  readonly name: string;
  /** Milliseconds from the making of the key to the stored certificate. */
  enroll(signal: AbortSignal): Promise<number>;
  identity(): Promise<DeviceIdentity | undefined>;
  connect(): void;
  /** Ends the agent; identity and state stay, so that `connect` goes on where it was. */
  disconnect(): Promise<void>;
  phase(): AgentStatus["phase"] | "off";
  status(): AgentStatus | undefined;
  /** What `data.release` of its own settings says, and since when (ms since 1970). */
  release(): { value: string; at: number; isOwn: boolean } | undefined;
  /** When the last session began and the one before it ended (ms since 1970). */
  times(): { connectedAt: number; endedAt: number };
  /** Why the agent ended by itself; undefined while it has not. */
  gaveUp(): string | undefined;
  sessions(): number;
}

export const simulatorVersion = "0.0.0-simulated";
const facts = { os: "simulated device", architecture: "none", simulated: true };

export function createSimulatedDevice(options: SimulatedDeviceOptions): SimulatedDevice {
  const { name, platformUrl, trust, token, labels } = options;
  const identityStore = createMemoryIdentityStore();
  const stateStore = createMemoryStateStore();
  let released: ReturnType<SimulatedDevice["release"]>;
  const cluster = createSimulatedCluster({
    ...(options.behaviour === undefined ? {} : { behaviour: options.behaviour }),
    onApplied({ kind, data }) {
      const { release, device } = (data ?? {}) as Record<string, unknown>;
      if (kind !== "ConfigMap" || typeof release !== "string" || released?.value === release) return;
      released = { value: release, at: Date.now(), isOwn: device === name };
    },
  });
  let agent: Agent | undefined;
  let phase: AgentStatus["phase"] | "off" = "off";
  let gaveUp: string | undefined;
  let sessions = 0;
  const times = { connectedAt: 0, endedAt: 0 };

  function onPhase(status: AgentStatus): void {
    const before = phase;
    phase = status.phase;
    if (phase === "connected" && before !== "connected") {
      times.connectedAt = Date.now();
      sessions += 1;
    } else if (before === "connected" && phase !== "connected") times.endedAt = Date.now();
  }

  return {
    name,
    async enroll(signal) {
      const startedAt = performance.now();
      const clock = createPlatformClock();
      const keeper = createIdentityKeeper({
        store: identityStore,
        client: createPlatformClient({ platformUrl, trust, clock }),
        name,
        labels,
        facts: async () => facts,
        provisioningToken: token,
        logger: silentLogger,
      });
      await keeper.obtain(signal);
      return performance.now() - startedAt;
    },
    identity: async () => (await identityStore.load())?.identity,
    connect() {
      if (agent !== undefined) return;
      const started = createAgent({
        platformUrl,
        trust,
        name,
        labels,
        identityStore,
        stateStore,
        findCluster: async () => ({ cluster, namespace: "rciots-agent" }),
        readFacts: async () => facts,
        agentVersion: simulatorVersion,
        logger: silentLogger,
        onPhase,
      });
      agent = started;
      started.start();
      void started.finished.then((outcome) => {
        if (outcome.kind === "decommissioned") gaveUp = "decommissioned";
        if (outcome.kind === "failed")
          gaveUp = outcome.error instanceof Error ? outcome.error.message : String(outcome.error);
      });
    },
    async disconnect() {
      await agent?.stop();
      agent = undefined;
      phase = "off";
    },
    phase: () => phase,
    status: () => agent?.status(),
    release: () => released,
    times: () => ({ ...times }),
    gaveUp: () => gaveUp,
    sessions: () => sessions,
  };
}
