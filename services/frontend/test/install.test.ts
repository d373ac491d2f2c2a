import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { parse, parseAllDocuments } from "yaml";
import { startApi, type ApiFixture } from "./api-fixture.ts";

describe("when a cluster's administrator fetches what installs the agent", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  const get = (path: string, headers: Record<string, string> = {}, url = api.url) =>
    fetch(`${url}/install${path}`, { headers });

  it("needs no account, and finds the platform's address, CA and image filled in", async () => {
    const { url } = await api.startFrontend({ agentImage: "registry.example.com/agent:7" });
    const template = await get("/openshift-template.yaml", {}, url);
    assert.equal(template.headers.get("content-type"), "application/yaml; charset=utf-8");
    const { parameters } = parse(await template.text()) as { parameters: { name: string; value?: string }[] };
    const values = Object.fromEntries(parameters.map(({ name, value }) => [name, value]));
    assert.equal(values["platformurl"], "https://enroll.example.com:8443");
    assert.equal(values["cafingerprint"], "sha256:0123");
    assert.equal(values["image"], "registry.example.com/agent:7");
    assert.equal(values["token"], undefined);

    const manifests = await (await get("/kubernetes.yaml", {}, url)).text();
    assert.match(manifests, /image: registry\.example\.com\/agent:7\n/);
    assert.match(manifests, /value: https:\/\/enroll\.example\.com:8443\n/);

    const chart = await get("/rciots-agent-0.1.0.tgz", {}, url);
    assert.equal(chart.headers.get("content-type"), "application/gzip");
    const tar = gunzipSync(Buffer.from(await chart.arrayBuffer())).toString();
    const lines = tar.split("\n").filter((line) => /^(platformUrl|caFingerprint| {2}reference): /.test(line));
    assert.deepEqual(lines, [
      'platformUrl: "https://enroll.example.com:8443"',
      'caFingerprint: "sha256:0123"',
      '  reference: "registry.example.com/agent:7"',
    ]);
  });

  it("follows a CA that was replaced", async () => {
    let fingerprint = "sha256:old";
    const { url } = await api.startFrontend({ caFingerprint: () => fingerprint });
    const etags: (string | null)[] = [];
    for (fingerprint of ["sha256:old", "sha256:new"]) {
      const answer = await get("/openshift-template.yaml", {}, url);
      assert.ok((await answer.text()).includes(fingerprint));
      etags.push((await get("/rciots-agent-0.1.0.tgz", {}, url)).headers.get("etag"));
    }
    assert.notEqual(etags[0], etags[1]);
  });

  it("isn't sent the same again", async () => {
    for (const path of ["/openshift-template.yaml", "/kubernetes.yaml", "/rciots-agent-0.1.0.tgz"]) {
      const etag = (await get(path)).headers.get("etag") ?? "";
      const again = await get(path, { "if-none-match": etag });
      assert.equal(again.status, 304);
      assert.equal(await again.text(), "");
      assert.equal((await get(path, { "if-none-match": '"other"' })).status, 200);
    }
    const [one, other] = await Promise.all(
      ["shop", "bar"].map((name) => get(`/kubernetes.yaml?namespace=${name}`)),
    );
    assert.notEqual(one?.headers.get("etag"), other?.headers.get("etag"));
  });

  it("chooses namespaces, name and access in the address, and nothing else", async () => {
    const query = "namespace=shop&namespace=bar&access=cluster-admin&deviceName=till-1";
    const text = await (await get(`/kubernetes.yaml?${query}`)).text();
    const objects = parseAllDocuments(text).map((document) => document.toJS());
    const bound = objects
      .filter(({ kind }) => kind === "RoleBinding")
      .map(({ metadata }) => metadata.namespace);
    assert.deepEqual(bound.sort(), ["bar", "rciots-agent", "shop"]);
    assert.equal(objects.filter(({ kind }) => kind === "ClusterRoleBinding").length, 1);
    assert.match(text, /value: till-1\n/);
    for (const wrong of [
      "namespace=Shop",
      "namespace=rciots-agent",
      "namespace=a&namespace=a",
      "access=everything",
      "token=rcp_0123",
      `deviceName=${"a".repeat(64)}`,
      Array.from({ length: 21 }, (_, index) => `namespace=n${index}`).join("&"),
    ]) {
      const answer = await get(`/kubernetes.yaml?${wrong}`);
      assert.equal(answer.status, 400, wrong);
      assert.equal(((await answer.json()) as { code: string }).code, "invalid_input");
    }
  });

  it("is told which chart there is", async () => {
    const answer = await get("/rciots-agent-9.9.9.tgz");
    assert.equal(answer.status, 404);
    assert.match(((await answer.json()) as { detail: string }).detail, /0\.1\.0/);
    assert.equal((await get("/other.yaml")).status, 404);
  });

  it("is held back where it asks without end", async () => {
    const { url } = await api.startFrontend({ installRequestsPerMinute: 3 });
    for (let count = 0; count < 3; count += 1)
      assert.equal((await get("/openshift-template.yaml", {}, url)).status, 200);
    const refused = await get("/kubernetes.yaml", {}, url);
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers.get("retry-after")) > 0);
  });

  it("lets its devices be listed with the token", async () => {
    const as = api.admin;
    const created = await api.call("POST /provisioning-tokens", { as, body: { name: "listed" } });
    const provisioningTokenId = created.body.id as string;
    const device = await api.createDevice({ provisioningTokenId, status: "pending" });
    await api.createDevice();
    const { body } = await api.call(`GET /provisioning-tokens/${provisioningTokenId}/devices`, { as });
    assert.deepEqual(
      body.items.map(({ id, status }: { id: string; status: string }) => [id, status]),
      [[device._id, "pending"]],
    );
  });

  it("finds the commands pointing here, by the address the console was asked under or the public one", async () => {
    const body = { name: "install" };
    const created = await api.call("POST /provisioning-tokens", { as: api.admin, body });
    assert.ok(created.body.install.openshift.includes(`${api.url}/install/openshift-template.yaml`));
    const { url } = await api.startFrontend({
      publicUrls: {
        enroll: "https://e.example.com",
        edge: "wss://d.example.com",
        console: "https://c.example.com",
      },
    });
    const shown = await fetch(`${url}/api/v1/provisioning-tokens/${created.body.id}`, {
      headers: { authorization: `Bearer ${api.admin}` },
    });
    const { install } = (await shown.json()) as { install: { helm: string } };
    assert.match(install.helm, /https:\/\/c\.example\.com\/install\/rciots-agent-0\.1\.0\.tgz/);
    assert.equal(JSON.stringify(install).includes(created.body.token), false);
  });
});
