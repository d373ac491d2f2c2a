import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { silentLogger } from "@rciots/runtime";
import { eventually } from "../../../test/cluster/fixture.ts";
import type { KubeObject } from "../kube/cluster.ts";
import { KubeError } from "../kube/kube-error.ts";
import { createFakeCluster, type FakeCluster } from "./fake-cluster.fixture.ts";
import { createReconciler, type Reconciler, type ReconcilerOptions } from "./reconciler.ts";
import type { DesiredRevision, RevisionReport } from "./revision.ts";
import { createMemoryStateStore, type StateStore } from "./state-store.ts";

const configMap = (name: string, data = "1"): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "apps" },
  data: { a: data },
});
const deployment: KubeObject = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "apps" },
};

function revisionOf(revision: number, documents: KubeObject[], deadlineMs = 60_000): DesiredRevision {
  const digest = createHash("sha256").update(JSON.stringify(documents)).digest("hex");
  return { revision, digest, documents, deadlineMs };
}

describe("when a reconciler meets faults", () => {
  let cluster: FakeCluster;
  let state: StateStore;
  let reports: RevisionReport[];
  let reconcilers: Reconciler[];

  const create = (overrides: Partial<ReconcilerOptions> = {}): Reconciler => {
    const reconciler = createReconciler({
      cluster,
      state,
      deviceId: "dev_test",
      agentVersion: "0.1.0",
      namespace: "agent",
      logger: silentLogger,
      onReport: (report) => reports.push(report),
      reportIntervalMs: 5,
      healthIntervalMs: 20,
      driftIntervalMs: 100,
      ...overrides,
    });
    reconcilers.push(reconciler);
    return reconciler;
  };
  const reaches = (wanted: RevisionReport["state"], revision: number, timeoutMs?: number) =>
    eventually(() => {
      const report = reports.at(-1);
      assert.deepEqual([report?.state, report?.revision], [wanted, revision], JSON.stringify(report));
      return report as RevisionReport;
    }, timeoutMs);
  const has = (name: string) => cluster.objects.has(`/ConfigMap/apps/${name}`);

  beforeEach(() => {
    [cluster, state, reports, reconcilers] = [createFakeCluster(), createMemoryStateStore(), [], []];
  });
  afterEach(async () => {
    for (const reconciler of reconcilers) await reconciler.stop();
  });

  it("lists an object in the inventory before it is sent for the first time", async () => {
    const order: string[] = [];
    cluster.before = (method, { name }) => void (method === "apply" && order.push(name ?? ""));
    await create().setDesired(revisionOf(1, [configMap("a")]));
    await reaches("healthy", 1);
    assert.deepEqual(order.slice(0, 2), ["rciots-agent", "a"]);
  });

  it("sends nothing while the inventory can't be stored, says why, and fails by the deadline", async () => {
    cluster.before = (method, { name }) => {
      if (method !== "apply" || name !== "rciots-agent") return;
      throw new KubeError({ status: 403, reason: "Forbidden", message: "cannot patch configmaps" });
    };
    await create().setDesired(revisionOf(1, [configMap("a")], 600));
    const report = await reaches("failed", 1);
    assert.match(report.message ?? "", /not healthy after 1 s: cannot patch configmaps/);
    assert.ok(!has("a"));
  });

  it("does not count the time without an API server against the deadline", async () => {
    cluster.down = true;
    let nowMs = 0;
    const reconciler = create({ nowMs: () => nowMs });
    await reconciler.setDesired(revisionOf(1, [configMap("a")], 1_000));
    await eventually(() => assert.equal(reconciler.status().reachable, false));
    nowMs += 3_600_000;
    cluster.down = false;
    await reaches("healthy", 1);
    assert.ok(!reports.some((report) => report.state === "failed"));
  });

  it("counts the time of earlier processes against the deadline", async () => {
    let nowMs = 0;
    // Without watches the Deployment's health is looked at every 20 ms.
    cluster.before = (method) => {
      if (method === "watch")
        throw new KubeError({ status: 405, reason: "MethodNotAllowed", message: "no watches" });
    };
    const first = create({ nowMs: () => nowMs });
    await first.setDesired(revisionOf(1, [deployment], 60_000));
    await reaches("progressing", 1);
    nowMs += 50_000;
    await eventually(async () => {
      const stored = JSON.parse(String(await state.read("state.json"))) as { spentMs: number };
      assert.ok(stored.spentMs >= 50_000);
    });
    await first.stop();
    const second = create({ nowMs: () => nowMs });
    await second.start();
    await reaches("progressing", 1);
    nowMs += 15_000;
    await reaches("failed", 1);
  });

  it("calls a healthy device degraded when its API server stays away, and healthy again after", async () => {
    let nowMs = 0;
    await create({ nowMs: () => nowMs }).setDesired(revisionOf(1, [configMap("a")]));
    await reaches("healthy", 1);
    const second = create({ nowMs: () => nowMs });
    cluster.down = true;
    await second.start();
    await eventually(() => assert.equal(second.status().reachable, false));
    nowMs += 31_000;
    assert.match((await reaches("degraded", 1)).message ?? "", /can't be reached: connect ECONNREFUSED/);
    cluster.down = false;
    await reaches("healthy", 1);
  });

  it("prunes nothing while an object of the new revision is refused", async () => {
    const reconciler = create();
    await reconciler.setDesired(revisionOf(1, [configMap("old")]));
    await reaches("healthy", 1);
    let refused = 0;
    cluster.before = (method, { name }) => {
      if (method !== "apply" || name !== "new") return;
      refused += 1;
      throw new KubeError({ status: 500, reason: "InternalError", message: "failed calling webhook" });
    };
    await reconciler.setDesired(revisionOf(2, [configMap("new")]));
    await eventually(() => assert.ok(refused >= 3));
    assert.ok(has("old"));
    assert.match(reports.at(-1)?.message ?? "", /ConfigMap apps\/new: failed calling webhook/);
    cluster.before = () => undefined;
    await reaches("healthy", 2);
    assert.ok(!has("old"));
  });

  it("finishes the request in flight when it is stopped, and begins no other", async () => {
    const begun: string[] = [];
    let release: () => void = () => undefined;
    cluster.before = (method, { kind, name = "" }) => {
      if (method !== "apply" || name === "rciots-agent" || kind !== "ConfigMap") return undefined;
      begun.push(name);
      return new Promise<void>((resolve) => (release = resolve));
    };
    const reconciler = create({ concurrency: 1 });
    await reconciler.setDesired(revisionOf(1, [configMap("a"), configMap("b")]));
    await eventually(() => assert.deepEqual(begun, ["a"]));
    const stopped = reconciler.stop();
    release();
    await stopped;
    assert.deepEqual([begun, has("a"), has("b")], [["a"], true, false]);
  });

  it("does not take a revision that it could not store", async () => {
    const reconciler = create({ state: { ...state, write: () => Promise.reject(new Error("ENOSPC")) } });
    await assert.rejects(reconciler.setDesired(revisionOf(1, [configMap("a")])), /ENOSPC/);
    assert.equal(reconciler.status().desired, undefined);
    assert.ok(!has("a"));
  });

  it("refuses a revision that is malformed or too large", async () => {
    const reconciler = create();
    const good = revisionOf(1, []);
    for (const change of [{ digest: "../../x" }, { revision: -1 }, { deadlineMs: Number.NaN }]) {
      await assert.rejects(reconciler.setDesired({ ...good, ...change }), { code: "revision_invalid" });
    }
    const documents = Array.from({ length: 5_001 }, (_, index) => configMap(String(index)));
    await assert.rejects(reconciler.setDesired({ ...good, documents }), { code: "revision_too_large" });
  });

  it("waits for the platform to send a revision again whose objects were lost, and prunes nothing meanwhile", async () => {
    const first = create();
    const revision = revisionOf(1, [configMap("a")]);
    await first.setDesired(revision);
    await reaches("healthy", 1);
    await first.stop();
    await state.remove(`documents-${revision.digest}.ndjson.gz`);
    const second = create();
    await second.start();
    await eventually(() => assert.equal(second.status().desired, undefined));
    assert.ok(has("a"));
    await second.setDesired(revision);
    await reaches("healthy", 1);
  });

  it("names a document that is not fit to be sent, applies the rest and gives the revision up", async () => {
    const odd = { apiVersion: "v1", kind: "ConfigMap" } as unknown as KubeObject;
    await create().setDesired(revisionOf(1, [configMap("a"), odd]));
    const report = await reaches("failed", 1);
    assert.match(report.message ?? "", /ConfigMap \(document 2\): its metadata is missing/);
    assert.ok(has("a"));
  });

  it("sends the same revision only once, however often it is set", async () => {
    let applies = 0;
    cluster.before = (method, { name }) => void (method === "apply" && name === "a" && (applies += 1));
    const reconciler = create();
    const revision = revisionOf(1, [configMap("a")]);
    await Promise.all(Array.from({ length: 10 }, () => reconciler.setDesired(revision)));
    await reaches("healthy", 1);
    assert.equal(applies, 1);
  });

  it("leaves what it can't delete when it is decommissioned, and says what that is", async () => {
    const reconciler = create();
    await reconciler.setDesired(revisionOf(1, [configMap("a"), configMap("b")]));
    await reaches("healthy", 1);
    cluster.before = (method, { name }) => {
      if (method !== "delete" || name !== "a") return;
      throw new KubeError({ status: 403, reason: "Forbidden", message: "cannot delete" });
    };
    const result = await reconciler.decommission({ wipe: true, timeoutMs: 500 });
    assert.deepEqual(
      result.left.map(({ ref, message }) => [ref.name, message]),
      [["a", "cannot delete"]],
    );
    assert.deepEqual([has("a"), has("b")], [true, false]);
    assert.ok(cluster.objects.has("/ConfigMap/agent/rciots-agent"), "the inventory of what is left is gone");
    assert.deepEqual(await state.list(), []);
  });

  it("leaves the workloads alone when it is decommissioned without wiping", async () => {
    const reconciler = create();
    await reconciler.setDesired(revisionOf(1, [configMap("a")]));
    await reaches("healthy", 1);
    await reconciler.decommission({ wipe: false });
    assert.ok(has("a"));
    assert.deepEqual(await state.list(), []);
  });
});
