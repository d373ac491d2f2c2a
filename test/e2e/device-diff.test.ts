import assert from "node:assert/strict";
import { clusterAvailability, startCluster, type TestCluster } from "../cluster/cluster.ts";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { assign, createTemplate, createToken, deviceOnline, deviceSettled } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { keepFromCorrecting } from "./hand-edit.ts";

interface Diff {
  total: number;
  items: { kind: string; name: string; change: string; before: string | null; after: string | null }[];
}

const files = [
  {
    path: "kustomization.yaml",
    content: `resources: [all.yaml]
secretGenerator: [{ name: keys, namespace: kiosk, literals: [password=s3cret], options: { disableNameSuffixHash: true } }]
`,
  },
  {
    path: "all.yaml",
    content: `apiVersion: v1
kind: Namespace
metadata: { name: kiosk }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: greeting, namespace: kiosk }
data: { text: hello, api: "key=\${secret.API_KEY}" }
`,
  },
];

describe("when a device is compared through the API", function () {
  this.timeout(120_000);
  let cluster: TestCluster;
  let platform: PlatformProcess;
  let agent: AgentProcess;
  let api: ApiClient;
  let deviceId: string;

  before(async function () {
    const available = await clusterAvailability();
    if (!available.available) {
      console.log(`    skipped: ${available.reason}; ${available.remedy}`);
      return this.skip();
    }
    [cluster, platform] = await Promise.all([startCluster(), startPlatformProcess()]);
    api = await platform.api();
    const token = await createToken(api);
    agent = startAgentProcess({ platform, token, name: "kiosk-1", kubeconfig: cluster.kubeconfigPath });
    deviceId = (await deviceOnline(api, "kiosk-1")).id;
    await api.put("/secrets/API_KEY", { value: "platform-secret" });
    await assign(api, deviceId, await createTemplate(api, "kiosk", files));
    await deviceSettled(api, deviceId);
  });
  after(async () => {
    await Promise.all([agent?.stop(), platform?.stop()]);
    await cluster?.stop();
  });

  const diff = (body: object = {}) => api.post<Diff>(`/devices/${deviceId}/diff`, body);

  it("shows nothing where all is as it should be, and everything when asked to", async () => {
    assert.deepEqual((await diff()).items, []);
    const all = await diff({ changedOnly: false });
    assert.deepEqual(all.items.map(({ kind, change }) => `${kind} ${change}`).sort(), [
      "ConfigMap none",
      "Namespace none",
      "Secret none",
    ]);
  });

  it("shows what was edited by hand, where something keeps the agent from putting it right, without secrets", async () => {
    const allow = await keepFromCorrecting(cluster, {
      namespace: "kiosk",
      name: "greeting",
      text: "by hand",
    });
    const patch = '{"data":{"text":"by hand","api":"key=stolen"}}';
    await cluster.kubectl(["-n", "kiosk", "patch", "configmap", "greeting", "--type=merge", "-p", patch]);
    const { items } = await eventually(async () => {
      const found = await diff();
      assert.equal(found.items.length, 1);
      return found;
    });
    const [item] = items;
    assert.deepEqual([item?.name, item?.change], ["greeting", "update"]);
    assert.match(item?.before ?? "", /text: by hand/);
    assert.match(item?.after ?? "", /text: hello/);
    assert.match(item?.after ?? "", /api: \(secret [0-9a-f]{12}\)/);
    assert.ok(!/stolen|platform-secret/.test(JSON.stringify(items)));
    await allow();
    await eventually(async () => assert.deepEqual((await diff()).items, []), { timeoutMs: 60_000 });
  });

  it("says that the device is offline once it is", async () => {
    await agent.kill();
    await eventually(
      () =>
        assert.rejects(
          diff(),
          (error: { body?: { code?: string } }) => error.body?.code === "device_offline",
        ),
      { timeoutMs: 40_000 },
    );
  });
});
