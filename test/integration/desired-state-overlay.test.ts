import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { createKustomize, type Kustomize, type ManifestFile } from "@rciots/manifests";
import type { DesiredStateService } from "@rciots/desired-state";
import type { Device, Template } from "@rciots/store";
import { template, templateVersion } from "../../packages/store/test/documents.ts";
import { findTestKustomize, skipWithoutKustomize } from "../../packages/manifests/test/test-kustomize.ts";
import {
  advanceOne,
  configMap,
  createWorld,
  follow,
  objectsOf,
  type World,
} from "./desired-state-fixture.ts";

const never = new AbortController().signal;
const filesOf = (files: Record<string, string>): ManifestFile[] =>
  Object.entries(files).map(([path, content]) => ({ path, content }));

const base = (greeting: string): Record<string, string> => ({
  "kustomization.yaml": "resources: [app.yaml]\n",
  "app.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n  namespace: default\ndata:\n  greeting: ${greeting}\n  site: \${SITE:=nowhere}\n`,
});
const patch = (value: string): Record<string, string> => ({
  "patches/app.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n  namespace: default\ndata:\n  added: ${value}\n`,
});

describe("desired state with overlays (needs kustomize, kubectl or oc)", () => {
  let world: World;
  let organizationId: string;
  let kustomize: Kustomize;
  let service: DesiredStateService;

  before(async function () {
    this.timeout(60_000);
    const binary = await findTestKustomize();
    skipWithoutKustomize(this, binary);
    kustomize = createKustomize({ binary });
    world = await createWorld();
  });
  after(async function () {
    this.timeout(30_000);
    await world?.stop();
  });
  beforeEach(async () => {
    organizationId = (await world.addOrganization())._id;
    service = world.service(kustomize);
  });

  /** Renders files into a version of a template as an operator's change does. */
  async function publish(of: Template, number: number, files: Record<string, string>): Promise<void> {
    const content = await service.renderFiles(of.organizationId, filesOf(files), "");
    const { contentHash, filesBlobId, renderedBlobId, variables, secrets, objectCount } = content;
    const version = templateVersion(of, number, {
      contentHash,
      filesBlobId,
      renderedBlobId,
      variables,
      secrets,
      objectCount,
    });
    await world.store.templates.insertVersion(version);
    await world.store.templates.setCurrentVersion(of.organizationId, of._id, version._id);
  }

  async function publishNew(files: Record<string, string>): Promise<Template> {
    const added = template(organizationId);
    await world.store.templates.insert(added);
    await publish(added, 1, files);
    return added;
  }

  async function setOverlay(deviceId: string, files: Record<string, string>): Promise<Device> {
    const blobId = await service.writeFiles(organizationId, filesOf(files));
    return world.change(deviceId, { overlay: { blobId, root: "" } });
  }

  const advance = (deviceId: string) => advanceOne(world, service, deviceId);
  const dataOf = async (deviceId: string) => {
    const [object] = await objectsOf(service, deviceId, await advance(deviceId));
    return object?.["data"];
  };
  const errorOf = async (deviceId: string) => (await world.read(deviceId)).desired.error;
  const rendered = async () => (await service.renderOverlays(never)).map(({ _id }) => _id);

  it("keeps what runs until the overlay is rendered, then runs both with the device's values", async () => {
    const app = await publishNew(base("hello"));
    const { _id } = await world.addDevice(organizationId, {
      assignments: follow(app),
      variables: { SITE: "oslo" },
    });
    assert.deepEqual(await dataOf(_id), { greeting: "hello", site: "oslo" });
    await setOverlay(_id, patch("one"));
    assert.equal((await advance(_id)).revision, 1, "it waits");
    assert.equal(await errorOf(_id), null);
    assert.deepEqual(await rendered(), [_id]);
    assert.deepEqual(await rendered(), [], "it is rendered once");
    assert.deepEqual(await dataOf(_id), { added: "one", greeting: "hello", site: "oslo" });

    await publish(app, 2, base("good day"));
    assert.equal((await advance(_id)).revision, 2, "it waits for the overlay on the new version");
    assert.deepEqual(await rendered(), [_id]);
    assert.deepEqual(await dataOf(_id), { added: "one", greeting: "good day", site: "oslo" });

    // A connector renders nothing, and serves it all the same.
    const connector = world.service();
    const [object] = await objectsOf(connector, _id, (await world.read(_id)).desired.wire);
    assert.deepEqual(object?.["data"], { added: "one", greeting: "good day", site: "oslo" });

    await world.change(_id, { overlay: null, composition: null });
    assert.deepEqual(await dataOf(_id), { greeting: "good day", site: "oslo" });
    const history = await world.store.deviceRevisions.list({ organizationId, deviceId: _id, limit: 9 });
    assert.deepEqual(
      history.map(({ inputs }) => inputs.renderedBlobId !== null),
      [false, true, true, false],
    );
    await world.change(_id, { pinnedRevision: 2 });
    assert.deepEqual(await dataOf(_id), { added: "one", greeting: "hello", site: "oslo" }, "rolled back");
  });

  it("notes an overlay that can't be rendered, keeps what runs, and takes a better one", async () => {
    const app = await publishNew(base("hello"));
    const { _id } = await world.addDevice(organizationId, { assignments: follow(app) });
    const first = await advance(_id);
    await setOverlay(_id, {
      "patches/app.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: no-such-map\ndata: {}\n",
    });
    assert.deepEqual(await rendered(), [_id]);
    assert.deepEqual(await rendered(), [], "it is not tried again as it is");
    assert.deepEqual(await advance(_id), first);
    assert.match((await errorOf(_id)) ?? "", /^overlay_invalid: .*no-such-map/);
    await setOverlay(_id, patch("better"));
    assert.deepEqual(await advance(_id), first, "pending again");
    assert.equal(await service.renderOverlay(await world.read(_id)), true);
    assert.equal(await service.renderOverlay(await world.read(_id)), false);
    assert.deepEqual(await dataOf(_id), { added: "better", greeting: "hello", site: "nowhere" });
    assert.equal(await errorOf(_id), null);
  });

  it("never renders an overlay on fewer templates than are assigned", async () => {
    const [app, gone] = [
      await publishNew(base("hello")),
      await publishNew({
        "kustomization.yaml": "resources: [b.yaml]\n",
        "b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n",
      }),
    ];
    const { _id } = await world.addDevice(organizationId, { assignments: follow(app, gone) });
    await setOverlay(_id, patch("one"));
    await rendered();
    const first = await advance(_id);
    assert.equal((await objectsOf(service, _id, first)).length, 2);
    await world.store.templates.delete(organizationId, gone._id);
    service = world.service(kustomize);
    assert.deepEqual(await rendered(), []);
    assert.deepEqual(await advance(_id), first);
    assert.match((await errorOf(_id)) ?? "", /^template_not_found: /);
  });

  it("does not put an old rendering in force over an overlay that was replaced meanwhile", async () => {
    const app = await publishNew(base("hello"));
    const { _id } = await world.addDevice(organizationId, { assignments: follow(app) });
    const before = await setOverlay(_id, patch("old"));
    await setOverlay(_id, patch("new"));
    await service.renderOverlay(before);
    assert.equal((await world.read(_id)).composition, null);
    await rendered();
    assert.deepEqual(await dataOf(_id), { added: "new", greeting: "hello", site: "nowhere" });
  });

  it("stops between two devices when it is told to, and leaves devices that are not active", async () => {
    const app = await publishNew(base("hello"));
    const one = await world.addDevice(organizationId, { assignments: follow(app) });
    const off = await world.addDevice(organizationId, { assignments: follow(app), status: "disabled" });
    for (const { _id } of [one, off]) await setOverlay(_id, patch("x"));
    assert.deepEqual(await service.renderOverlays(AbortSignal.abort()), []);
    assert.deepEqual(await rendered(), [one._id]);
  });

  describe("when content is looked at", () => {
    it("shows what would run with the overlay, each secret masked in a form its place takes", async () => {
      await world.putSecret(organizationId, "password", "very-secret");
      const app = await publishNew({
        "kustomization.yaml": "resources: [app.yaml]\n",
        "app.yaml": [
          "apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\n  namespace: default",
          "data:\n  raw: ${secret.encoded}\n  made: ${secret.password|base64}",
          "stringData:\n  text: in ${secret.password} out",
          "---\napiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: thing",
          "spec:\n  port: ${secret.port|int}\n  on: ${secret.on|bool}\n  site: ${SITE}\n",
        ].join("\n"),
      });
      const stored = await world.addDevice(organizationId, {
        assignments: follow(app),
        variables: { SITE: "oslo" },
      });
      const shown = async (preview: Promise<{ ndjson: string; objectCount: number }>) => {
        const { ndjson, objectCount } = await preview;
        assert.ok(!ndjson.includes("very-secret"));
        assert.ok(!ndjson.includes(Buffer.from("very-secret").toString("base64")));
        const objects = ndjson
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line) as Record<string, unknown>);
        assert.equal(objects.length, objectCount);
        return objects;
      };
      const objects = await shown(service.previewVersions(stored));
      const secret = objects.find((object) => object["kind"] === "Secret");
      assert.deepEqual(secret?.["stringData"], { text: "in REDACTED out" });
      assert.deepEqual(secret?.["data"], {
        made: Buffer.from("REDACTED").toString("base64"),
        raw: "REDACTED",
      });
      const thing = objects.find((object) => object["kind"] === "Thing");
      assert.deepEqual(thing?.["spec"], { on: true, port: 0, site: "oslo" });

      const files = filesOf({
        "kustomization.yaml": "resources: [a.yaml]\n",
        "a.yaml": JSON.stringify(configMap("a", { p: "${secret.password}", d: "${device.name}" })),
      });
      const [draft] = await shown(service.previewFiles(stored, files, ""));
      assert.deepEqual(draft?.["data"], { d: stored.name, p: "********" });

      const withOverlay = await setOverlay(stored._id, {
        "extra.yaml": JSON.stringify(configMap("extra", { p: "${secret.password}" })),
      });
      assert.equal((await shown(service.previewVersions(withOverlay))).length, 3);
      assert.equal((await world.read(stored._id)).desired.revision, 0, "looking changes nothing");
    });

    it("says what is missing rather than showing less", async () => {
      const app = await publishNew(base("hello"));
      const stored = await world.addDevice(organizationId, { assignments: follow(app) });
      const sources = [{ templateId: app._id, versionId: newId("tpv") }];
      await assert.rejects(service.previewVersions(stored, sources), { code: "version_not_found" });
      const other = (await world.addOrganization())._id;
      const foreign = await world.addTemplate(other, [configMap("foreign", {})]);
      const versionId = (await world.store.templates.find(other, foreign._id))?.currentVersionId ?? "";
      await assert.rejects(service.previewVersions(stored, [{ templateId: foreign._id, versionId }]), {
        code: "version_not_found",
      });
      await assert.rejects(world.service().previewFiles(stored, filesOf(base("x")), ""), {
        code: "kustomize_missing",
        status: 503,
      });
    });

    it("stores equal files once, whatever their order, and gives them to their organisation", async () => {
      const files = filesOf(base("hello"));
      const id = await service.writeFiles(organizationId, files);
      assert.equal(await service.writeFiles(organizationId, [...files].reverse()), id);
      const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
      assert.deepEqual(await service.readFiles(organizationId, id), sorted);
      const other = (await world.addOrganization())._id;
      await assert.rejects(service.readFiles(other, id), { code: "content_missing" });
      assert.equal(await service.readRendered(other, id), undefined);
      assert.ok((await service.readRendered(organizationId, id))?.includes("hello"));
    });
  });
});
