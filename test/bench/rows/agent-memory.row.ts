import { spawn } from "node:child_process";
import { once } from "node:events";
import { clusterAvailability, startCluster, type TestCluster } from "../../cluster/cluster.ts";
import { startAgentProcess } from "../../harness/agent-process.ts";
import { eventually } from "../../harness/eventually.ts";
import { fleetFiles } from "../fleet-template.ts";
import { formatMib, type BenchContext, type BenchRow, type Measurement } from "../measurement.ts";
import { startPlatform } from "../platform.ts";
import { residentBytes } from "../process-usage.ts";

const targetBytes = 80 * 1_000_000;
const idleMs = 30_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Node that has loaded nothing and waits. */
async function measureBareNode(): Promise<number> {
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"], { stdio: "ignore" });
  try {
    await pause(3_000);
    return residentBytes(child.pid ?? 0);
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}

async function run({ say }: BenchContext): Promise<Measurement[]> {
  const availability = await clusterAvailability();
  say(`Agent memory, ${availability.available ? "with a cluster" : "without a cluster"} ...`);
  const cluster = availability.available ? await startCluster() : undefined;
  try {
    const bareBytes = await measureBareNode();
    const agentBytes = await measureAgent(cluster);
    return [
      {
        row: "agent-memory",
        what: "idle agent, connected",
        size:
          cluster === undefined
            ? "no cluster on this machine"
            : "real Kubernetes API, 2 objects, healthy or waiting",
        baseline: `Node alone ${formatMib(bareBytes)}`,
        measured: formatMib(agentBytes),
        ratio: agentBytes / bareBytes,
        target: formatMib(targetBytes),
        passed: agentBytes <= targetBytes,
        load: agentBytes / targetBytes,
      },
    ];
  } finally {
    await cluster?.stop();
  }
}

async function measureAgent(cluster: TestCluster | undefined): Promise<number> {
  const platform = await startPlatform();
  try {
    const api = await platform.api();
    const template = await api.post<{ id: string }>("/templates", { name: "bench", files: fleetFiles("1") });
    const { token } = await api.post<{ token: string }>("/provisioning-tokens", {
      name: "agent",
      approval: "automatic",
      templateIds: cluster === undefined ? [] : [template.id],
    });
    const agent = startAgentProcess({
      platform: { enrollUrl: platform.enrollUrl, caFingerprint: platform.caFingerprint },
      token,
      name: "bench-agent",
      ...(cluster === undefined ? {} : { kubeconfig: cluster.kubeconfigPath }),
    });
    try {
      await eventually(
        async () => {
          const online = await platform.count("devices", {
            "presence.online": true,
            ...(cluster && { "observed.revision": 1 }),
          });
          if (online !== 1) throw new Error(`The agent is not there yet:\n${agent.process().output()}`);
        },
        { timeoutMs: 60_000 },
      );
      await pause(idleMs);
      return residentBytes(agent.process().child.pid ?? 0);
    } finally {
      await agent.stop();
    }
  } finally {
    await platform.stop();
  }
}

export const agentMemoryRow: BenchRow = {
  name: "agent-memory",
  about: "resident memory of the bundled agent",
  run,
};
