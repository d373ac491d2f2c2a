import assert from "node:assert/strict";
import { startApi, type ApiFixture } from "./api-fixture.ts";

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: default
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: nginx:\${tag:=1.27}
          env: [{ name: PASSWORD, value: "\${secret.PASSWORD}" }]
`;
const files = [
  { path: "kustomization.yaml", content: "resources: [deployment.yaml]\n" },
  { path: "deployment.yaml", content: deployment },
];

describe("when an operator takes a device from its token to its content", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  it("goes all the way with plain HTTP", async () => {
    const { call, admin } = api;
    const as = admin;

    const created = await call("POST /provisioning-tokens", {
      as,
      body: { name: "berlin", labels: { site: "berlin" } },
    });
    assert.equal(created.status, 201, JSON.stringify(created.body));
    assert.match(created.body.token, /^rcp_/);
    assert.match(
      created.body.install.host,
      /RCIOTS_TOKEN=rcp_\S+ npx --yes http\S+\/install\/npm\/rciots-agent-[\d.]+tgz/,
    );
    const read = await call(`GET /provisioning-tokens/${created.body.id}`, { as });
    assert.equal(JSON.stringify(read.body).includes(created.body.token), false);

    const secret = await call("PUT /secrets/PASSWORD", { as, body: { value: "hunter2hunter2" } });
    assert.equal(secret.status, 200, JSON.stringify(secret.body));

    const template = await call("POST /templates", { as, body: { name: "web", files } });
    assert.equal(template.status, 201, JSON.stringify(template.body));
    const versions = await call(`GET /templates/${template.body.id}/versions`, { as });
    assert.deepEqual(versions.body.items[0].secrets, ["PASSWORD"]);
    const version = await call(
      `GET /templates/${template.body.id}/versions/${template.body.currentVersionId}`,
      { as },
    );
    assert.equal(version.body.files.length, 2);
    assert.match(version.body.rendered, /kind: Deployment/);

    const device = await api.createDevice({ status: "pending" });
    const approved = await call(`POST /devices/${device._id}/approve`, {
      as,
      body: { labels: { site: "berlin" } },
    });
    assert.equal(approved.body.status, "active");
    const listed = await call("GET /devices?selector=site=berlin&status=active", { as });
    assert.deepEqual(
      listed.body.items.map((item: { id: string }) => item.id),
      [device._id],
    );

    const assigned = await call(`PUT /devices/${device._id}/templates`, {
      as,
      body: [{ templateId: template.body.id }],
    });
    assert.equal(assigned.status, 200, JSON.stringify(assigned.body));
    const variables = await call(`PUT /devices/${device._id}/variables`, { as, body: { tag: "1.28" } });
    assert.equal(variables.status, 200, JSON.stringify(variables.body));
    const preview = await call(`POST /devices/${device._id}/preview`, { as, body: {} });
    assert.equal(preview.status, 200, JSON.stringify(preview.body));
    assert.match(preview.body.yaml, /image: nginx:1\.28/);
    assert.equal(preview.body.yaml.includes("hunter2"), false);
    assert.deepEqual(preview.body.objects, [
      { apiVersion: "apps/v1", kind: "Deployment", namespace: "default", name: "web" },
    ]);
    const events = await call(`GET /devices/${device._id}/events`, { as });
    assert.deepEqual(
      events.body.items.map((event: { kind: string }) => event.kind),
      ["device.variables-changed", "device.templates-assigned", "device.approved"],
    );
  });
});
