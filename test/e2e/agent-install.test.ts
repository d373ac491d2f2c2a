import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { clusterAvailability, startCluster, type TestCluster } from "../cluster/cluster.ts";
import { root } from "../cluster/install-files.ts";
import { runPods } from "../cluster/fixture.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { assign, createTemplate, deviceOnline, deviceSettled, reportedObjects } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { isolationFault } from "../harness/isolated-process.ts";
import { startPod, type Pod, type PodProcess } from "../harness/pod-process.ts";

const run = promisify(execFile);
const bundle = fileURLToPath(new URL("../../agent/dist/rciots-agent.js", import.meta.url));
const agentNamespace = "rciots-agent";
const workloads = "rciots-workloads";

interface Install {
  openshift: string;
  kubectl: string;
  helm: string;
  clusterAdmin: { openshift: string; kubectl: string; helm: string };
}

/** Asked for without verification: a test has no other way to know it. */
function rootCertificate(enrollUrl: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = https.get(`${enrollUrl}/v1/ca`, { rejectUnauthorized: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve((JSON.parse(text) as { caCertificates: string }).caCertificates));
    });
    request.on("error", reject);
  });
}

const configMap = (name: string, namespace?: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}${namespace === undefined ? "" : `, namespace: ${namespace}`} }\ndata: { value: "1" }\n`;
const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: "registry.example.com/web:1" }] }
`;
const filesOf = (files: Record<string, string>) => [
  { path: "kustomization.yaml", content: `resources: ${JSON.stringify(Object.keys(files))}\n` },
  ...Object.entries(files).map(([path, content]) => ({ path, content })),
];

describe("when the agent is installed with the commands of a provisioning token", function () {
  this.timeout(240_000);
  let cluster: TestCluster;
  let platform: PlatformProcess;
  let api: ApiClient;
  let tools: string;
  let pods: PodProcess[] = [];
  let count = 0;

  before(async function () {
    const fault = isolationFault();
    const availability = await clusterAvailability();
    if (fault !== undefined || !availability.available) {
      console.log(`      SKIPPED: ${fault ?? (availability.available ? "" : availability.reason)}`);
      return this.skip();
    }
    platform = await startPlatformProcess();
    api = await platform.api();
    tools = mkdtempSync(join(tmpdir(), "rciots-tools-"));
    for (const name of ["kubectl", "helm"] as const)
      symlinkSync(availability.binaries[name], join(tools, name));
    symlinkSync(fileURLToPath(new URL("../harness/oc.mjs", import.meta.url)), join(tools, "oc"));
  });
  beforeEach(async () => {
    pods = [];
    count += 1;
    // The commands install under fixed names: each test has a cluster of its own.
    cluster = await startCluster();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed")
      for (const pod of pods) console.log(pod.process.output().slice(-4_000));
    for (const pod of pods) await pod.remove();
    await cluster?.stop();
  });
  after(async () => {
    await platform?.stop();
    if (tools !== undefined) rmSync(tools, { recursive: true, force: true });
  });

  /** A shell on the workstation of somebody who may do anything on the cluster. */
  async function shell(command: string, env: Record<string, string> = {}): Promise<string> {
    const { stdout, stderr } = await run("sh", ["-ec", command], {
      env: {
        PATH: `${tools}:${process.env["PATH"] ?? ""}`,
        HOME: tools,
        KUBECONFIG: cluster.kubeconfigPath,
        ...env,
      },
    });
    assert.equal(/warn|violat/i.test(stderr), false, stderr);
    return stdout;
  }

  async function createToken(): Promise<{ id: string; token: string; install: Install }> {
    return api.post("/provisioning-tokens", { name: `install-${count}`, approval: "automatic" });
  }

  /** The Pod that the Deployment's controllers made: admitted by the namespace's Pod Security level. */
  function thePod(): Promise<Pod> {
    return eventually(async () => {
      const text = await cluster.kubectl(["-n", agentNamespace, "get", "pods", "-o", "json"]);
      const { items } = JSON.parse(text) as { items: Pod[] };
      const [pod, ...others] = items;
      assert.ok(pod && others.length === 0, `one Pod: ${items.length}`);
      return pod;
    });
  }

  async function play(pod: Pod): Promise<PodProcess> {
    const playing = await startPod(cluster, pod, {
      entrypoint: [process.execPath, bundle],
      nodeName: `edge-${count}.site.example.com`,
      podIp: `127.${(process.pid % 200) + 20}.${count}.1`,
    });
    pods.push(playing);
    return playing;
  }

  const isForbidden = ({ process: running }: PodProcess): boolean => /forbidden/i.test(running.output());

  it("runs on OpenShift with rights in one namespace, and keeps its identity in its Secret", async () => {
    const { id, install } = await createToken();
    await shell(install.openshift);
    const level = await cluster.kubectl([
      ...["get", "namespace", agentNamespace, "-o"],
      String.raw`jsonpath={.metadata.labels.pod-security\.kubernetes\.io/enforce}`,
    ]);
    assert.equal(level, "restricted");
    const pod = await thePod();
    const first = await play(pod);
    const device = await deviceOnline(api, `edge-${count}`);
    await eventually(async () => assert.equal(await first.probe("readinessProbe"), 200));
    assert.equal(await first.probe("livenessProbe"), 200);
    assert.equal((await api.get(`/provisioning-tokens/${id}`)).usedCount, 1);

    const web = await createTemplate(
      api,
      `web-${count}`,
      filesOf({ "web.yaml": deployment, "settings.yaml": configMap("settings") }),
    );
    await assign(api, device.id, web);
    await eventually(async () => {
      await runPods(cluster, workloads);
      await deviceSettled(api, device.id, { timeoutMs: 0 });
    });
    await cluster.kubectl(["-n", workloads, "delete", "configmap/settings"]);
    await eventually(() => cluster.kubectl(["-n", workloads, "get", "configmap/settings"]), {
      timeoutMs: 10_000,
    });
    assert.equal(isForbidden(first), false, first.process.output());

    // Another Pod, with nothing of the first one's but what is in the cluster, and no token any more.
    await first.remove();
    await cluster.kubectl(["-n", agentNamespace, "delete", "secret/rciots-agent-token"]);
    const second = await play(pod);
    await second.process.waitFor("connected to the platform");
    assert.equal((await deviceOnline(api, `edge-${count}`)).id, device.id);
    assert.equal((await api.get(`/provisioning-tokens/${id}`)).usedCount, 1);
    assert.equal(isForbidden(second), false, second.process.output());

    const elsewhere = await createTemplate(
      api,
      `elsewhere-${count}`,
      filesOf({ "here.yaml": configMap("here"), "there.yaml": configMap("there", "default") }),
    );
    await assign(api, device.id, elsewhere);
    await eventually(async () => {
      const objects = await reportedObjects(api, device.id);
      const refused = objects.find(({ name }) => name === "there");
      assert.match(refused?.message ?? "", /cannot patch resource "configmaps" in .* namespace "default"/);
    });
    await cluster.kubectl(["-n", workloads, "get", "configmap/here"]);
    for (const name of ["rciots-agent-identity", "rciots-agent-token"]) {
      const account = `system:serviceaccount:${agentNamespace}:rciots-agent`;
      const may = (...what: string[]) =>
        cluster
          .kubectl(["auth", "can-i", ...what, "--as", account, "-n", agentNamespace])
          .then((text) => text.trim())
          .catch((error: { stdout: string }) => error.stdout.trim());
      assert.equal(await may("get", `secret/${name}`), name === "rciots-agent-identity" ? "yes" : "no");
      assert.equal(await may("create", "secrets"), "no");
      assert.equal(await may("list", "secrets"), "no");
      assert.equal(await may("create", "pods"), "no");
    }
  });

  it("runs on Kubernetes from plain manifests, and applies what needs the whole cluster if it may", async () => {
    const { token, install } = await createToken();
    await shell(install.kubectl);
    // As shown later, when the token is no longer known; and repeating it changes nothing.
    const [shown] = (await api.get("/provisioning-tokens?limit=1")).items as { install: Install }[];
    assert.ok(shown && !shown.install.kubectl.includes(token));
    assert.match(await shell(shown.install.kubectl, { RCIOTS_TOKEN: token }), /deployment.*unchanged/);
    await play(await thePod());
    const device = await deviceOnline(api, `edge-${count}`);
    const template = await createTemplate(
      api,
      `shop-${count}`,
      filesOf({
        "namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n",
        "settings.yaml": configMap("settings", "shop"),
      }),
    );
    await assign(api, device.id, template);
    await eventually(async () => {
      const [object] = await reportedObjects(api, device.id);
      assert.match(object?.message ?? "", /cannot patch resource "namespaces"/);
    });
    await shell(install.clusterAdmin.kubectl);
    await deviceSettled(api, device.id, { timeoutMs: 90_000 });
    await cluster.kubectl(["-n", "shop", "get", "configmap/settings"]);
  });

  it("runs on Kubernetes from the chart, through an upgrade without the token", async () => {
    const { install } = await createToken();
    const notes = await shell(install.helm);
    assert.match(notes, /logs --follow deployment\/rciots-agent/);
    const namespace = ["label", "namespace", agentNamespace, "pod-security.kubernetes.io/enforce=restricted"];
    await cluster.kubectl(namespace);
    await cluster.kubectl(["-n", agentNamespace, "rollout", "restart", "deployment/rciots-agent"]);
    await eventually(async () => {
      await runPods(cluster, agentNamespace);
      const pod = await thePod();
      assert.match(JSON.stringify(pod.metadata), /restartedAt/);
    });
    const first = await play(await thePod());
    const device = await deviceOnline(api, `edge-${count}`);
    const template = await createTemplate(api, `plain-${count}`, filesOf({ "one.yaml": configMap("one") }));
    await assign(api, device.id, template);
    await deviceSettled(api, device.id);

    const chart = /http\S+\.tgz/.exec(install.helm)?.[0] ?? "";
    await shell(`helm upgrade rciots-agent ${chart} -n ${agentNamespace} --set logLevel=debug`);
    await first.remove();
    const second = await play(
      await eventually(async () => {
        const pod = await thePod();
        assert.match(JSON.stringify(pod.spec), /debug/);
        return pod;
      }),
    );
    await second.process.waitFor("connected to the platform");
    assert.equal((await deviceOnline(api, `edge-${count}`)).id, device.id);
    assert.equal(isForbidden(second), false, second.process.output());

    await shell(`helm uninstall rciots-agent -n ${agentNamespace}`);
    await cluster.kubectl(["-n", workloads, "get", "configmap/one"]);
  });

  it("trusts a CA certificate instead of a fingerprint, from a ConfigMap", async () => {
    const { token } = await createToken();
    const folder = mkdtempSync(join(tmpdir(), "rciots-chart-"));
    const values = join(folder, "values.yaml");
    const caCertificate = await rootCertificate(platform.enrollUrl);
    const fields = { token, caCertificate, platformUrl: platform.enrollUrl, deviceName: "till-1" };
    writeFileSync(
      values,
      JSON.stringify({ ...fields, namespaces: ["shop", "bar"], labels: { site: "berlin" } }),
    );
    const chart = join(root, "charts/rciots-agent");
    await shell(`helm install agent ${chart} -n ${agentNamespace} --create-namespace -f ${values}`);
    await play(await thePod());
    const device = await deviceOnline(api, "till-1");
    assert.equal((await api.get(`/devices/${device.id}`)).labels.site, "berlin");
    const template = await createTemplate(
      api,
      `two-${count}`,
      filesOf({ "one.yaml": configMap("one"), "two.yaml": configMap("two", "bar") }),
    );
    await assign(api, device.id, template);
    await deviceSettled(api, device.id);
    await cluster.kubectl(["-n", "shop", "get", "configmap/one"]);
    rmSync(folder, { recursive: true, force: true });
  });
});
