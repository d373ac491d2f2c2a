import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { createDesiredState, type DesiredStateService } from "@rciots/desired-state";
import type { DesiredState } from "@rciots/protocol";
import { silentLogger } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import { device } from "../../packages/store/test/documents.ts";
import {
  advanceOne,
  configMap,
  createWorld,
  follow,
  objectsOf,
  type World,
} from "./desired-state-fixture.ts";

/** Counts calls of the store's functions, by `repository.function`. */
function counted(store: Store): { store: Store; calls: Map<string, number> } {
  const calls = new Map<string, number>();
  const count = (name: string, repository: object): object =>
    new Proxy(repository, {
      get(target, key, receiver) {
        const id = `${name}.${String(key)}`;
        calls.set(id, (calls.get(id) ?? 0) + 1);
        return Reflect.get(target, key, receiver) as unknown;
      },
    });
  const { blobs, content, deviceRevisions } = store;
  const repositories = Object.entries({ blobs, content, deviceRevisions });
  const wrapped = Object.fromEntries(
    repositories.map(([name, repository]) => [name, count(name, repository)]),
  );
  return { store: { ...store, ...wrapped }, calls };
}

const encodedDigestOf = (state: DesiredState | undefined): string => {
  assert.equal(state?.kind, "bundle");
  return state?.kind === "bundle" ? state.encodedDigest : "";
};

describe("desired state", () => {
  let world: World;
  let organizationId: string;
  let service: DesiredStateService;

  before(async function () {
    this.timeout(60_000);
    world = await createWorld();
  });
  after(async function () {
    this.timeout(30_000);
    await world.stop();
  });
  beforeEach(async () => {
    organizationId = (await world.addOrganization())._id;
    service = world.service();
  });

  const advance = (deviceId: string): Promise<DesiredState> => advanceOne(world, service, deviceId);
  const errorOf = async (deviceId: string): Promise<string | null> =>
    (await world.read(deviceId)).desired.error;
  const history = (deviceId: string) =>
    world.store.deviceRevisions.list({ organizationId, deviceId, limit: 100 });

  describe("when many devices advance", () => {
    it("asks the store as often for sixty distinct contents as for one, and writes once", async () => {
      const web = await world.addTemplate(organizationId, [configMap("web", { site: "${SITE}" })]);
      const made = Array.from({ length: 60 }, (_value, index) =>
        device(organizationId, { assignments: follow(web), variables: { SITE: `site ${index}` } }),
      );
      // Rolled back ones cost no round trip each, either.
      const pinned = made.map((each, index) => (index < 20 ? { ...each, pinnedRevision: 1 } : each));
      await world.store.deviceEnrollment.insertMany(made);
      const { store, calls } = counted(world.store);
      const { secretVault } = world;
      const own = createDesiredState({ store, secretVault, kustomize: null, logger: silentLogger });
      const states = await own.advance(made);
      assert.equal(new Set([...states.values()].map(encodedDigestOf)).size, 60);
      assert.deepEqual(Object.fromEntries(calls), {
        "content.templates": 1,
        "deviceRevisions.getMany": 1,
        "content.versions": 1,
        "blobs.get": 1,
        "deviceRevisions.advance": 1,
      });
      calls.clear();
      const stored = [...(await world.store.deviceSessions.findDevices(made.map(({ _id }) => _id))).values()];
      const again = await own.advance(stored);
      assert.deepEqual([...again].sort(), [...states].sort(), "nothing has changed");
      const back = stored.map((each) => ({
        ...each,
        pinnedRevision: pinned.find((one) => one._id === each._id)?.pinnedRevision ?? null,
      }));
      assert.deepEqual([...(await own.advance(back))].sort(), [...states].sort());
      assert.deepEqual(Object.fromEntries(calls), {
        "content.templates": 2,
        "deviceRevisions.getMany": 2,
        "deviceRevisions.advance": 2,
      });
      const [one] = made;
      assert.ok(one);
      const [object] = await objectsOf(own, one._id, states.get(one._id) ?? { kind: "none", revision: 0 });
      assert.deepEqual(object, configMap("web", { site: "site 0" }));
    });

    it("makes content that devices share once, and keeps it apart between organisations", async () => {
      const other = (await world.addOrganization())._id;
      const objects = [configMap("constant", { a: "b" })];
      const own = await world.addTemplate(organizationId, objects);
      const foreign = await world.addTemplate(other, objects);
      const [a, b] = [
        await world.addDevice(organizationId, { assignments: follow(own), variables: { X: "unused" } }),
        await world.addDevice(organizationId, { assignments: follow(own) }),
      ];
      const c = await world.addDevice(other, { assignments: follow(foreign) });
      const states = await service.advance([a, b, c]);
      const [first, second, third] = await Promise.all(
        [a, b, c].map(({ _id }) => service.readBundle(_id, encodedDigestOf(states.get(_id)))),
      );
      assert.ok(first && third);
      assert.ok(first === second, "the very same buffer");
      assert.ok(first !== third && first.equals(third));
    });

    it("gives a device nothing of a template or a version of another organisation", async () => {
      const other = (await world.addOrganization())._id;
      const foreign = await world.addTemplate(other, [configMap("foreign", {})]);
      const own = await world.addTemplate(organizationId, [configMap("own", {})]);
      const owner = await world.addDevice(other, { assignments: follow(foreign) });
      await advance(owner._id);
      const versionId = (await world.store.templates.find(other, foreign._id))?.currentVersionId ?? "";
      const [one, two] = [
        await world.addDevice(organizationId, { assignments: follow(foreign) }),
        await world.addDevice(organizationId, {
          assignments: [{ templateId: own._id, pinnedVersionId: versionId }],
        }),
      ];
      const states = await service.advance([one, two]);
      assert.deepEqual([...states.values()], [one.desired.wire, two.desired.wire]);
      assert.match((await errorOf(one._id)) ?? "", /^template_not_found: /);
      assert.match((await errorOf(two._id)) ?? "", /^version_not_found: /);
    });
  });

  describe("when inputs change", () => {
    it("makes a revision where the content changed, and none where it is the same", async () => {
      const web = await world.addTemplate(organizationId, [
        configMap("web", { site: "${SITE}", where: "${device.labels.zone:=nowhere}" }),
      ]);
      const { _id } = await world.addDevice(organizationId, {
        assignments: follow(web),
        variables: { SITE: "oslo" },
      });
      const first = await advance(_id);
      assert.equal(first.revision, 1);
      assert.deepEqual(await advance(_id), first);
      await world.change(_id, { variables: { SITE: "oslo", OTHER: "x" }, labels: { tier: "edge" } });
      assert.deepEqual(await advance(_id), first, "neither is used");
      await world.addVersion(web, 2, [
        configMap("web", { site: "${SITE}", where: "${device.labels.zone:-nowhere}" }),
      ]);
      assert.deepEqual(await advance(_id), first, "a new version of the same content");
      await world.change(_id, { labels: { zone: "north" } });
      assert.equal((await advance(_id)).revision, 2);
      await world.change(_id, { variables: { SITE: "rome" } });
      const third = await advance(_id);
      assert.deepEqual(await objectsOf(service, _id, third), [
        configMap("web", { site: "rome", where: "north" }),
      ]);
      const revisions = await history(_id);
      assert.deepEqual(
        revisions.map(({ revision, state, reason }) => ({ revision, state, reason })),
        [3, 2, 1].map((revision) => ({ revision, state: "offered", reason: "change" })),
      );
      assert.equal(revisions[0]?.digest, third.kind === "bundle" && third.digest);
      assert.equal(revisions[0]?.inputs.variables["SITE"], "rome");
    });

    it("tells a device to run nothing once, when nothing is assigned any more", async () => {
      const web = await world.addTemplate(organizationId, [configMap("web", {})]);
      const { _id } = await world.addDevice(organizationId);
      assert.deepEqual(await advance(_id), { kind: "none", revision: 0 });
      await world.change(_id, { assignments: follow(web) });
      assert.equal((await advance(_id)).revision, 1);
      await world.change(_id, { assignments: [] });
      assert.deepEqual(await advance(_id), { kind: "none", revision: 2 });
      assert.deepEqual(await advance(_id), { kind: "none", revision: 2 });
      await world.change(_id, { assignments: follow(web) });
      assert.equal((await advance(_id)).revision, 3);
    });

    it("merges templates, and refuses an object that two of them bring", async () => {
      const a = await world.addTemplate(organizationId, [configMap("a", {})]);
      const b = await world.addTemplate(organizationId, [configMap("b", {})]);
      const clash = await world.addTemplate(organizationId, [configMap("a", { other: "content" })]);
      const { _id } = await world.addDevice(organizationId, { assignments: follow(a, b) });
      const first = await advance(_id);
      assert.deepEqual(await objectsOf(service, _id, first), [configMap("a", {}), configMap("b", {})]);
      await world.change(_id, { assignments: follow(a, b, clash) });
      assert.deepEqual(await advance(_id), first);
      assert.match((await errorOf(_id)) ?? "", /^duplicate_object: ConfigMap\/default\/a is in/);
    });

    it("has two replicas that see different inputs agree on one revision and its history", async () => {
      const web = await world.addTemplate(organizationId, [configMap("web", { site: "${SITE}" })]);
      const stored = await world.addDevice(organizationId, { assignments: follow(web) });
      const seen = ["oslo", "rome", "kyiv"].map((SITE) => ({ ...stored, variables: { SITE } }));
      const answers = await Promise.all(seen.map((each) => world.service().advance([each])));
      assert.equal(answers.filter((answer) => answer.size === 1).length, 1);
      const { desired } = await world.read(stored._id);
      const inForce = await world.store.deviceRevisions.get(organizationId, stored._id, desired.revision);
      assert.equal(inForce?.digest, desired.digest);
      // Whoever serves it after a restart makes the same bundle of the history.
      const restarted = world.service();
      const [object] = await objectsOf(restarted, stored._id, desired.wire);
      const won = seen[answers.findIndex((answer) => answer.size === 1)];
      assert.deepEqual(object, configMap("web", { site: won?.variables["SITE"] ?? "" }));
    });
  });

  describe("when content can't be made", () => {
    it("notes why once, keeps what runs, and takes it back with the same revision", async () => {
      const web = await world.addTemplate(organizationId, [configMap("web", { site: "${SITE}" })]);
      const variables = { SITE: "oslo" };
      const { _id } = await world.addDevice(organizationId, { assignments: follow(web), variables });
      const first = await advance(_id);
      await world.change(_id, { variables: {} });
      assert.deepEqual(await advance(_id), first);
      const noted = (await world.read(_id)).desired;
      assert.match(noted.error ?? "", /^variable_missing: .*SITE.*ConfigMap\/default\/web/);
      await advance(_id);
      assert.deepEqual((await world.read(_id)).desired, noted, "it is not written again");
      await world.change(_id, { variables });
      assert.deepEqual(await advance(_id), first);
      assert.equal(await errorOf(_id), null);
      assert.equal((await history(_id)).length, 1);
    });

    it("concerns no other device of the batch", async () => {
      const web = await world.addTemplate(organizationId, [configMap("web", { site: "${SITE}" })]);
      const bad = await world.addDevice(organizationId, { assignments: follow(web) });
      const good = await world.addDevice(organizationId, {
        assignments: follow(web),
        variables: { SITE: "x" },
      });
      const states = await service.advance([bad, good]);
      assert.deepEqual([states.get(bad._id)?.kind, states.get(good._id)?.kind], ["none", "bundle"]);
    });

    it("keeps what runs when the template or its version is gone, on every replica", async () => {
      const web = await world.addTemplate(organizationId, [configMap("web", {})]);
      const db = await world.addTemplate(organizationId, [configMap("db", {})]);
      const { _id } = await world.addDevice(organizationId, { assignments: follow(web, db) });
      const first = await advance(_id);
      const { currentVersionId } = (await world.store.templates.find(organizationId, db._id)) ?? db;
      await world.change(_id, {
        assignments: [...follow(db), { templateId: web._id, pinnedVersionId: currentVersionId }],
      });
      assert.deepEqual(await advance(_id), first, "a version of another template");
      assert.match((await errorOf(_id)) ?? "", /^version_not_found: /);
      await world.change(_id, { assignments: follow(web, db) });
      assert.deepEqual(await advance(_id), first);
      assert.equal(await errorOf(_id), null);
      await world.store.templates.discardVersions(organizationId, db._id);
      service = world.service();
      assert.deepEqual(await advance(_id), first);
      assert.match((await errorOf(_id)) ?? "", /^version_not_found: /);
      await world.store.templates.delete(organizationId, db._id);
      assert.deepEqual(await advance(_id), first, "a device without its database is another device");
      assert.match((await errorOf(_id)) ?? "", /^template_not_found: /);
      await world.change(_id, { assignments: follow(web) });
      assert.equal((await advance(_id)).revision, 2);
      assert.equal(await errorOf(_id), null);
    });
  });

  describe("when a device is rolled back", () => {
    it("runs the content of that revision, whatever is assigned, until it is unpinned", async () => {
      const web = await world.addTemplate(organizationId, [configMap("web", { site: "${SITE}" })]);
      const { _id } = await world.addDevice(organizationId, {
        assignments: follow(web),
        variables: { SITE: "oslo" },
      });
      const first = await advance(_id);
      await world.change(_id, { variables: { SITE: "rome" } });
      await world.addVersion(web, 2, [configMap("web", { version: "2", site: "${SITE}" })]);
      await advance(_id);
      await world.change(_id, { pinnedRevision: 1 });
      const back = await advance(_id);
      assert.equal(back.revision, 3);
      assert.deepEqual(await objectsOf(service, _id, back), await objectsOf(service, _id, { ...first }));
      assert.equal((await history(_id))[0]?.reason, "rollback");
      await world.addVersion(web, 3, [configMap("web", { version: "3" })]);
      assert.deepEqual(await advance(_id), back, "a new version does not reach it");
      await world.change(_id, { pinnedRevision: null });
      const next = await advance(_id);
      assert.deepEqual(
        [next.revision, await objectsOf(service, _id, next)],
        [4, [configMap("web", { version: "3" })]],
      );
    });

    it("keeps what runs where that revision, or a version of it, is gone", async () => {
      const web = await world.addTemplate(organizationId, [configMap("web", {})]);
      const { _id } = await world.addDevice(organizationId, { assignments: follow(web) });
      const first = await advance(_id);
      await world.change(_id, { pinnedRevision: 7 });
      assert.deepEqual(await advance(_id), first);
      assert.match((await errorOf(_id)) ?? "", /^revision_not_found: .*7/);
      const next = await world.addTemplate(organizationId, [configMap("next", {})]);
      await world.change(_id, { pinnedRevision: null, assignments: follow(next) });
      const second = await advance(_id);
      await world.store.templates.delete(organizationId, web._id);
      await world.change(_id, { pinnedRevision: 1 });
      service = world.service();
      assert.deepEqual(await advance(_id), second);
      assert.match((await errorOf(_id)) ?? "", /^version_not_found: /);
    });
  });

  describe("when content holds secrets", () => {
    const withSecret = () =>
      world.addTemplate(organizationId, [configMap("app", { password: "${secret.db.password}" })]);
    const passwordOf = async (deviceId: string, state: DesiredState) => {
      const [object] = await objectsOf(service, deviceId, state);
      return (object?.["data"] as Record<string, string> | undefined)?.["password"];
    };

    it("follows each new value, and one that is made anew under the same name", async () => {
      const app = await withSecret();
      const { _id } = await world.addDevice(organizationId, { assignments: follow(app) });
      await advance(_id);
      assert.match((await errorOf(_id)) ?? "", /^variable_missing: .*secret\.db\.password/);
      await world.putSecret(organizationId, "db.password", "first");
      const first = await advance(_id);
      assert.equal(await passwordOf(_id, first), "first");
      await world.putSecret(organizationId, "db.password", "first");
      assert.deepEqual(await advance(_id), first, "the same value is the same content");
      await world.putSecret(organizationId, "db.password", "second");
      const second = await advance(_id);
      assert.deepEqual([second.revision, await passwordOf(_id, second)], [2, "second"]);
      await world.store.secrets.delete(organizationId, "db.password");
      for (const value of ["anew 1", "anew 2", "anew 3"])
        await world.putSecret(organizationId, "db.password", value);
      const third = await advance(_id);
      assert.equal(await passwordOf(_id, third), "anew 3");
      await world.store.secrets.delete(organizationId, "db.password");
      await world.putSecret(organizationId, "db.password", "of version one");
      assert.equal(await passwordOf(_id, await advance(_id)), "of version one");
    });

    it("takes another organisation's secret of that name for none", async () => {
      const other = (await world.addOrganization())._id;
      await world.putSecret(other, "db.password", "theirs");
      const app = await withSecret();
      const { _id } = await world.addDevice(organizationId, { assignments: follow(app) });
      assert.equal((await advance(_id)).kind, "none");
      assert.match((await errorOf(_id)) ?? "", /^variable_missing: /);
    });

    it("stops only devices that use a secret which can't be opened", async () => {
      const other = (await world.addOrganization())._id;
      const app = await withSecret();
      const plain = await world.addTemplate(organizationId, [configMap("plain", {})]);
      const theirs = await world.addTemplate(other, [configMap("plain", {})]);
      const sealed = await world.secretVault.sealSecret(organizationId, "another name", "value");
      await world.store.secrets.put(organizationId, "db.password", sealed);
      const user = await world.addDevice(organizationId, { assignments: follow(app) });
      const bystander = await world.addDevice(organizationId, { assignments: follow(plain) });
      const stranger = await world.addDevice(other, { assignments: follow(theirs) });
      const states = await service.advance([user, bystander, stranger]);
      assert.deepEqual(
        [user, bystander, stranger].map(({ _id }) => states.get(_id)?.kind),
        ["none", "bundle", "bundle"],
      );
      assert.match((await errorOf(user._id)) ?? "", /^secret_unreadable: The secret db\.password /);
      await world.putSecret(organizationId, "db.password", "readable");
      assert.equal((await advance(user._id)).kind, "bundle");
    });

    it("leaves no value of a secret in the store, and refuses one in a name", async () => {
      const value = `very-secret-${newId("x").toLowerCase()}`;
      const app = await withSecret();
      const named = await world.addTemplate(organizationId, [configMap("app-${secret.db.password}_", {})]);
      const typed = await world.addTemplate(organizationId, [
        configMap("typed", { a: "${secret.db.password|int}" }),
      ]);
      await world.putSecret(organizationId, "db.password", value);
      for (const each of [app, named, typed]) {
        const { _id } = await world.addDevice(organizationId, { assignments: follow(each) });
        await advance(_id);
        if (each === named) assert.match((await errorOf(_id)) ?? "", /^placeholder_not_allowed: /);
      }
      const { db } = world.database;
      let documents = 0;
      for (const { name } of await db.listCollections().toArray()) {
        for (const found of await db.collection(name).find({}).toArray()) {
          documents += 1;
          assert.ok(!JSON.stringify(found).includes(value), `${name} ${String(found._id)}`);
        }
      }
      assert.ok(documents > 10);
    });
  });

  describe("when bundles are read", () => {
    const distinct = async () => {
      const web = await world.addTemplate(organizationId, [configMap("web", { name: "${device.name}" })]);
      const devices = await Promise.all(
        [1, 2].map(() => world.addDevice(organizationId, { assignments: follow(web) })),
      );
      const states = await service.advance(devices);
      return devices.map(({ _id }) => ({ _id, encodedDigest: encodedDigestOf(states.get(_id)) }));
    };

    it("gives a device its own content only, cached or not", async () => {
      const [one, two] = await distinct();
      assert.ok(one && two);
      for (const each of [service, world.service()]) {
        assert.equal(await each.readBundle(one._id, two.encodedDigest), undefined);
        assert.equal(await each.readBundle(two._id, one.encodedDigest), undefined);
        assert.ok(await each.readBundle(one._id, one.encodedDigest));
        assert.equal(await each.readBundle(two._id, one.encodedDigest), undefined, "also when it is cached");
        assert.equal(await each.readBundle(newId("dev"), one.encodedDigest), undefined);
        assert.equal(await each.readBundle(one._id, "0".repeat(64)), undefined);
        assert.equal(await each.readBundle(one._id, ""), undefined);
      }
      const idle = await world.addDevice(organizationId);
      assert.equal(await service.readBundle(idle._id, one.encodedDigest), undefined);
    });

    it("makes it again after a restart, once for all its chunks", async () => {
      const [one] = await distinct();
      assert.ok(one);
      const before = await service.readBundle(one._id, one.encodedDigest);
      const { store, calls } = counted(world.store);
      const { secretVault } = world;
      const restarted = createDesiredState({ store, secretVault, kustomize: null, logger: silentLogger });
      const chunks = await Promise.all([1, 2, 3].map(() => restarted.readBundle(one._id, one.encodedDigest)));
      assert.ok(before && chunks[0]?.equals(before));
      assert.ok(
        chunks.every((chunk) => chunk === chunks[0]),
        "made once for those who ask at the same time",
      );
      calls.clear();
      assert.ok((await restarted.readBundle(one._id, one.encodedDigest)) === chunks[0]);
      assert.deepEqual(Object.fromEntries(calls), {});
    });

    it("gives what the device was told though its assignments have changed", async () => {
      const [one] = await distinct();
      assert.ok(one);
      await world.change(one._id, { assignments: [] });
      assert.ok(await world.service().readBundle(one._id, one.encodedDigest));
    });

    it("gives nothing where a value that it was made of has changed", async () => {
      const app = await world.addTemplate(organizationId, [configMap("app", { a: "${secret.key}" })]);
      await world.putSecret(organizationId, "key", "one");
      const { _id } = await world.addDevice(organizationId, { assignments: follow(app) });
      const encodedDigest = encodedDigestOf(await advance(_id));
      await world.putSecret(organizationId, "key", "two");
      assert.equal(await world.service().readBundle(_id, encodedDigest), undefined);
      await world.store.secrets.delete(organizationId, "key");
      assert.equal(await world.service().readBundle(_id, encodedDigest), undefined);
    });

    it("offers the bytes of its own compressor where another one's were offered", async () => {
      const [one] = await distinct();
      assert.ok(one);
      const { desired } = await world.read(one._id);
      assert.equal(desired.wire.kind, "bundle");
      const elsewhere = { ...desired.wire, encodedDigest: "f".repeat(64), encodedBytes: 1 };
      const { deviceRevisions } = world.store;
      const change = { deviceId: one._id, organizationId, fromRevision: desired.revision };
      await deviceRevisions.advance([{ ...change, desired: { ...desired, wire: elsewhere } }]);
      const restarted = world.service();
      assert.equal(await restarted.readBundle(one._id, "f".repeat(64)), undefined);
      const after = (await world.read(one._id)).desired;
      assert.deepEqual(after, desired, "the same revision, told anew");
      assert.ok(await restarted.readBundle(one._id, encodedDigestOf(after.wire)));
    });
  });
});
