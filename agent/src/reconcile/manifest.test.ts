import assert from "node:assert/strict";
import type { KubeObject, ResourceType } from "../kube/cluster.ts";
import { type PreparedRevision, prepareRevision } from "./manifest.ts";

const resource = (apiVersion: string, kind: string, namespaced: boolean): ResourceType => ({
  apiVersion,
  kind,
  group: "",
  plural: `${kind.toLowerCase()}s`,
  namespaced,
  verbs: [],
});
const known = [
  resource("v1", "Namespace", false),
  resource("v1", "ConfigMap", true),
  resource("v1", "Secret", true),
  resource("apps/v1", "Deployment", true),
  resource("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", false),
  resource("apiextensions.k8s.io/v1", "CustomResourceDefinition", false),
];

const prepare = (documents: unknown[]): Promise<PreparedRevision> =>
  prepareRevision({
    cluster: {
      resource: async (apiVersion, kind) =>
        known.find((each) => each.apiVersion === apiVersion && each.kind === kind),
    },
    documents: documents as KubeObject[],
    labels: { "part-of": "us" },
    defaultNamespace: "home",
    reserved: [{ apiVersion: "v1", kind: "ConfigMap", namespace: "agent", name: "records" }],
    signal: new AbortController().signal,
  });

const sent = ({ objects }: PreparedRevision, index = 0): KubeObject =>
  JSON.parse(Buffer.from(objects[index]?.json ?? []).toString()) as KubeObject;

const configMap = (name: string, metadata = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, ...metadata },
});

describe("when a revision's documents are prepared", () => {
  it("gives namespaced objects a namespace and takes it from the others", async () => {
    const prepared = await prepare([
      configMap("a"),
      configMap("b", { namespace: "there" }),
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "n", namespace: "odd" } },
    ]);
    const namespaces = prepared.objects.map(({ ref }) => [ref.name, ref.namespace]);
    assert.deepEqual(namespaces, [
      ["n", undefined],
      ["a", "home"],
      ["b", "there"],
    ]);
    assert.equal(sent(prepared, 0).metadata.namespace, undefined);
  });

  it("adds its label to those that are there", async () => {
    const prepared = await prepare([configMap("a", { labels: { app: "web" } })]);
    assert.deepEqual(sent(prepared).metadata.labels, { app: "web", "part-of": "us" });
  });

  it("leaves out what only the server may set", async () => {
    const copied = {
      uid: "u",
      resourceVersion: "7",
      generation: 3,
      managedFields: [],
      creationTimestamp: null,
      annotations: { a: "b" },
    };
    const { metadata } = sent(await prepare([configMap("a", copied)]));
    assert.deepEqual(Object.keys(metadata).sort(), ["annotations", "labels", "name", "namespace"]);
  });

  it("writes a Secret's text as data, so that a change of it is seen", async () => {
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s" },
      data: { a: "eA==", b: "eA==" },
      stringData: { b: "new" },
    };
    const body = sent(await prepare([secret]));
    assert.deepEqual([body["data"], body["stringData"]], [{ a: "eA==", b: "bmV3" }, undefined]);
  });

  it("orders namespaces and CRDs first, webhooks last, and custom resources in between", async () => {
    const of = (apiVersion: string, kind: string) => ({ apiVersion, kind, metadata: { name: "x" } });
    const prepared = await prepare([
      of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
      of("serving.knative.dev/v1", "Service"),
      of("apps/v1", "Deployment"),
      of("v1", "ConfigMap"),
      of("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
      of("rbac.authorization.k8s.io/v1", "ClusterRole"),
      of("v1", "Namespace"),
    ]);
    assert.deepEqual(
      prepared.objects.map(({ ref }) => ref.kind),
      [
        "Namespace",
        "CustomResourceDefinition",
        "ClusterRole",
        "ConfigMap",
        "Deployment",
        "Service",
        "ValidatingWebhookConfiguration",
      ],
    );
  });

  it("takes the scope of a kind from a CRD of the same revision, and says which scopes are unknown", async () => {
    const crd = (kind: string, scope: string) => ({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `${kind.toLowerCase()}s.x.io` },
      spec: { group: "x.io", scope, names: { kind }, versions: [{ name: "v1" }] },
    });
    const of = (kind: string) => ({ apiVersion: "x.io/v1", kind, metadata: { name: "one" } });
    const prepared = await prepare([
      crd("Near", "Namespaced"),
      crd("Wide", "Cluster"),
      of("Near"),
      of("Wide"),
      of("Odd"),
    ]);
    const custom = prepared.objects.filter(({ ref }) => ref.apiVersion === "x.io/v1");
    assert.deepEqual(
      custom.map(({ ref, unresolved }) => [ref.kind, ref.namespace, unresolved]),
      [
        ["Near", "home", false],
        ["Odd", undefined, true],
        ["Wide", undefined, false],
      ],
    );
  });

  it("opens lists", async () => {
    const { objects } = await prepare([
      { apiVersion: "v1", kind: "List", items: [configMap("a"), configMap("b")] },
    ]);
    assert.deepEqual(
      objects.map(({ ref }) => ref.name),
      ["a", "b"],
    );
  });

  it("names every document that can't be applied, and prepares the others", async () => {
    const broken: unknown[] = [
      null,
      "text",
      [1],
      { kind: "ConfigMap", metadata: { name: "a" } },
      { apiVersion: "v1", metadata: { name: "a" } },
      { apiVersion: "v1/../..", kind: "ConfigMap", metadata: { name: "a" } },
      { apiVersion: "v1", kind: "Config/Map", metadata: { name: "a" } },
      { apiVersion: "v1", kind: "ConfigMap" },
      { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "a-" } },
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: 7 } },
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", labels: ["x"] } },
      configMap("twice"),
      configMap("twice", { namespace: "home" }),
      configMap("records", { namespace: "agent" }),
    ];
    const { objects, faults } = await prepare([...broken, configMap("fine")]);
    assert.deepEqual(
      objects.map(({ ref }) => ref.name),
      ["fine", "twice"],
    );
    assert.equal(faults.length, broken.length - 1);
    assert.ok(faults.every(({ ref, message }) => ref.name && ref.kind && message));
    assert.match(faults.find(({ ref }) => ref.name === "twice")?.message ?? "", /more than once/);
  });
});
