import assert from "node:assert/strict";
import { createServer, connect, type AddressInfo, type Server } from "node:net";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, useCluster } from "../../../test/cluster/fixture.ts";
import {
  type Cluster,
  type KubeObject,
  listPages,
  refOf,
  type SerializedObject,
  type WatchEvent,
} from "./cluster.ts";
import { createKubeCluster } from "./kube-cluster.ts";

const serialized = (object: KubeObject): SerializedObject => ({
  ref: refOf(object),
  json: Buffer.from(JSON.stringify(object)),
});

const configMap = (name: string, data: Record<string, string> = { a: "1" }, labels = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default", labels },
  data,
});

const options = { fieldManager: "test", force: true };

describe("when the agent talks to a real API server", function () {
  this.timeout(60_000);
  const cluster = useCluster();
  let kube: Cluster;
  before(() => {
    kube = createKubeCluster({ kubeconfig: { path: cluster().kubeconfigPath } });
  });
  after(() => kube?.close());

  it("learns its version and that it is ready", async () => {
    assert.equal((await kube.version()).gitVersion, "v1.36.3");
    await kube.ping();
  });

  it("knows which resource serves a kind, and which kinds there are none for", async () => {
    const deployment = await kube.resource("apps/v1", "Deployment");
    assert.deepEqual(
      [deployment?.plural, deployment?.namespaced, deployment?.group],
      ["deployments", true, "apps"],
    );
    assert.equal((await kube.resource("v1", "Namespace"))?.namespaced, false);
    assert.equal(await kube.resource("v1", "Nothing"), undefined);
    assert.equal(await kube.resource("none.example/v1", "Nothing"), undefined);
    const names = (await kube.resources()).map(({ apiVersion, kind }) => `${apiVersion}/${kind}`);
    assert.ok(names.includes("v1/Pod") && names.includes("rbac.authorization.k8s.io/v1/Role"));
  });

  it("applies, reads, lists by label and page, and deletes by uid", async () => {
    for (const name of ["one", "two", "three"]) {
      await kube.apply(serialized(configMap(name, { a: name }, { set: "paged" })), options);
    }
    const ref = refOf(configMap("one"));
    const one = await kube.get(ref);
    assert.deepEqual(one?.["data"], { a: "one" });
    const partial = await kube.get(ref, { metadataOnly: true });
    assert.deepEqual([partial?.kind, partial?.["data"]], ["ConfigMap", undefined]);
    const pages: number[] = [];
    const query = { apiVersion: "v1", kind: "ConfigMap", labelSelector: "set=paged", limit: 2 };
    for await (const page of listPages(kube, query)) pages.push(page.items.length);
    assert.deepEqual(pages, [2, 1]);
    await assert.rejects(kube.delete(ref, { uid: "00000000-0000-0000-0000-000000000000" }), { status: 409 });
    assert.equal(await kube.delete(ref, { uid: one?.metadata.uid }), true);
    assert.equal(await kube.delete(ref), false);
    assert.equal(await kube.get(ref), undefined);
  });

  it("leaves an object and its version as they are when the same is applied again, or on a dry run", async () => {
    const first = await kube.apply(serialized(configMap("same")), options);
    const again = await kube.apply(serialized(configMap("same")), options);
    assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion);
    const dry = await kube.apply(serialized(configMap("same", { a: "2" })), { ...options, dryRun: true });
    assert.deepEqual(dry["data"], { a: "2" });
    assert.deepEqual((await kube.get(refOf(first)))?.["data"], { a: "1" });
  });

  it("keeps the API server's words of every refusal", async () => {
    const bad = { ...configMap("Not_A_Name") };
    await assert.rejects(kube.apply(serialized(bad), options), {
      status: 422,
      reason: "Invalid",
      message: /Not_A_Name/,
    });
    const unknown = { apiVersion: "none.example/v1", kind: "Nothing", metadata: { name: "x" } };
    await assert.rejects(kube.apply(serialized(unknown), options), { status: 404, reason: "NoKindMatch" });
    const homeless = { ...configMap("x"), metadata: { name: "x", namespace: "no-such" } };
    await assert.rejects(kube.apply(serialized(homeless), options), {
      status: 404,
      message: /namespaces "no-such" not found/,
    });
    const misfit = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "x", namespace: "default" },
      spec: { prots: [] },
    };
    await assert.rejects(kube.apply(serialized(misfit), options), {
      status: 422,
      message: /field not declared in schema/,
    });
    await kube.apply(serialized(configMap("contested")), options);
    const other = { ...options, fieldManager: "other", force: false };
    await assert.rejects(kube.apply(serialized(configMap("contested", { a: "2" })), other), { status: 409 });
  });

  it("finds nothing outside the path it was given, whatever a name holds", async () => {
    const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "../secrets/x?watch=1" };
    assert.equal(
      await kube.get(ref).catch((error: { status: number }) => (error.status === 400 ? undefined : error)),
      undefined,
    );
  });

  it("watches changes, by label and as metadata alone", async () => {
    const query = { apiVersion: "v1", kind: "ConfigMap", labelSelector: "set=watched", metadataOnly: true };
    const { resourceVersion } = await kube.list(query);
    const abort = new AbortController();
    const events: WatchEvent[] = [];
    const watching = kube.watch(query, {
      resourceVersion,
      signal: abort.signal,
      onEvent: (event) => events.push(event),
    });
    const labels = { set: "watched" };
    await kube.apply(serialized(configMap("watched", { a: "1" }, labels)), options);
    await kube.apply(serialized(configMap("watched", { a: "2" }, labels)), options);
    await kube.delete(refOf(configMap("watched")));
    await eventually(() =>
      assert.deepEqual(
        events.map(({ type }) => type),
        ["ADDED", "MODIFIED", "DELETED"],
      ),
    );
    assert.ok(events.every(({ object }) => object.kind === "ConfigMap" && object["data"] === undefined));
    abort.abort(new Error("seen enough"));
    await assert.rejects(watching, /seen enough/);
  });

  it("waits for an API server that is being restarted", async () => {
    await cluster().kill("apiserver");
    await assert.rejects(kube.ping(), { reason: "Unreachable" });
    const restarting = cluster().restart("apiserver");
    await eventually(() => kube.ping(), 30_000);
    await restarting;
  });

  /** The restarted server remembers no change from before its start. */
  it("says that a version is too old to watch from", async () => {
    const query = { apiVersion: "v1", kind: "ConfigMap" };
    const watching = kube.watch(query, {
      resourceVersion: "1",
      signal: new AbortController().signal,
      onEvent: () => undefined,
    });
    await assert.rejects(watching, { status: 410 });
  });

  it("keeps Secrets, and tells a writer that somebody else wrote first", async () => {
    assert.equal(await kube.readSecret("default", "identity"), undefined);
    const secret = { namespace: "default", name: "identity" };
    const bytes = Buffer.from([0, 255, 10]);
    const first = await kube.writeSecret({
      ...secret,
      data: { key: bytes },
      labels: { app: "agent" },
      resourceVersion: null,
    });
    assert.deepEqual(first.data["key"], bytes);
    await assert.rejects(kube.writeSecret({ ...secret, data: { key: "x" }, resourceVersion: null }), {
      status: 409,
    });
    const second = await kube.writeSecret({
      ...secret,
      data: { other: "2" },
      resourceVersion: first.resourceVersion,
    });
    assert.deepEqual(Object.keys(second.data), ["other"]);
    await assert.rejects(
      kube.writeSecret({ ...secret, data: { other: "3" }, resourceVersion: first.resourceVersion }),
      { status: 409 },
    );
    await Promise.all(["a", "b", "c"].map((value) => kube.writeSecret({ ...secret, data: { value } })));
    const read = await kube.readSecret("default", "identity");
    assert.match(String(read?.data["value"]), /^[abc]$/);
  });

  it("works with a service account's token, and only as far as that account may go", async () => {
    const path = await cluster().createServiceAccountKubeconfig({ namespace: "tenant", name: "plain" });
    const limited = createKubeCluster({ kubeconfig: { path } });
    await assert.rejects(limited.list({ apiVersion: "v1", kind: "Secret" }), {
      status: 403,
      reason: "Forbidden",
      message: /cannot list/,
    });
    limited.close();
  });

  it("works in a cluster, from the files of a service account", async () => {
    const path = await cluster().createServiceAccountKubeconfig({
      namespace: "agent",
      name: "in",
      clusterRole: "view",
    });
    const { users } = JSON.parse(await readFile(path, "utf8")) as { users: [{ user: { token: string } }] };
    const { dir, caPem, server } = cluster();
    await writeFile(join(dir, "token"), users[0].user.token);
    await writeFile(join(dir, "ca.crt"), caPem);
    const { hostname, port } = new URL(server);
    const inside = createKubeCluster({ inCluster: { host: hostname, port, serviceAccountDir: dir } });
    assert.ok((await inside.list({ apiVersion: "v1", kind: "ConfigMap" })).items.length > 0);
    inside.close();
  });

  it("refuses a server whose certificate another CA issued", async () => {
    const inside = createKubeCluster({
      auth: {
        credentials: async () => ({ server: cluster().server, headers: {}, tls: {} }),
        invalidate: () => undefined,
      },
      attempts: 1,
    });
    await assert.rejects(inside.version(), {
      reason: "Unreachable",
      message: /self-signed|unable to (get|verify)/,
    });
    inside.close();
  });

  describe("through a proxy", () => {
    let proxy: Server;
    let tunnels = 0;
    before(async () => {
      proxy = createServer((client) => {
        client.once("data", (head) => {
          const [, host = "", port = ""] = /^CONNECT ([^:]+):(\d+)/.exec(head.toString()) ?? [];
          tunnels += 1;
          const upstream = connect(Number(port), host, () => client.write("HTTP/1.1 200 OK\r\n\r\n"));
          upstream.on("error", () => client.destroy());
          client.on("error", () => upstream.destroy());
          client.pipe(upstream).pipe(client);
        });
      });
      await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    });
    after(() => void proxy?.close());

    it("reaches it with the client certificate of a kubeconfig", async () => {
      const { clusters, ...rest } = JSON.parse(await readFile(cluster().kubeconfigPath, "utf8")) as {
        clusters: [{ name: string; cluster: object }];
      };
      const { port } = proxy.address() as AddressInfo;
      const [{ name, cluster: settings }] = clusters;
      const proxied = { ...settings, "proxy-url": `http://127.0.0.1:${port}` };
      const path = join(cluster().dir, "proxied.kubeconfig");
      await writeFile(path, JSON.stringify({ ...rest, clusters: [{ name, cluster: proxied }] }));
      const through = createKubeCluster({ kubeconfig: { path } });
      assert.ok((await through.list({ apiVersion: "v1", kind: "Namespace" })).items.length > 0);
      assert.ok(tunnels > 0);
      through.close();
    });
  });
});
