import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { clusterAvailability, startCluster, type TestCluster } from "../cluster/cluster.ts";
import { runPods } from "../cluster/fixture.ts";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import {
  assign,
  createTemplate,
  createToken,
  deviceOnline,
  deviceSettled,
  reportedObjects,
  type TemplateFile,
} from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const run = promisify(execFile);

const widgetCrd = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.example.com
spec:
  group: example.com
  names: { kind: Widget, plural: widgets, singular: widget, listKind: WidgetList }
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec: { type: object, properties: { size: { type: integer, maximum: 10 } } }
`;

const shop: TemplateFile[] = [
  {
    path: "base/kustomization.yaml",
    content: `resources: [namespace.yaml, crd.yaml, widget.yaml, web.yaml]
configMapGenerator: [{ name: settings, literals: [colour=blue, size=3] }]
secretGenerator: [{ name: credentials, literals: [user=web, password=s3cret] }]
`,
  },
  { path: "base/namespace.yaml", content: "apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n" },
  { path: "base/crd.yaml", content: widgetCrd },
  {
    path: "base/widget.yaml",
    content: "apiVersion: example.com/v1\nkind: Widget\nmetadata: { name: main }\nspec: { size: 3 }\n",
  },
  {
    path: "base/web.yaml",
    content: `apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: registry.example.com/web:1
          envFrom: [{ configMapRef: { name: settings } }, { secretRef: { name: credentials } }]
`,
  },
  {
    path: "overlays/berlin/kustomization.yaml",
    content: `namespace: shop
resources: [../../base]
labels: [{ pairs: { site: berlin } }]
replicas: [{ name: web, count: 2 }]
`,
  },
];

/** kubectl diff of what kustomize builds against the cluster: "" where they are the same. */
async function diff(cluster: TestCluster, files: TemplateFile[], root: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "rciots-diff-"));
  try {
    for (const { path, content } of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    const { stdout: built } = await run(cluster.binaries.kustomize, ["build", join(folder, root)], {
      maxBuffer: 64e6,
    });
    writeFileSync(join(folder, "built.yaml"), built);
    return await cluster.kubectl(["diff", "-f", join(folder, "built.yaml")]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const configMap = (name: string, namespace: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: ${namespace} }\ndata: { value: ${JSON.stringify(value)} }\n`;
const namespaceOf = (name: string): TemplateFile => ({
  path: "namespace.yaml",
  content: `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name} }\n`,
});
const kustomization = (...resources: string[]): TemplateFile => ({
  path: "kustomization.yaml",
  content: `resources: ${JSON.stringify(resources)}\n`,
});

describe("when workloads are delivered to a real control plane", function () {
  this.timeout(180_000);
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
    agent = startAgentProcess({
      platform,
      token: await createToken(api),
      name: "store-1",
      kubeconfig: cluster.kubeconfigPath,
    });
    deviceId = (await deviceOnline(api, "store-1")).id;
  });

  after(async () => {
    await Promise.all([agent?.stop(), platform?.stop()]);
    await cluster?.stop();
  });

  const revision = async (): Promise<number> => (await api.get(`/devices/${deviceId}`)).desired.revision;
  const getJson = async (...args: string[]) =>
    JSON.parse(await cluster.kubectl(["get", ...args, "-o", "json"]));

  it("applies a base and overlay with a CRD and a resource of it in one go, and nothing differs afterwards", async () => {
    const template = await createTemplate(api, "shop", shop, "overlays/berlin");
    await assign(api, deviceId, template);
    await eventually(
      async () => {
        await runPods(cluster, "shop");
        const deployment = await getJson("deployment", "web", "-n", "shop");
        assert.equal(deployment.status.availableReplicas, 2);
      },
      { timeoutMs: 60_000, intervalMs: 500 },
    );
    const device = await deviceSettled(api, deviceId);
    assert.equal(device.observed.counts["Current"], 7 - 1);
    assert.equal((await getJson("widget", "main", "-n", "shop")).spec.size, 3);
    assert.equal(await diff(cluster, shop, "overlays/berlin"), "");
    assert.ok(
      (await reportedObjects(api, deviceId)).some(
        ({ kind, health }) => kind === "Deployment" && health === "Current",
      ),
    );
  });

  it("prunes what was removed, and leaves alone what a person made with the same labels", async () => {
    const before = await getJson("configmap", "-n", "shop", "-l", "site=berlin");
    const generated = before.items.find((item: any) => item.metadata.name.startsWith("settings-"));
    const { labels } = generated.metadata;
    const mine = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "mine", namespace: "shop", labels },
      data: { made: "by hand" },
    };
    await cluster.kubectl(["create", "-f", "-"], JSON.stringify(mine));
    const from = await revision();
    const template = (await api.get("/templates?limit=10")).items[0];
    const smaller = shop.map((file) =>
      file.path === "base/kustomization.yaml"
        ? { ...file, content: file.content.replace("widget.yaml, ", "").replace("size=3", "size=4") }
        : file,
    );
    await api.patch(`/templates/${template.id}`, { files: smaller });
    await eventually(
      async () => {
        await runPods(cluster, "shop");
        await deviceSettled(api, deviceId, { afterRevision: from, timeoutMs: 100 });
      },
      { timeoutMs: 60_000, intervalMs: 500 },
    );
    const names = (await getJson("configmap", "-n", "shop")).items.map(
      (item: any) => item.metadata.name as string,
    );
    assert.ok(names.includes("mine"), `what a person made is there: ${names.join()}`);
    assert.ok(!names.includes(generated.metadata.name), "the generated one of the old revision is gone");
    assert.deepEqual((await getJson("widgets", "-n", "shop")).items, []);
    assert.equal(await diff(cluster, smaller, "overlays/berlin"), "");
  });

  it("corrects an object that was edited or deleted by hand", async () => {
    await cluster.kubectl(["scale", "deployment", "web", "-n", "shop", "--replicas=5"]);
    const secret = (await getJson("secret", "-n", "shop")).items[0].metadata.name as string;
    await cluster.kubectl(["delete", "secret", secret, "-n", "shop"]);
    await eventually(
      async () => {
        assert.equal((await getJson("deployment", "web", "-n", "shop")).spec.replicas, 2);
        assert.equal((await getJson("secret", secret, "-n", "shop")).metadata.name, secret);
      },
      { timeoutMs: 60_000 },
    );
  });

  it("names a broken object with the API server's words, and applies the rest", async () => {
    const from = await revision();
    const files = [
      kustomization("namespace.yaml", "good.yaml", "broken.yaml"),
      namespaceOf("mixed"),
      { path: "good.yaml", content: configMap("good", "mixed", "yes") },
      {
        path: "broken.yaml",
        content:
          "apiVersion: v1\nkind: Service\nmetadata: { name: broken, namespace: mixed }\nspec: { ports: [{ port: 99999 }] }\n",
      },
    ];
    await assign(api, deviceId, await createTemplate(api, "mixed", files));
    await eventually(
      async () => {
        const device = await api.get(`/devices/${deviceId}`);
        assert.equal(device.observed.revision, device.desired.revision);
        assert.ok(device.desired.revision > from);
        const broken = (await reportedObjects(api, deviceId)).find(({ name }) => name === "broken");
        assert.equal(broken?.applied, "failed");
        assert.match(
          broken?.message ?? "",
          /spec\.ports\[0\]\.port: Invalid value: 99999: must be between 1 and 65535/,
        );
      },
      { timeoutMs: 60_000 },
    );
    assert.equal((await getJson("configmap", "good", "-n", "mixed")).data.value, "yes");
  });

  it("delivers 5 MB in 1,500 objects", async () => {
    const from = await revision();
    const filler = "x".repeat(3_300);
    const parts = Array.from({ length: 6 }, (_, part) => ({
      path: `part-${part}.yaml`,
      content: Array.from({ length: 250 }, (_unused, index) =>
        configMap(`item-${part * 250 + index}`, "bulk", filler),
      ).join("---\n"),
    }));
    const files = [
      kustomization("namespace.yaml", ...parts.map(({ path }) => path)),
      namespaceOf("bulk"),
      ...parts,
    ];
    assert.ok(files.reduce((sum, { content }) => sum + content.length, 0) > 5_000_000);
    await assign(api, deviceId, await createTemplate(api, "bulk", files));
    const device = await deviceSettled(api, deviceId, { afterRevision: from, timeoutMs: 150_000 });
    assert.equal(device.observed.counts["Current"], 1_501);
    const names = (await cluster.kubectl(["get", "configmap", "-n", "bulk", "-o", "name"]))
      .trim()
      .split("\n");
    assert.equal(names.filter((name) => name.includes("/item-")).length, 1_500);
    const reported = await reportedObjects(api, deviceId);
    // The namespace of the first test stays: what a person made in it must not go with it.
    assert.deepEqual(
      reported
        .filter(({ applied, namespace }) => applied !== "pruned" && namespace !== "bulk")
        .map(({ name }) => name)
        .sort(),
      ["bulk", "shop"],
    );
    assert.ok(await getJson("configmap", "mine", "-n", "shop"));
    assert.equal(reported.filter(({ namespace }) => namespace === "bulk").length, 1_500);
  });

  it("applies a CRD of 300 KB, too large for the annotation of a client-side apply", async () => {
    const from = await revision();
    const properties = Array.from(
      { length: 1_500 },
      (_, index) => `                field${index}: { type: string, description: "${"d".repeat(150)}" }`,
    );
    const crd = widgetCrd
      .replaceAll("widget", "gadget")
      .replaceAll("Widget", "Gadget")
      .replace(
        "spec: { type: object, properties: { size: { type: integer, maximum: 10 } } }",
        `spec:\n              type: object\n              properties:\n${properties.join("\n")}`,
      );
    assert.ok(crd.length > 300_000);
    await assign(
      api,
      deviceId,
      await createTemplate(api, "large-crd", [kustomization("crd.yaml"), { path: "crd.yaml", content: crd }]),
    );
    await deviceSettled(api, deviceId, { afterRevision: from });
    assert.equal((await getJson("crd", "gadgets.example.com")).spec.names.kind, "Gadget");
  });

  it("goes back by itself when a revision misses its deadline, and by hand when asked", async () => {
    await api.patch(`/devices/${deviceId}`, { deadlineMs: 5_000 });
    const good = [
      kustomization("namespace.yaml", "value.yaml"),
      namespaceOf("back"),
      { path: "value.yaml", content: configMap("value", "back", "one") },
    ];
    const stuck = `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: never, namespace: back }\nspec:\n  selector: { matchLabels: { app: never } }\n  template:\n    metadata: { labels: { app: never } }\n    spec: { containers: [{ name: never, image: registry.example.com/never }] }\n`;
    const template = await createTemplate(api, "back", good);
    const start = await revision();
    await assign(api, deviceId, template);
    const first = await deviceSettled(api, deviceId, { afterRevision: start });
    const bad = [
      kustomization("namespace.yaml", "value.yaml", "never.yaml"),
      namespaceOf("back"),
      { path: "value.yaml", content: configMap("value", "back", "two") },
      { path: "never.yaml", content: stuck },
    ];
    await api.patch(`/templates/${template}`, { files: bad });
    const rolledBack = await deviceSettled(api, deviceId, {
      afterRevision: first.desired.revision,
      state: "rolled_back",
    });
    assert.equal(rolledBack.observed.runningRevision, first.desired.revision);
    await eventually(async () => {
      assert.equal((await getJson("configmap", "value", "-n", "back")).data.value, "one");
      assert.deepEqual((await getJson("deployment", "-n", "back")).items, []);
    });
    await api.patch(`/templates/${template}`, {
      files: good.map((file) => ({ ...file, content: file.content.replace("one", "three") })),
    });
    const third = await deviceSettled(api, deviceId, { afterRevision: rolledBack.desired.revision });
    assert.equal((await getJson("configmap", "value", "-n", "back")).data.value, "three");
    await api.post(`/devices/${deviceId}/rollback`, { revision: first.desired.revision });
    await deviceSettled(api, deviceId, { afterRevision: third.desired.revision });
    assert.equal((await getJson("configmap", "value", "-n", "back")).data.value, "one");
  });
});
