import assert from "node:assert/strict";
import { clusterAvailability, startCluster, type TestCluster } from "../cluster/cluster.ts";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import {
  assign,
  createTemplate,
  createToken,
  deviceOnline,
  deviceSettled,
  type TemplateFile,
} from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const objectCount = 60;
const roundsEach = 5;

/** Revision `round`: a Deployment, ConfigMaps whose value is the round, and one that only this round has. */
function files(round: number): TemplateFile[] {
  const namespace = "apiVersion: v1\nkind: Namespace\nmetadata: { name: kills }\n";
  const deployment = `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web, namespace: kills }\nspec:\n  replicas: 0\n  selector: { matchLabels: { app: web } }\n  template:\n    metadata: { labels: { app: web }, annotations: { round: "${round}" } }\n    spec: { containers: [{ name: web, image: registry.example.com/web }] }\n`;
  const configMap = (name: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: kills }\ndata: { round: "${round}" }\n`;
  const names = [...Array.from({ length: objectCount }, (_, index) => `item-${index}`), `only-${round}`];
  return [
    { path: "kustomization.yaml", content: "resources: [all.yaml]\n" },
    { path: "all.yaml", content: [namespace, deployment, ...names.map(configMap)].join("---\n") },
  ];
}

interface Found {
  metadata: { name: string; uid: string; generation?: number };
  data?: { round?: string };
}

describe("when parts are killed at any moment of a delivery", function () {
  this.timeout(300_000);
  let cluster: TestCluster;
  let platform: PlatformProcess;
  let agent: AgentProcess;
  let template: string;
  let deviceId: string;
  let round = 0;

  before(async function () {
    const available = await clusterAvailability();
    if (!available.available) {
      console.log(`    skipped: ${available.reason}; ${available.remedy}`);
      return this.skip();
    }
    [cluster, platform] = await Promise.all([startCluster(), startPlatformProcess()]);
    const api = await platform.api();
    agent = startAgentProcess({
      platform,
      token: await createToken(api),
      name: "killed",
      kubeconfig: cluster.kubeconfigPath,
    });
    deviceId = (await deviceOnline(api, "killed")).id;
    template = await createTemplate(api, "kills", files(round));
    await assign(api, deviceId, template);
    await deviceSettled(api, deviceId);
  });

  after(async () => {
    await Promise.all([agent?.stop(), platform?.stop()]);
    await cluster?.stop();
  });

  const find = async (kind: string): Promise<Found[]> =>
    (JSON.parse(await cluster.kubectl(["get", kind, "-n", "kills", "-o", "json"])) as { items: Found[] })
      .items;

  /** Everything of the newest round is there, nothing of another, and what stayed was never made anew. */
  async function assertRight(before: { uids: Map<string, string>; generation: number }): Promise<void> {
    const configMaps = (await find("configmap")).filter((item) => item.metadata.name !== "kube-root-ca.crt");
    const own = configMaps.filter((item) => /^(item|only)-/.test(item.metadata.name));
    assert.equal(own.length, objectCount + 1, own.map((item) => item.metadata.name).join());
    assert.deepEqual([...new Set(own.map((item) => item.data?.round))], [String(round)]);
    assert.ok(own.some((item) => item.metadata.name === `only-${round}`));
    for (const item of own.filter((candidate) => before.uids.has(candidate.metadata.name))) {
      assert.equal(
        item.metadata.uid,
        before.uids.get(item.metadata.name),
        `${item.metadata.name} was not deleted and made again`,
      );
    }
    const [deployment] = await find("deployment");
    assert.equal(deployment?.metadata.generation, before.generation + 1, "the Deployment was changed once");
  }

  /** Changes the content, kills at some moment of its delivery, brings it back, and looks at the end of it. */
  async function deliverThrough(
    kill: () => Promise<void>,
    revive: () => Promise<void> | void,
  ): Promise<void> {
    let api: ApiClient = await platform.api();
    const uids = new Map((await find("configmap")).map((item) => [item.metadata.name, item.metadata.uid]));
    const generation = (await find("deployment"))[0]?.metadata.generation ?? 0;
    const { desired } = await api.get(`/devices/${deviceId}`);
    round += 1;
    await api.patch(`/templates/${template}`, { files: files(round) });
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1_200));
    await kill();
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1_000));
    await revive();
    api = await platform.api();
    await deviceSettled(api, deviceId, { afterRevision: desired.revision, timeoutMs: 90_000 });
    await eventually(() => assertRight({ uids, generation }), { timeoutMs: 30_000, intervalMs: 500 });
  }

  for (let turn = 1; turn <= roundsEach; turn += 1) {
    it(`ends in the right state after kill -9 of the platform (${turn} of ${roundsEach})`, () =>
      deliverThrough(
        () => platform.kill(),
        () => platform.restart(),
      ));

    it(`ends in the right state after kill -9 of the agent (${turn} of ${roundsEach})`, () =>
      deliverThrough(
        () => agent.kill(),
        () => agent.restart(),
      ));

    it(`ends in the right state after kill -9 of the API server (${turn} of ${roundsEach})`, () =>
      deliverThrough(
        () => cluster.kill("apiserver"),
        () => cluster.restart("apiserver"),
      ));
  }
});
