import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { TestCluster } from "../../../test/cluster/cluster.ts";
import { eventually, useCluster } from "../../../test/cluster/fixture.ts";
import type { Cluster, KubeObject } from "../kube/cluster.ts";
import { applySetId } from "./apply-set.ts";
import {
  configMap,
  crd,
  deployment,
  namespaceOf,
  type ReconcilerBench,
  revisionOf,
  useReconcilerBench,
} from "./reconciler.fixture.ts";
import { createMemoryStateStore } from "./state-store.ts";

describe("when a reconciler works on a real control plane", function () {
  this.timeout(60_000);
  const cluster = useCluster();
  const bench = useReconcilerBench(cluster);
  let { apps, agentNamespace, dir, create, last, reaches, reachesHealthy, exists, read } =
    {} as ReconcilerBench;
  beforeEach(() => {
    ({ apps, agentNamespace, dir, create, last, reaches, reachesHealthy, exists, read } = bench());
  });

  it("applies namespace, CRD, custom resource, Deployment, ConfigMap and Secret in one go", async () => {
    const reconciler = create();
    await reconciler.start();
    const documents: KubeObject[] = [
      deployment(apps, "web"),
      {
        apiVersion: "test.rciots.dev/v1",
        kind: "Gadget",
        metadata: { name: "one", namespace: apps },
        spec: { size: 3 },
      },
      configMap(apps, "settings"),
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "keys", namespace: apps },
        stringData: { key: "value" },
      },
      crd("gadgets", "Gadget"),
      namespaceOf(apps),
    ];
    await reconciler.setDesired(revisionOf(1, documents));
    const progressing = await reaches("progressing", 1);
    assert.match(progressing.message ?? "", /^Deployment apps-\d+\/web: /);
    await reachesHealthy(1);
    const gadget = await read(`/apis/test.rciots.dev/v1/namespaces/${apps}/gadgets/one`);
    assert.deepEqual(gadget["spec"], { size: 3 });
    const parent = await read(`/api/v1/namespaces/${agentNamespace}/configmaps/rciots-agent`);
    const id = parent.metadata.labels?.["applyset.kubernetes.io/id"];
    const { metadata } = gadget;
    assert.equal(metadata.labels?.["applyset.kubernetes.io/part-of"], id);
    assert.match(
      parent.metadata.annotations?.["applyset.kubernetes.io/contains-group-kinds"] ?? "",
      /Deployment\.apps/,
    );
  });

  it("prunes what a revision no longer holds, and nothing of a person's that carries the same label", async () => {
    const reconciler = create();
    await reconciler.setDesired(
      revisionOf(1, [
        namespaceOf(apps),
        configMap(apps, "stays"),
        configMap(apps, "goes"),
        crd("cogs", "Cog"),
      ]),
    );
    await reaches("healthy", 1);
    const mine = await read(`/api/v1/namespaces/${apps}/configmaps/goes`);
    const theirs = {
      ...configMap(apps, "theirs"),
      metadata: { name: "theirs", namespace: apps, labels: mine.metadata.labels },
    };
    await cluster().kubectl(["create", "-f", "-"], JSON.stringify(theirs));

    await reconciler.setDesired(revisionOf(2, [namespaceOf(apps), configMap(apps, "stays")]));
    await reaches("healthy", 2);
    await eventually(async () => {
      assert.ok(!(await exists(`/api/v1/namespaces/${apps}/configmaps/goes`)));
      assert.ok(
        !(await exists("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/cogs.test.rciots.dev")),
      );
    });
    assert.ok(await exists(`/api/v1/namespaces/${apps}/configmaps/theirs`));
    assert.ok(await exists(`/api/v1/namespaces/${apps}/configmaps/stays`));
    const pruned = last().objects.filter(({ applied }) => applied === "pruned");
    assert.deepEqual(pruned.map(({ name }) => name).sort(), ["cogs.test.rciots.dev", "goes"]);
  });

  it("keeps a namespace and a CRD that hold what no revision applied, and says so", async () => {
    const reconciler = create();
    await reconciler.setDesired(
      revisionOf(1, [namespaceOf(apps), configMap(apps, "ours"), crd("wheels", "Wheel")]),
    );
    await reaches("healthy", 1);
    await cluster().kubectl(["-n", apps, "create", "configmap", "theirs"]);
    const wheel = {
      apiVersion: "test.rciots.dev/v1",
      kind: "Wheel",
      metadata: { name: "theirs", namespace: "default" },
    };
    await cluster().kubectl(["create", "-f", "-"], JSON.stringify(wheel));

    await reconciler.setDesired(null);
    const report = await reaches("healthy", 0);
    await eventually(async () => assert.ok(!(await exists(`/api/v1/namespaces/${apps}/configmaps/ours`))));
    assert.ok(await exists(`/api/v1/namespaces/${apps}/configmaps/theirs`));
    assert.ok(await exists("/apis/test.rciots.dev/v1/namespaces/default/wheels/theirs"));
    void report;
    await eventually(() => {
      const kept = last().objects.filter(({ message }) => message?.startsWith("kept: it holds"));
      assert.deepEqual(kept.map(({ kind }) => kind).sort(), ["CustomResourceDefinition", "Namespace"]);
      assert.match(
        kept.find(({ kind }) => kind === "Namespace")?.message ?? "",
        /ConfigMap apps-\d+\/theirs/,
      );
    });
  });

  it("never deletes a namespace that was there before it", async () => {
    await cluster().kubectl(["create", "namespace", apps]);
    const reconciler = create();
    await reconciler.setDesired(revisionOf(1, [namespaceOf(apps), configMap(apps, "ours")]));
    await reaches("healthy", 1);
    await reconciler.setDesired(revisionOf(2, []));
    await reaches("healthy", 2);
    await eventually(async () => assert.ok(!(await exists(`/api/v1/namespaces/${apps}/configmaps/ours`))));
    const { status } = (await read(`/api/v1/namespaces/${apps}`)) as unknown as { status: { phase: string } };
    assert.equal(status.phase, "Active");
  });

  it("puts back what is edited, relabelled or deleted by hand, within seconds", async () => {
    const reconciler = create();
    await reconciler.setDesired(
      revisionOf(1, [namespaceOf(apps), configMap(apps, "settings"), deployment(apps, "web")]),
    );
    await reachesHealthy(1);
    const { kubectl } = cluster();
    const patch = (kind: string, name: string, change: unknown) =>
      kubectl(["-n", apps, "patch", kind, name, "--type=merge", "-p", JSON.stringify(change)]);
    const path = `/api/v1/namespaces/${apps}/configmaps/settings`;

    await patch("configmap", "settings", { data: { a: "changed" } });
    await eventually(async () => assert.deepEqual((await read(path))["data"], { a: "1" }));
    await patch("configmap", "settings", {
      metadata: { labels: { "applyset.kubernetes.io/part-of": null } },
    });
    await eventually(async () => {
      const { metadata } = await read(path);
      assert.ok(metadata.labels?.["applyset.kubernetes.io/part-of"]);
    });
    await kubectl(["-n", apps, "delete", "configmap", "settings"]);
    await eventually(() => read(path));
    await patch("deployment", "web", { spec: { replicas: 4 } });
    await eventually(async () => {
      const web = await read(`/apis/apps/v1/namespaces/${apps}/deployments/web`);
      assert.equal((web["spec"] as { replicas: number }).replicas, 1);
    });
  });

  it("leaves alone what others add and this agent does not own", async () => {
    const reconciler = create();
    await reconciler.setDesired(revisionOf(1, [namespaceOf(apps), configMap(apps, "settings")]));
    await reaches("healthy", 1);
    const { kubectl } = cluster();
    await kubectl(["-n", apps, "annotate", "configmap", "settings", "note=theirs"]);
    await kubectl([
      "-n",
      apps,
      "patch",
      "configmap",
      "settings",
      "--type=merge",
      "-p",
      '{"data":{"a":"x","b":"theirs"}}',
    ]);
    await eventually(async () => {
      const object = await read(`/api/v1/namespaces/${apps}/configmaps/settings`);
      assert.deepEqual(object["data"], { a: "1", b: "theirs" });
      assert.equal(object.metadata.annotations?.["note"], "theirs");
    });
  });

  it("names a broken object with the API server's words and applies the rest", async () => {
    const reconciler = create();
    const broken = deployment(apps, "broken");
    (broken["spec"] as { selector: unknown }).selector = { matchLabels: { app: "another" } };
    await reconciler.setDesired(revisionOf(1, [namespaceOf(apps), configMap(apps, "fine"), broken]));
    const report = await reaches("failed", 1);
    assert.match(
      report.message ?? "",
      /Deployment apps-\d+\/broken: .*`selector` does not match template `labels`/,
    );
    const status = report.objects.find(({ name }) => name === "broken");
    assert.equal(status?.applied, "failed");
    assert.match(status?.message ?? "", /is invalid: spec\.template\.metadata\.labels/);
    assert.ok(await exists(`/api/v1/namespaces/${apps}/configmaps/fine`));
    assert.equal(report.runningRevision, undefined);
  });

  it("goes back to the last good revision when the deadline passes, and stays there until a newer one", async () => {
    const reconciler = create();
    await reconciler.setDesired(
      revisionOf(1, [namespaceOf(apps), configMap(apps, "settings"), configMap(apps, "old")]),
    );
    await reaches("healthy", 1);
    const second = revisionOf(
      2,
      [namespaceOf(apps), configMap(apps, "settings", { a: "2" }), deployment(apps, "web")],
      1_500,
    );
    await reconciler.setDesired(second);
    const report = await reaches("rolled_back", 2);
    assert.equal(report.runningRevision, 1);
    assert.match(
      report.message ?? "",
      /revision 2 failed: not healthy after 2 s: Deployment apps-\d+\/web: 0 of 1 replicas available/,
    );
    assert.ok(bench().reports.some(({ state, revision }) => state === "failed" && revision === 2));
    await eventually(async () => {
      assert.ok(!(await exists(`/apis/apps/v1/namespaces/${apps}/deployments/web`)));
      assert.ok(await exists(`/api/v1/namespaces/${apps}/configmaps/old`));
      assert.deepEqual((await read(`/api/v1/namespaces/${apps}/configmaps/settings`))["data"], { a: "1" });
    });

    await reconciler.setDesired(second);
    await reconciler.stop();
    const restarted = create();
    await restarted.start();
    await reaches("rolled_back", 2);
    assert.equal(restarted.status().running?.revision, 1);

    await restarted.setDesired(revisionOf(3, [namespaceOf(apps), configMap(apps, "settings", { a: "3" })]));
    await reaches("healthy", 3);
    assert.deepEqual((await read(`/api/v1/namespaces/${apps}/configmaps/settings`))["data"], { a: "3" });
  });

  it("goes back to the revision before when asked", async () => {
    const reconciler = create();
    await assert.rejects(reconciler.rollback({ reason: "asked" }), { code: "no_good_revision" });
    await reconciler.setDesired(revisionOf(1, [namespaceOf(apps), configMap(apps, "settings", { a: "1" })]));
    await reaches("healthy", 1);
    await reconciler.setDesired(revisionOf(2, [namespaceOf(apps), configMap(apps, "settings", { a: "2" })]));
    await reaches("healthy", 2);
    assert.equal((await reconciler.rollback({ reason: "asked by an operator" })).revision, 1);
    const report = await reaches("rolled_back", 2);
    assert.match(report.message ?? "", /asked by an operator/);
    await eventually(async () => {
      assert.deepEqual((await read(`/api/v1/namespaces/${apps}/configmaps/settings`))["data"], { a: "1" });
    });
  });

  it("leaves nothing for kubectl diff to show", async () => {
    const reconciler = create();
    const documents = [
      namespaceOf(apps),
      configMap(apps, "settings"),
      crd("levers", "Lever"),
      {
        apiVersion: "test.rciots.dev/v1",
        kind: "Lever",
        metadata: { name: "one", namespace: apps },
        spec: { size: 3 },
      },
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "web", namespace: apps },
        spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] },
      },
    ];
    await reconciler.setDesired(revisionOf(1, documents));
    await reaches("healthy", 1);
    const stream = documents.map((document) => JSON.stringify(document)).join("\n---\n");
    assert.equal(await cluster().kubectl(["diff", "-f", "-"], stream), "");
    assert.equal(await cluster().kubectl(["diff", "--server-side", "-f", "-"], stream), "");
  });

  it("finds the inventory of an agent that lost its folder, and prunes by it", async () => {
    const first = create();
    await first.setDesired(
      revisionOf(1, [namespaceOf(apps), configMap(apps, "stays"), configMap(apps, "goes")]),
    );
    await reaches("healthy", 1);
    await first.stop();
    await rm(dir, { recursive: true });
    const second = create();
    await second.setDesired(revisionOf(2, [namespaceOf(apps), configMap(apps, "stays")]));
    await reaches("healthy", 2);
    await eventually(async () => assert.ok(!(await exists(`/api/v1/namespaces/${apps}/configmaps/goes`))));
    assert.ok(await exists(`/api/v1/namespaces/${apps}/configmaps/stays`));
  });

  it("deletes everything it applied when it is decommissioned", async () => {
    const reconciler = create();
    await reconciler.setDesired(
      revisionOf(1, [
        namespaceOf(apps),
        configMap(apps, "settings"),
        deployment(apps, "web"),
        crd("bolts", "Bolt"),
      ]),
    );
    await reachesHealthy(1);
    const result = await reconciler.decommission({ wipe: true });
    assert.deepEqual(result.left, []);
    assert.equal(result.deleted, 4);
    assert.ok(!(await exists(`/api/v1/namespaces/${apps}`)));
    assert.ok(
      !(await exists("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/bolts.test.rciots.dev")),
    );
    assert.ok(!(await exists(`/api/v1/namespaces/${agentNamespace}/configmaps/rciots-agent`)));
  });

  it("puts back the text of a Secret that was changed by hand", async () => {
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "keys", namespace: apps },
      stringData: { key: "ours" },
    };
    const reconciler = create();
    await reconciler.setDesired(revisionOf(1, [namespaceOf(apps), secret]));
    await reaches("healthy", 1);
    await cluster().kubectl([
      "-n",
      apps,
      "patch",
      "secret",
      "keys",
      "--type=merge",
      "-p",
      '{"stringData":{"key":"theirs"}}',
    ]);
    await eventually(async () => {
      const { data } = (await read(`/api/v1/namespaces/${apps}/secrets/keys`)) as unknown as {
        data: { key: string };
      };
      assert.equal(Buffer.from(data.key, "base64").toString(), "ours");
    });
  });

  it("keeps what says that it is not to be pruned, for as long as it says so", async () => {
    const reconciler = create({ driftIntervalMs: 200 });
    const precious = configMap(apps, "precious");
    precious.metadata.annotations = { "rciots.dev/prune": "disabled" };
    await reconciler.setDesired(revisionOf(1, [namespaceOf(apps), precious, configMap(apps, "goes")]));
    await reaches("healthy", 1);
    await reconciler.setDesired(revisionOf(2, [namespaceOf(apps)]));
    await reaches("healthy", 2);
    await eventually(async () => assert.ok(!(await exists(`/api/v1/namespaces/${apps}/configmaps/goes`))));
    assert.ok(await exists(`/api/v1/namespaces/${apps}/configmaps/precious`));
    await cluster().kubectl(["-n", apps, "annotate", "configmap", "precious", "rciots.dev/prune-"]);
    await eventually(async () =>
      assert.ok(!(await exists(`/api/v1/namespaces/${apps}/configmaps/precious`))),
    );
  });

  it("leaves alone what a person made anew under the name of something it had applied", async () => {
    const first = create();
    await first.setDesired(revisionOf(1, [namespaceOf(apps), configMap(apps, "map")]));
    await reaches("healthy", 1);
    const { metadata } = await read(`/api/v1/namespaces/${apps}/configmaps/map`);
    await first.stop();
    await cluster().kubectl(["-n", apps, "delete", "configmap", "map"]);
    const theirs = {
      ...configMap(apps, "map"),
      metadata: { name: "map", namespace: apps, labels: metadata.labels },
    };
    await cluster().kubectl(["create", "-f", "-"], JSON.stringify(theirs));
    // Without its folder it does not first put revision 1 back, which would make the object its own again.
    const second = create({ state: createMemoryStateStore() });
    await second.setDesired(revisionOf(2, [namespaceOf(apps)]));
    await reaches("healthy", 2);
    assert.ok(await exists(`/api/v1/namespaces/${apps}/configmaps/map`));
  });

  it("asks nothing of an API server where nothing happens", async () => {
    const { kube } = bench();
    let calls = 0;
    const counted = Object.fromEntries(
      Object.entries(kube).map(([name, method]) => [
        name,
        (...given: unknown[]) => {
          calls += 1;
          return (method as (...args: unknown[]) => unknown)(...given);
        },
      ]),
    ) as unknown as Cluster;
    const reconciler = create({ cluster: counted });
    await reconciler.setDesired(
      revisionOf(1, [namespaceOf(apps), configMap(apps, "map"), deployment(apps, "web")]),
    );
    await reachesHealthy(1);
    await eventually(() =>
      assert.ok(Object.values(reconciler.status().watches).every((mode) => mode === "watching")),
    );
    // Quiet for a whole second, once the controllers are done with the Deployment.
    await eventually(async () => {
      const before = calls;
      await delay(1_000);
      assert.equal(calls - before, 0);
    });
  });

  it("derives the id of its set as kubectl does", async () => {
    await cluster().kubectl(["create", "namespace", agentNamespace]);
    await runKubectlApplySet(cluster(), agentNamespace, configMap(agentNamespace, "member"));
    const { metadata } = await read(`/api/v1/namespaces/${agentNamespace}/configmaps/rciots-agent`);
    const id = applySetId({ namespace: agentNamespace, name: "rciots-agent" });
    assert.equal(metadata.labels?.["applyset.kubernetes.io/id"], id);
  });
});

/** ApplySets are an alpha feature of kubectl, switched on by its environment. */
function runKubectlApplySet(
  { binaries, kubeconfigPath }: TestCluster,
  namespace: string,
  object: KubeObject,
): Promise<void> {
  const args = [
    "--kubeconfig",
    kubeconfigPath,
    "-n",
    namespace,
    "apply",
    "--prune",
    "--applyset=configmap/rciots-agent",
    "-f",
    "-",
  ];
  const env = { ...process.env, KUBECTL_APPLYSET: "true" };
  return new Promise((resolve, reject) => {
    const child = execFile(binaries.kubectl, args, { env }, (error, _stdout, stderr) => {
      if (error) reject(new Error(stderr, { cause: error }));
      else resolve();
    });
    child.stdin?.end(JSON.stringify(object));
  });
}
