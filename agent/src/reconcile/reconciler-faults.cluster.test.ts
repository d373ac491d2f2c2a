import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually, useCluster } from "../../../test/cluster/fixture.ts";
import type { KubeObject } from "../kube/cluster.ts";
import { createKubeCluster } from "../kube/kube-cluster.ts";
import {
  configMap,
  crd,
  namespaceOf,
  type ReconcilerBench,
  revisionOf,
  useReconcilerBench,
} from "./reconciler.fixture.ts";

const many = (namespace: string, count: number, bytes: number, mark = "x"): KubeObject[] =>
  Array.from({ length: count }, (_, index) =>
    configMap(namespace, `map-${index}`, { text: mark.repeat(bytes) }),
  );

describe("when things go wrong around a reconciler", function () {
  this.timeout(120_000);
  const cluster = useCluster();
  const bench = useReconcilerBench(cluster);
  let { apps, agentNamespace, dir, create, last, reaches, exists, read } = {} as ReconcilerBench;
  beforeEach(() => {
    ({ apps, agentNamespace, dir, create, last, reaches, exists, read } = bench());
  });
  const countMaps = async (): Promise<number> => {
    const { text } = await cluster().request({ path: `/api/v1/namespaces/${apps}/configmaps` });
    const { items } = JSON.parse(text) as { items: KubeObject[] };
    return items.filter(({ metadata }) => metadata.name.startsWith("map-")).length;
  };

  it("takes 1,500 objects of 5 MB, and sends only what changed when a newer revision comes", async () => {
    const reconciler = create();
    const documents = [namespaceOf(apps), ...many(apps, 1_500, 3_350)];
    assert.ok(documents.map((document) => JSON.stringify(document)).join("\n").length > 5_000_000);
    const startedMs = Date.now();
    await reconciler.setDesired(revisionOf(1, documents));
    await reaches("healthy", 1, 90_000);
    const firstMs = Date.now() - startedMs;
    assert.equal(await countMaps(), 1_500);

    const changed = [...documents.slice(0, -1), configMap(apps, "map-1499", { text: "changed" })];
    const changedMs = Date.now();
    await reconciler.setDesired(revisionOf(2, changed));
    const report = await reaches("healthy", 2);
    const secondMs = Date.now() - changedMs;
    assert.deepEqual(
      report.objects.filter(({ applied }) => applied === "applied").map(({ name }) => name),
      ["map-1499"],
    );
    console.log(`      1,500 objects: ${firstMs} ms; one of them changed: ${secondMs} ms`);
    assert.ok(secondMs < firstMs / 2, `${secondMs} ms against ${firstMs} ms`);
  });

  it("takes a CRD of 300 KB", async () => {
    const reconciler = create();
    const properties = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, index) => [
        `field${index}`,
        { type: "string", description: "d".repeat(270) },
      ]),
    );
    const large = crd("giants", "Giant", properties);
    assert.ok(JSON.stringify(large).length > 300_000);
    const giant = {
      apiVersion: "test.rciots.dev/v1",
      kind: "Giant",
      metadata: { name: "one", namespace: apps },
      spec: { size: 1 },
    };
    await reconciler.setDesired(revisionOf(1, [giant, large, namespaceOf(apps)]));
    await reaches("healthy", 1);
  });

  it("goes on by itself after kill -9 of the API server in the middle of an apply", async () => {
    const reconciler = create();
    await reconciler.setDesired(revisionOf(1, [namespaceOf(apps), ...many(apps, 400, 500)]));
    await eventually(async () => assert.ok((await countMaps()) > 50));
    await cluster().kill("apiserver");
    await eventually(() => assert.equal(reconciler.status().reachable, false), 30_000);
    assert.notEqual(last().state, "failed");
    await cluster().restart("apiserver");
    await reaches("healthy", 1, 60_000);
    assert.equal(await countMaps(), 400);
    // Its watches are back as well.
    await cluster().kubectl(["-n", apps, "delete", "configmap", "map-7"]);
    await eventually(() => read(`/api/v1/namespaces/${apps}/configmaps/map-7`), 40_000);
  });

  it("goes to the newest revision when one comes in the middle of an apply", async () => {
    const reconciler = create();
    await reconciler.setDesired(revisionOf(1, [namespaceOf(apps), ...many(apps, 600, 500)]));
    await eventually(async () => assert.ok((await countMaps()) > 20));
    await reconciler.setDesired(revisionOf(2, [namespaceOf(apps), ...many(apps, 700, 10)]));
    await reconciler.setDesired(revisionOf(3, [namespaceOf(apps), ...many(apps, 10, 10)]));
    await reaches("healthy", 3, 60_000);
    await eventually(async () => assert.equal(await countMaps(), 10));
    assert.ok(!bench().reports.some(({ revision, state }) => revision < 3 && state === "healthy"));
  });

  it("applies an object whose kind appears only later", async () => {
    const reconciler = create();
    const late = {
      apiVersion: "test.rciots.dev/v1",
      kind: "Late",
      metadata: { name: "one" },
      spec: { size: 1 },
    };
    await reconciler.setDesired(revisionOf(1, [namespaceOf(apps), configMap(apps, "map-0"), late]));
    await eventually(() => assert.match(last().message ?? "", /Late one: no matches for kind "Late"/));
    await cluster().kubectl(["create", "-f", "-"], JSON.stringify(crd("lates", "Late")));
    await reaches("healthy", 1, 40_000);
    assert.ok(await exists("/apis/test.rciots.dev/v1/namespaces/default/lates/one"));
  });

  it("corrects drift by polling and blindly where its account may not watch or list", async () => {
    const kubeconfig = await cluster().createServiceAccountKubeconfig({
      namespace: agentNamespace,
      name: "agent",
    });
    const grant = (name: string, rules: unknown[]) => ({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: `${name}-${apps}` },
      rules,
    });
    const all = ["get", "create", "patch", "delete", "update"];
    const role = grant("limited", [
      { apiGroups: [""], resources: ["configmaps"], verbs: [...all, "list"] },
      { apiGroups: [""], resources: ["namespaces", "secrets"], verbs: all },
    ]);
    const binding = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: `limited-${apps}` },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role.metadata.name },
      subjects: [{ kind: "ServiceAccount", name: "agent", namespace: agentNamespace }],
    };
    await cluster().kubectl(
      ["create", "-f", "-"],
      [role, binding].map((object) => JSON.stringify(object)).join("\n"),
    );
    const limited = createKubeCluster({ kubeconfig: { path: kubeconfig } });
    const reconciler = create({ cluster: limited, driftIntervalMs: 1_000 });
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "keys", namespace: apps },
      stringData: { key: "1" },
    };
    await reconciler.setDesired(revisionOf(1, [namespaceOf(apps), configMap(apps, "map-0"), secret]));
    await reaches("healthy", 1);
    await eventually(() => {
      assert.deepEqual(reconciler.status().watches, {
        "v1/Namespace": "blind",
        "v1/ConfigMap": "polling",
        "v1/Secret": "blind",
      });
    });
    await cluster().kubectl(["-n", apps, "delete", "configmap/map-0", "secret/keys"]);
    await eventually(async () => {
      await read(`/api/v1/namespaces/${apps}/configmaps/map-0`);
      await read(`/api/v1/namespaces/${apps}/secrets/keys`);
    });
    await reconciler.stop();
    limited.close();
  });

  it("sees drift at once where its account may look into single namespaces only", async () => {
    const kubeconfig = await cluster().createServiceAccountKubeconfig({
      namespace: agentNamespace,
      name: "agent",
    });
    const other = `${apps}-other`;
    const account = `${agentNamespace}:agent`;
    for (const namespace of [apps, other]) {
      await cluster().kubectl(["create", "namespace", namespace]);
      const bind = ["create", "rolebinding", "agent", "--clusterrole=admin", `--serviceaccount=${account}`];
      await cluster().kubectl(["-n", namespace, ...bind]);
    }
    const own = ["create", "rolebinding", "agent", "--clusterrole=edit", `--serviceaccount=${account}`];
    await cluster().kubectl(["-n", agentNamespace, ...own]);
    const limited = createKubeCluster({ kubeconfig: { path: kubeconfig } });
    const reconciler = create({ cluster: limited, driftIntervalMs: 600_000 });
    await reconciler.setDesired(revisionOf(1, [configMap(apps, "map-0"), configMap(other, "map-1")]));
    await reaches("healthy", 1);
    await eventually(() => assert.deepEqual(reconciler.status().watches, { "v1/ConfigMap": "watching" }));
    await cluster().kubectl(["-n", apps, "delete", "configmap/map-0"]);
    await eventually(() => read(`/api/v1/namespaces/${apps}/configmaps/map-0`));
    await cluster().kubectl(["-n", other, "delete", "configmap/map-1"]);
    await eventually(() => read(`/api/v1/namespaces/${other}/configmaps/map-1`));
    await reconciler.stop();
    limited.close();
  });

  describe("and the agent's process is killed with -9", () => {
    let child: ChildProcess | undefined;
    afterEach(() => void child?.kill("SIGKILL"));

    /** Another process with a reconciler of its own on the same folder; it enforces `documents`. */
    const startAgent = async (revision: number, documents: KubeObject[]): Promise<void> => {
      const input = join(dir, "input.json");
      const options = {
        dir,
        agentNamespace,
        kubeconfig: cluster().kubeconfigPath,
        desired: revisionOf(revision, documents),
      };
      await writeFile(input, JSON.stringify(options));
      const program = fileURLToPath(new URL("./reconciler.child.fixture.ts", import.meta.url));
      child = spawn(process.execPath, ["--import", "tsx", program, input], { stdio: "inherit" });
    };
    const kill = async (): Promise<void> => {
      const ended = new Promise((resolve) => child?.once("exit", resolve));
      child?.kill("SIGKILL");
      await ended;
    };

    it("ends in the right state, with nothing lost and nothing pruned that should stay", async () => {
      const first = create();
      const old = [namespaceOf(apps), ...many(apps, 150, 100), configMap(apps, "goes")];
      await first.setDesired(revisionOf(1, old));
      await reaches("healthy", 1);
      await first.stop();

      await startAgent(2, [namespaceOf(apps), ...many(apps, 500, 100)]);
      await eventually(async () => assert.ok((await countMaps()) > 200), 30_000);
      await kill();
      const midway = await countMaps();
      assert.ok(midway < 500, `${midway} objects: the kill came too late to show anything`);
      assert.ok(await exists(`/api/v1/namespaces/${apps}/configmaps/goes`), "pruned before all was applied");

      // The new process knows from its folder alone what to do.
      const second = create();
      await second.start();
      await reaches("healthy", 2, 60_000);
      assert.equal(await countMaps(), 500);
      await eventually(async () => assert.ok(!(await exists(`/api/v1/namespaces/${apps}/configmaps/goes`))));

      // What the killed process had applied but not recorded is pruned like the rest.
      await second.setDesired(revisionOf(3, [namespaceOf(apps)]));
      await reaches("healthy", 3, 60_000);
      await eventually(async () => assert.equal(await countMaps(), 0));
    });

    it("prunes what the killed process had applied, even when its folder is lost too", async () => {
      await startAgent(1, [namespaceOf(apps), ...many(apps, 500, 100)]);
      await eventually(async () => assert.ok((await countMaps()) > 100), 30_000);
      await kill();
      const other = create({ state: (await import("./state-store.ts")).createMemoryStateStore() });
      await other.setDesired(revisionOf(2, [namespaceOf(apps), configMap(apps, "map-0")]));
      await reaches("healthy", 2, 60_000);
      await eventually(async () => assert.equal(await countMaps(), 1));
    });
  });

  it("sets a broken state file aside and does right once the revision is sent again", async () => {
    const first = create();
    await first.setDesired(
      revisionOf(1, [namespaceOf(apps), configMap(apps, "map-0"), configMap(apps, "map-1")]),
    );
    await reaches("healthy", 1);
    await first.stop();
    await writeFile(join(dir, "state.json"), "{ not json");
    await writeFile(join(dir, "inventory.json.gz"), "not gzip");
    const second = create();
    await second.start();
    assert.match(second.status().storeFaults.join(), /state\.json is broken/);
    assert.equal(await countMaps(), 2);
    await second.setDesired(revisionOf(2, [namespaceOf(apps), configMap(apps, "map-0")]));
    await reaches("healthy", 2);
    await eventually(async () => assert.equal(await countMaps(), 1));
    assert.equal(await readFile(join(dir, "state.json.broken"), "utf8"), "{ not json");
  });
});
