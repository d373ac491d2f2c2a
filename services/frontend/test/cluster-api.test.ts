import assert from "node:assert/strict";
import type { StreamTarget } from "@rciots/protocol";
import { conflict } from "@rciots/runtime";
import { inAnotherOrganization, startApi, type ApiFixture } from "./api-fixture.ts";

const mapping = { viewer: "none", operator: "view", admin: "edit", owner: "cluster-admin" };

describe("when a device's cluster is asked for through the API", () => {
  let api: ApiFixture;
  let deviceId: string;
  /** What devices were asked for: they are all away. */
  let asked: { deviceId: string; target: StreamTarget }[] = [];

  before(async () => {
    api = await startApi({
      deviceStreams: {
        async open(device, target) {
          asked.push({ deviceId: device.deviceId, target });
          throw conflict({ code: "device_offline", message: "The device is not connected." });
        },
      },
    });
    deviceId = (await api.createDevice())._id;
  });
  beforeEach(() => (asked = []));
  after(() => api.stop());

  const ask = async (as: string | undefined, path: string, options: RequestInit = {}, id = deviceId) => {
    const response = await fetch(`${api.url}/api/v1/devices/${id}/cluster${path}`, {
      ...options,
      headers: { ...(as === undefined ? {} : { authorization: `Bearer ${as}` }), ...options.headers },
    });
    const text = await response.text();
    return { status: response.status, text, headers: response.headers };
  };
  const events = (kind: string) =>
    api.store.events
      .list({ organizationId: api.organizationId, limit: 100 })
      .then((all) => all.filter((event) => event.kind === kind));

  it("lets nobody in until an owner says as what each role is taken", async () => {
    const owner = await api.signInAs("owner");
    const refused = await ask(owner, "/version");
    assert.equal(refused.status, 403);
    const body = JSON.parse(refused.text) as { kind: string; reason: string; details: { causes: object[] } };
    assert.equal(`${body.kind} ${body.reason}`, "Status Forbidden");
    const settings = { clusterApi: mapping, terminal: null };
    const admin = await api.signInAs("admin");
    const set = (as: string) => api.call("PUT /organization/remote-access", { as, body: settings });
    assert.equal((await set(admin)).body.code, "role_required");
    assert.equal((await set(owner)).status, 200);
    assert.deepEqual(asked, []);
    const [changed] = await events("remote-access.changed");
    assert.deepEqual((changed?.details["after"] as { clusterApi: object }).clusterApi, mapping);
  });

  it("asks in the name of the role that the person's is mapped to", async () => {
    for (const [role, as] of [
      ["operator", "view"],
      ["admin", "edit"],
      ["owner", "cluster-admin"],
    ] as const) {
      asked = [];
      const answer = await ask(await api.signInAs(role), "/api/v1/pods?limit=5");
      assert.equal(answer.status, 502, answer.text);
      assert.match(answer.text, /not connected/);
      const [{ target } = { target: undefined }] = asked;
      assert.equal(target?.kind === "cluster-api" ? target.role : "", as);
    }
    assert.equal((await ask(await api.signInAs("viewer"), "/version")).status, 403);
  });

  it("knows no device of another organisation, and takes no cookie, no Basic and nobody", async () => {
    const owner = await api.signInAs("owner");
    const other = await inAnotherOrganization(api);
    const foreign = (await other.createDevice())._id;
    assert.equal((await ask(owner, "/version", {}, foreign)).status, 404);
    assert.equal((await ask(other.admin, "/version")).status, 404);
    const basic = Buffer.from(`:${owner}`).toString("base64");
    for (const headers of [{}, { cookie: `rciots_session=${owner}` }, { authorization: `Basic ${basic}` }]) {
      const answer = await ask(undefined, "/version", { headers });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    }
    assert.deepEqual(asked, []);
  });

  it("records each change before it is sent, and what enters a container without its words", async () => {
    const owner = await api.signInAs("owner");
    await ask(owner, "/api/v1/namespaces/shop/secrets/a?propagationPolicy=Foreground", { method: "DELETE" });
    await ask(owner, "/api/v1/namespaces/shop/pods/web/exec?command=mysql&command=-psecret&container=main", {
      method: "POST",
    });
    const [written] = await events("cluster-api.write");
    assert.deepEqual(
      [written?.details["method"], written?.details["path"], written?.deviceId],
      ["DELETE", "/api/v1/namespaces/shop/secrets/a", deviceId],
    );
    const [entered] = await events("cluster-api.exec");
    assert.deepEqual([entered?.details["program"], entered?.details["container"]], ["mysql", "main"]);
    assert.equal(JSON.stringify(entered).includes("secret"), false);
    assert.equal((await events("cluster-api.read")).length, 0);
  });

  it("refuses paths that are not plain", async () => {
    const owner = await api.signInAs("owner");
    for (const path of ["/api/v1/a%2Fb", "//elsewhere", "/a%5Cb"]) {
      const answer = await ask(owner, path);
      assert.equal(answer.status, 400, `${path} ${answer.text}`);
    }
    assert.deepEqual(asked, []);
  });

  it("gives a kubeconfig that leads there and holds no secret", async () => {
    const viewer = await api.signInAs("viewer");
    const response = await fetch(`${api.url}/api/v1/devices/${deviceId}/kubeconfig`, {
      headers: { authorization: `Bearer ${viewer}` },
    });
    const text = await response.text();
    assert.match(response.headers.get("content-type") ?? "", /yaml/);
    assert.ok(text.includes(`${api.url}/api/v1/devices/${deviceId}/cluster`), text);
    assert.equal(text.includes(viewer), false);
  });
});
