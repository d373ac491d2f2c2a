import assert from "node:assert/strict";
import { limits } from "@rciots/protocol";
import { silentLogger } from "@rciots/runtime";
import { eventually, useCluster } from "../../../test/cluster/fixture.ts";
import type { KubeObject } from "../kube/cluster.ts";
import { createApplySet } from "../reconcile/apply-set.ts";
import {
  configMap,
  crd,
  deployment,
  namespaceOf,
  type ReconcilerBench,
  revisionOf,
  useReconcilerBench,
} from "../reconcile/reconciler.fixture.ts";
import { createRevisionStore } from "../reconcile/revision-store.ts";
import type { DesiredRevision } from "../reconcile/revision.ts";
import { createFileStateStore } from "../reconcile/state-store.ts";
import { createManifestDiff, type DiffPage, type DiffRequest } from "./manifest-diff.ts";

const request: DiffRequest = { position: 0, changedOnly: false, budgetMs: 15_000 };

const secret = (namespace: string, data: Record<string, string>): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "keys", namespace },
  stringData: data,
});

const changesOf = (page: DiffPage): Record<string, string> =>
  Object.fromEntries(page.items.map(({ kind, name, change }) => [`${kind}/${name}`, change]));
const itemOf = (page: DiffPage, name: string) => {
  const item = page.items.find((candidate) => candidate.name === name);
  assert.ok(item, `${name} is in the page`);
  return item;
};

describe("when a revision is compared with a real cluster", function () {
  this.timeout(120_000);
  const cluster = useCluster();
  const bench = useReconcilerBench(cluster);
  let { apps, agentNamespace, dir, create, kube, reaches } = {} as ReconcilerBench;
  beforeEach(() => {
    ({ apps, agentNamespace, dir, create, kube, reaches } = bench());
  });

  /** Applies a revision, stops the agent so that nothing puts right what the test does, and compares. */
  async function applied(revision: DesiredRevision) {
    const reconciler = create();
    await reconciler.setDesired(revision);
    await reaches("healthy", revision.revision);
    await reconciler.stop();
    return compared(revision);
  }

  async function compared(revision: DesiredRevision, isBusy = () => false) {
    const store = createRevisionStore(createFileStateStore({ dir }), silentLogger);
    const applySet = createApplySet({
      cluster: kube,
      store,
      namespace: agentNamespace,
      name: "rciots-agent",
      agentVersion: "0",
      deviceId: "dev_test",
      logger: silentLogger,
    });
    await applySet.load(new AbortController().signal);
    const { digest, deadlineMs } = revision;
    const stopping = new AbortController();
    const diff = createManifestDiff({
      cluster: kube,
      applySet,
      defaultNamespace: "default",
      records: () => [{ revision: revision.revision, digest, deadlineMs, prune: true }],
      documentsOf: async () => revision.documents,
      prepared: () => undefined,
      isBusy,
      stopping: stopping.signal,
    });
    return { diff, stopping };
  }

  const kubectl = (...args: string[]) => cluster().kubectl(["-n", apps, ...args]);

  it("finds nothing after an apply, and then exactly what somebody changed by hand", async () => {
    const documents = [
      namespaceOf(apps),
      configMap(apps, "same"),
      configMap(apps, "edited", { text: "hello" }),
      configMap(apps, "deleted"),
    ];
    const { diff } = await applied(revisionOf(1, documents));
    const first = await diff(request);
    assert.deepEqual(new Set(Object.values(changesOf(first))), new Set(["none"]));
    assert.deepEqual([first.total, first.next, first.revision], [4, null, 1]);

    await kubectl("patch", "configmap", "edited", "--type=merge", "-p", '{"data":{"text":"by hand"}}');
    await kubectl("delete", "configmap", "deleted");
    // A field that no revision speaks of stays as it is.
    await kubectl("label", "configmap", "same", "team=blue");
    const page = await diff(request);
    assert.deepEqual(changesOf(page), {
      [`Namespace/${apps}`]: "none",
      "ConfigMap/same": "none",
      "ConfigMap/edited": "update",
      "ConfigMap/deleted": "create",
    });
    const edited = itemOf(page, "edited");
    assert.deepEqual(
      [edited.before?.["data"], edited.after?.["data"]],
      [{ text: "by hand" }, { text: "hello" }],
    );
    for (const side of [edited.before, edited.after]) {
      const metadata = side?.["metadata"] as Record<string, unknown>;
      assert.deepEqual(Object.keys(metadata).sort(), ["labels", "name", "namespace"]);
    }
    assert.equal(itemOf(page, "deleted").before, undefined);
    const { stdout } = { stdout: await kubectl("get", "configmap", "-o", "name") };
    assert.ok(!stdout.includes("deleted") && stdout.includes("edited"), "nothing was applied");

    const changed = await diff({ ...request, changedOnly: true });
    assert.deepEqual(changed.items.map(({ name }) => name).sort(), ["deleted", "edited"]);
    assert.equal(changed.total, 4);
  });

  it("never shows a Secret's values, and still shows that they differ", async () => {
    const documents = [namespaceOf(apps), secret(apps, { password: "s3cret", user: "web" })];
    const { diff } = await applied(revisionOf(1, documents));
    const wrong = Buffer.from("wr0ng").toString("base64");
    await kubectl("patch", "secret", "keys", "--type=merge", "-p", `{"data":{"password":"${wrong}"}}`);
    const typed = { "kubectl.kubernetes.io/last-applied-configuration": '{"data":{"password":"wr0ng"}}' };
    await kubectl(
      "annotate",
      "secret",
      "keys",
      ...Object.entries(typed).map(([key, value]) => `${key}=${value}`),
    );
    const page = await diff(request);
    const { before, after, change } = itemOf(page, "keys");
    assert.equal(change, "update");
    const [was, will] = [before?.["data"], after?.["data"]] as Record<string, string>[];
    assert.match(was?.["password"] ?? "", /^\(masked [0-9a-f]{12}\)$/);
    assert.notEqual(was?.["password"], will?.["password"]);
    assert.equal(was?.["user"], will?.["user"]);
    const text = JSON.stringify(page);
    for (const hidden of ["s3cret", "wr0ng", "web", "last-applied"].flatMap((value) => [
      `"${value}"`,
      Buffer.from(value).toString("base64"),
    ])) {
      assert.ok(!text.includes(hidden), hidden);
    }
    const again = itemOf(await diff(request), "keys").before?.["data"] as Record<string, string>;
    assert.notEqual(again["password"], was?.["password"], "a marker means nothing in another answer");
  });

  it("lists what would be pruned by name alone, and what would be kept as no change", async () => {
    await applied(
      revisionOf(1, [
        namespaceOf(apps),
        configMap(apps, "goes", { token: "hidden" }),
        configMap(apps, "stays"),
      ]),
    );
    await kubectl("annotate", "configmap", "stays", "rciots.dev/prune=disabled");
    const { diff } = await compared(revisionOf(2, [namespaceOf(apps)]));
    const page = await diff(request);
    assert.deepEqual(changesOf(page), {
      [`Namespace/${apps}`]: "none",
      "ConfigMap/goes": "delete",
      "ConfigMap/stays": "none",
    });
    assert.ok(!JSON.stringify(page).includes("hidden"));
    assert.match(itemOf(page, "stays").message ?? "", /rciots.dev\/prune/);
  });

  it("shows what comes with its own namespace or kind, and the API server's words where it refuses", async () => {
    const gadget = {
      apiVersion: "test.rciots.dev/v1",
      kind: "Sprocket",
      metadata: { name: "one", namespace: apps },
      spec: { size: 3 },
    };
    const broken = { ...deployment(apps, "broken"), spec: { replicas: "many" } };
    const documents = [
      namespaceOf(apps),
      crd("sprockets", "Sprocket"),
      gadget,
      configMap(apps, "new"),
      broken,
      { apiVersion: "v1", kind: "ConfigMap", metadata: {} } as unknown as KubeObject,
    ];
    await cluster().kubectl(["create", "namespace", "apps-elsewhere"]);
    const elsewhere = { ...deployment("apps-elsewhere", "refused"), spec: { replicas: "many" } };
    const { diff } = await compared(revisionOf(1, [...documents, elsewhere]));
    const page = await diff(request);
    const changes = changesOf(page);
    assert.equal(changes[`Namespace/${apps}`], "create");
    assert.equal(changes["Sprocket/one"], "create");
    assert.deepEqual(itemOf(page, "one").after?.["spec"], { size: 3 });
    assert.equal(changes["ConfigMap/new"], "create");
    assert.equal(itemOf(page, "refused").change, "unknown");
    assert.match(itemOf(page, "refused").message ?? "", /replicas|numeric|schema|cannot/i);
    assert.equal(itemOf(page, "(document 6)").change, "unknown");
  });

  it("says that texts were replaced or left out where an object is too large to be shown", async () => {
    const long = (size: number, letter: string) => ({ text: letter.repeat(size), note: "short" });
    const many = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`k${index}`, "v".repeat(2_000)]),
    );
    const documents = [
      namespaceOf(apps),
      configMap(apps, "long", long(200_000, "a")),
      configMap(apps, "wide", many),
    ];
    const { diff } = await compared(revisionOf(1, documents));
    await cluster().kubectl(["create", "namespace", apps]);
    const page = await diff(request);
    const item = itemOf(page, "long");
    const { text, note } = item.after?.["data"] as Record<string, string>;
    assert.match(text ?? "", /^\(200000 characters, [0-9a-f]{12}\)$/);
    assert.deepEqual([note, item.shortened], ["short", true]);
    const wide = itemOf(page, "wide");
    assert.deepEqual([wide.change, wide.shortened, wide.after], ["create", true, undefined]);
  });

  it("stands back for a reconcile, refuses a second comparison, and ends with the agent", async () => {
    const revision = revisionOf(1, [namespaceOf(apps), configMap(apps, "one")]);
    let isBusy = true;
    const { diff, stopping } = await compared(revision, () => isBusy);
    await assert.rejects(diff({ ...request, budgetMs: 200 }), { code: "busy" });
    const waiting = diff(request);
    await assert.rejects(diff(request), { code: "busy" });
    isBusy = false;
    assert.equal((await waiting).items.length, 2);
    await assert.rejects(diff({ ...request, digest: "0".repeat(64) }), { code: "digest_unknown" });
    isBusy = true;
    const cut = assert.rejects(diff(request), { code: "busy" });
    stopping.abort();
    await cut;
  });

  it("stays within its bounds with 1,500 objects, and never holds a reconcile up", async () => {
    const names = Array.from({ length: 1_499 }, (_, index) => `m${String(index).padStart(4, "0")}`);
    const reconciler = create();
    const of = (revision: number, text: string) =>
      revisionOf(revision, [namespaceOf(apps), ...names.map((name) => configMap(apps, name, { text }))]);
    await reconciler.setDesired(of(1, "one"));
    await reaches("healthy", 1, 60_000);
    const pages: DiffPage[] = [];
    for (let position: number | null = 0; position !== null; position = pages.at(-1)?.next ?? null) {
      const page: DiffPage = await eventually(() =>
        reconciler.diff({ ...request, position, budgetMs: 2_000 }),
      );
      assert.ok(page.items.length <= limits.diffObjects && page.total === 1_500);
      assert.ok(Buffer.byteLength(JSON.stringify(page)) < limits.diffPageBytes + 4_096);
      pages.push(page);
    }
    const seen = pages.flatMap(({ items }) => items.map(({ name }) => name));
    assert.equal(new Set(seen).size, 1_500);
    assert.equal(seen.length, 1_500);

    // What a page is asked for while a new revision arrives comes after it, or not at all.
    const asking = reconciler
      .diff({ ...request, changedOnly: true, budgetMs: 10_000 })
      .catch(() => undefined);
    await reconciler.setDesired(of(2, "two"));
    await reaches("healthy", 2, 60_000);
    await asking;
    const after = await reconciler.diff({ ...request, changedOnly: true });
    assert.deepEqual([after.items, after.revision], [[], 2]);
  });
});
