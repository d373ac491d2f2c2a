import assert from "node:assert/strict";
import { conflict, newId, type BusCalls } from "@rciots/runtime";
import type { Device } from "@rciots/store";
import { startApi, type ApiFixture } from "./api-fixture.ts";

type Request = BusCalls["device:call"]["request"];
interface Asked {
  digest?: string;
  position: number;
  changedOnly: boolean;
}

const configMap = (name: string, data: Record<string, unknown>) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
  data,
});

const template = [
  { path: "kustomization.yaml", content: "resources: [all.yaml]\n" },
  {
    path: "all.yaml",
    content: `apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: default }
data:
  greeting: "hello \${secret.NAME}"
  place: \${place:=here}
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: default }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: web:1
          env: [{ name: TOKEN, value: "\${secret.NAME}" }]
`,
  },
];

describe("when a device's live objects are compared", () => {
  let api: ApiFixture;
  let device: Device;
  let digest: string;
  let asked: Request[];
  let answer: (asked: Asked) => Promise<object>;
  const connectorId = newId("connector");

  before(async () => {
    api = await startApi();
    await api.call("PUT /secrets/NAME", { as: api.admin, body: { value: "s3cret" } });
    const made = await api.call("POST /templates", { as: api.admin, body: { name: "all", files: template } });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const presence = { online: true, connectorId, sessionId: newId("ses"), epoch: 1 };
    device = await api.createDevice({
      presence: { ...presence, since: null, lastSeenAt: null, address: null },
      assignments: [{ templateId: made.body.id as string, pinnedVersionId: null }],
    });
    await api.desiredState.advance([device]);
    digest = (await api.store.devices.find(api.organizationId, device._id))?.desired.digest ?? "";
    api.bus.serve("device:call", connectorId, async (request) => {
      asked.push(request);
      return answer(request.payload as Asked);
    });
  });
  beforeEach(() => {
    asked = [];
  });
  after(() => api.stop());

  const page = (items: object[], more: object = {}) => ({
    revision: 1,
    digest,
    total: items.length,
    next: null,
    items,
    ...more,
  });
  const nameOf = (name: string, kind = "ConfigMap", apiVersion = "v1") => ({
    apiVersion,
    kind,
    namespace: "default",
    name,
  });
  const diff = (body: object = {}, as = api.admin) =>
    api.call(`POST /devices/${device._id}/diff`, { as, body });

  it("answers both sides as YAML, asks for changes alone, and records who looked", async () => {
    answer = async () =>
      page([
        {
          ...nameOf("other"),
          change: "update",
          before: configMap("other", { a: "1" }),
          after: configMap("other", { a: "2" }),
        },
        { ...nameOf("bad"), change: "unknown", message: "admission webhook denied" },
        { ...nameOf("big"), change: "update", shortened: true },
      ]);
    const { status, body } = await diff();
    assert.equal(status, 200);
    assert.deepEqual([body.revision, body.total, body.compared, body.nextCursor], [1, 3, 3, null]);
    assert.match(body.items[0].before as string, /^apiVersion: v1\nkind: ConfigMap\n[^]*a: "1"\n$/);
    assert.match(body.items[0].after as string, /a: "2"/);
    assert.equal(body.items[1].message, "admission webhook denied");
    assert.deepEqual([body.items[2].before, body.items[2].shortened], [null, true]);
    assert.equal(asked[0]?.event, "manifests:diff");
    assert.equal((asked[0].payload as Asked).changedOnly, true);
    const events = await api.call(`GET /devices/${device._id}/events?limit=1`, { as: api.admin });
    assert.equal(events.body.items[0].kind, "device.compared");
  });

  it("masks what the platform's secrets made, wherever in a list it stands, and shows whether it differs", async () => {
    const web = (...values: string[]) => ({
      ...nameOf("web", "Deployment", "apps/v1"),
      metadata: { name: "web" },
      spec: {
        template: { spec: { containers: values.map((value) => ({ image: "web:1", env: [{ value }] })) } },
      },
    });
    answer = async () =>
      page([
        {
          ...nameOf("settings"),
          change: "update",
          before: configMap("settings", { greeting: "hello 0ld", place: "there" }),
          after: configMap("settings", { greeting: "hello s3cret", place: "here" }),
        },
        {
          ...nameOf("web", "Deployment", "apps/v1"),
          change: "update",
          before: web("injected", "s3cret"),
          after: web("s3cret", "s3cret"),
        },
      ]);
    const { body } = await diff();
    const text = JSON.stringify(body);
    assert.ok(!text.includes("s3cret") && !text.includes("0ld") && !text.includes("injected"), text);
    const [settings, deployment] = body.items as { before: string; after: string }[];
    assert.match(settings?.before ?? "", /greeting: \(secret [0-9a-f]{12}\)\n {2}place: there/);
    assert.notEqual(
      /greeting: (.*)/.exec(settings?.before ?? "")?.[1],
      /greeting: (.*)/.exec(settings?.after ?? "")?.[1],
    );
    const markers = [...(deployment?.after ?? "").matchAll(/value: (.*)/g)].map(([, marker]) => marker);
    assert.equal(new Set(markers).size, 1, "equal values have equal markers");
    assert.match(deployment?.after ?? "", /image: web:1/);
  });

  it("goes on page by page, and with a cursor where an answer would be too large", async () => {
    const large = { text: "x".repeat(100_000) };
    answer = async ({ position }) =>
      page([{ ...nameOf(`c${position}`), change: "create", after: configMap(`c${position}`, large) }], {
        total: 30,
        next: position === 29 ? null : position + 1,
      });
    const first = await diff();
    const count = first.body.items.length as number;
    assert.ok(count > 10 && count < 30, `${count} in the first answer`);
    assert.equal(first.body.compared, count);
    const second = await diff({ cursor: first.body.nextCursor as string });
    assert.equal(second.body.nextCursor, null);
    assert.equal(count + (second.body.items.length as number), 30);
    const payloads = asked.map(({ payload }) => payload as Asked);
    assert.deepEqual(
      payloads.map(({ position }) => position),
      Array.from({ length: 30 }, (_, index) => index),
    );
    assert.ok(
      payloads.slice(1).every((payload) => payload.digest === digest),
      "all of one content",
    );
  });

  it("says what to do where it can't be done", async () => {
    const refuse = (details: object) => async () => {
      throw conflict({ code: "device_refused", message: "The device: no.", details: { ...details } });
    };
    answer = refuse({ deviceCode: "digest_unknown" });
    assert.equal((await diff()).body.code, "device_content_changed");
    answer = refuse({ deviceCode: "kube_unreachable" });
    const refused = await diff();
    assert.deepEqual([refused.status, refused.body.code], [409, "device_refused"]);
    const offline = await api.createDevice();
    const answered = await api.call(`POST /devices/${offline._id}/diff`, { as: api.admin, body: {} });
    assert.deepEqual([answered.status, answered.body.code], [409, "device_offline"]);
    assert.equal((await diff({ cursor: "x" })).body.code, "invalid_cursor");
    assert.equal((await diff({}, await api.signInAs("viewer"))).status, 403);
  });

  it("ends what is asked of the device once the caller is gone", async () => {
    let ended: (() => void) | undefined;
    const gone = new Promise<void>((resolve) => (ended = resolve));
    const other = newId("connector");
    let reached: () => void = () => undefined;
    const called = new Promise<void>((resolve) => (reached = resolve));
    api.bus.serve("device:call", other, (_request, { signal }) => {
      signal.addEventListener("abort", () => ended?.());
      reached();
      return new Promise(() => undefined);
    });
    const presence = { ...device.presence, connectorId: other };
    const slow = await api.createDevice({ presence });
    const giving = new AbortController();
    const asking = fetch(`${api.url}/api/v1/devices/${slow._id}/diff`, {
      method: "POST",
      headers: { authorization: `Bearer ${api.admin}`, "content-type": "application/json" },
      body: "{}",
      signal: giving.signal,
    }).catch(() => undefined);
    await called;
    giving.abort();
    await Promise.all([asking, gone]);
  });

  it("shows a revision as it was made, secrets masked, after the variables changed", async () => {
    await api.call(`PUT /devices/${device._id}/variables`, { as: api.admin, body: { place: "there" } });
    const path = `GET /devices/${device._id}/revisions/1`;
    const { body } = await api.call(path, { as: await api.signInAs("viewer") });
    assert.match(body.yaml as string, /place: here/);
    assert.match(body.yaml as string, /hello \*{8}/);
    assert.deepEqual(
      (body.objects as { name: string }[]).map(({ name }) => name),
      ["settings", "web"],
    );
    const missing = await api.call(`GET /devices/${device._id}/revisions/7`, { as: api.admin });
    assert.deepEqual([missing.status, missing.body.code], [404, "revision_not_found"]);
  });
});
