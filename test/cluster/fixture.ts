import { setTimeout as sleep } from "node:timers/promises";
import { clusterAvailability, startCluster, type TestCluster } from "./cluster.ts";

/**
 * Starts one control plane for a test file: call it inside `describe` and use the result in tests and hooks.
 * Where there are no binaries every test of the block is skipped, and the reason is printed.
 */
export function useCluster(): () => TestCluster {
  let cluster: TestCluster | undefined;
  before("start the test control plane", async function () {
    this.timeout(120_000);
    const availability = await clusterAvailability();
    if (availability.available) {
      cluster = await startCluster();
      return;
    }
    console.log(
      `      SKIPPED ${this.test?.parent?.fullTitle() ?? ""}: ${availability.reason}; ${availability.remedy}`,
    );
    this.skip();
  });
  after("stop the test control plane", async function () {
    this.timeout(30_000);
    await cluster?.stop();
  });
  return () => {
    if (!cluster) throw new Error("the test control plane is not running");
    return cluster;
  };
}

/** Repeats `probe` until it does not throw; then resolves to what it gave. Rejects with its last error. */
export async function eventually<T>(probe: () => Promise<T> | T, timeoutMs = 15_000): Promise<T> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (Date.now() > deadlineMs) throw error;
      await sleep(50);
    }
  }
}

/**
 * Plays the kubelet's part: says of every Pod of a namespace that it runs and is ready. The controllers then
 * make ReplicaSets and Deployments available by themselves.
 */
export async function runPods(cluster: TestCluster, namespace: string): Promise<void> {
  const { text } = await cluster.request({ path: `/api/v1/namespaces/${namespace}/pods` });
  const { items } = JSON.parse(text) as { items: { metadata: { name: string } }[] };
  const now = new Date().toISOString();
  const ready = ["Initialized", "ContainersReady", "Ready"].map((type) => ({
    type,
    status: "True",
    lastTransitionTime: now,
  }));
  for (const { metadata } of items) {
    await cluster.request({
      method: "PATCH",
      path: `/api/v1/namespaces/${namespace}/pods/${metadata.name}/status`,
      body: { status: { phase: "Running", conditions: ready } },
      contentType: "application/merge-patch+json",
    });
  }
}
