import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@rciots/runtime";
import type { TestCluster } from "../../../test/cluster/cluster.ts";
import { eventually, runPods } from "../../../test/cluster/fixture.ts";
import type { Cluster, KubeObject } from "../kube/cluster.ts";
import { createKubeCluster } from "../kube/kube-cluster.ts";
import { createReconciler, type Reconciler, type ReconcilerOptions } from "./reconciler.ts";
import type { DesiredRevision, RevisionReport } from "./revision.ts";
import { createFileStateStore } from "./state-store.ts";

/** Objects and a bench for the tests of the reconciler; no part of the agent. */

export const namespaceOf = (name: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name },
});

export const configMap = (
  namespace: string,
  name: string,
  data: Record<string, string> = { a: "1" },
): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace },
  data,
});

export const deployment = (namespace: string, name: string, replicas = 1): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: "main", image: "example.invalid/main:1" }] },
    },
  },
});

export const crd = (plural: string, kind: string, properties: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.test.rciots.dev` },
  spec: {
    group: "test.rciots.dev",
    scope: "Namespaced",
    names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: { type: "object", properties: { size: { type: "integer" }, ...properties } },
            },
          },
        },
      },
    ],
  },
});

export function revisionOf(revision: number, documents: KubeObject[], deadlineMs = 60_000): DesiredRevision {
  const text = documents.map((document) => JSON.stringify(document)).join("\n");
  return { revision, digest: createHash("sha256").update(text).digest("hex"), documents, deadlineMs };
}

/** What a test works with; namespaces, folder and reports are its own. */
export interface ReconcilerBench {
  readonly agentNamespace: string;
  readonly apps: string;
  readonly dir: string;
  readonly reports: RevisionReport[];
  readonly kube: Cluster;
  create(overrides?: Partial<ReconcilerOptions>): Reconciler;
  last(): RevisionReport;
  reaches(state: RevisionReport["state"], revision: number, timeoutMs?: number): Promise<RevisionReport>;
  /** Healthy with Pods: there is no kubelet, so the bench says that they run. */
  reachesHealthy(revision: number, timeoutMs?: number): Promise<RevisionReport>;
  exists(path: string): Promise<boolean>;
  read(path: string): Promise<KubeObject>;
}

/** Call it inside `describe`; the bench is made anew for each test. */
export function useReconcilerBench(cluster: () => TestCluster): () => ReconcilerBench {
  let kube: Cluster | undefined;
  let bench: ReconcilerBench | undefined;
  let reconcilers: Reconciler[] = [];
  let run = 0;
  beforeEach(async () => {
    kube ??= createKubeCluster({ kubeconfig: { path: cluster().kubeconfigPath } });
    const dir = await mkdtemp(join(tmpdir(), "rciots-reconcile-"));
    reconcilers = [];
    run += 1;
    const names = { agentNamespace: `agent-${run}`, apps: `apps-${run}` };
    bench = createBench({
      ...names,
      dir,
      kube,
      cluster: cluster(),
      onCreate: (made) => reconcilers.push(made),
    });
  });
  afterEach(async () => {
    for (const reconciler of reconcilers) await reconciler.stop();
    if (bench) await rm(bench.dir, { recursive: true, force: true });
  });
  after(() => kube?.close());
  return () => {
    if (!bench) throw new Error("no test is running");
    return bench;
  };
}

interface BenchInputs extends Pick<ReconcilerBench, "agentNamespace" | "apps" | "dir" | "kube"> {
  readonly cluster: TestCluster;
  readonly onCreate: (reconciler: Reconciler) => void;
}

function createBench({ agentNamespace, apps, dir, kube, cluster, onCreate }: BenchInputs): ReconcilerBench {
  const reports: RevisionReport[] = [];
  const last = (): RevisionReport => {
    const report = reports.at(-1);
    assert.ok(report, "no report yet");
    return report;
  };
  const assertLast = (state: string, revision: number): RevisionReport => {
    const report = last();
    const short = JSON.stringify({ ...report, objects: report.objects.slice(0, 5) });
    assert.deepEqual([report.state, report.revision], [state, revision], short.slice(0, 2_000));
    return report;
  };
  return {
    agentNamespace,
    apps,
    dir,
    reports,
    kube,
    last,
    create: (overrides = {}) => {
      const reconciler = createReconciler({
        cluster: kube,
        state: createFileStateStore({ dir }),
        deviceId: "dev_test",
        agentVersion: "0.1.0",
        namespace: agentNamespace,
        logger: silentLogger,
        onReport: (report) => reports.push(report),
        ...overrides,
      });
      onCreate(reconciler);
      return reconciler;
    },
    reaches: (state, revision, timeoutMs) => eventually(() => assertLast(state, revision), timeoutMs),
    reachesHealthy: (revision, timeoutMs) =>
      eventually(async () => {
        await runPods(cluster, apps);
        return assertLast("healthy", revision);
      }, timeoutMs),
    exists: async (path) => (await cluster.request({ path })).status === 200,
    read: async (path) => {
      const { status, text } = await cluster.request({ path });
      assert.equal(status, 200, text);
      return JSON.parse(text) as KubeObject;
    },
  };
}
