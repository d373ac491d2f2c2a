import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createStore, type Store } from "../src/index.ts";
import { describeOnDatabases, withDatabase, type TestDatabase } from "../../../test/harness/database.ts";
import { at, organization, user } from "./documents.ts";
import { testedIn } from "./suite.ts";

describeOnDatabases("store: as a whole", (start) => {
  let database: TestDatabase;
  let store: Store;

  before(async function () {
    this.timeout(60_000);
    database = await start();
    store = await createStore({ uri: database.uri });
  });
  after(async function () {
    this.timeout(30_000);
    await store.close();
    await database.stop();
  });

  describe("when it has connected", () => {
    it("has a test for every repository", () => {
      const repositories = Object.keys(store).filter((name) => !["ping", "close"].includes(name));
      assert.deepEqual(repositories.sort(), Object.keys(testedIn).sort());
      for (const file of Object.values(testedIn))
        assert.ok(existsSync(new URL(`${file}.test.ts`, import.meta.url)), file);
    });

    it("has declared the indexes that expire documents, and the unique ones", async () => {
      const indexes = async (name: string) => database.db.collection(name).indexes();
      const expiring = async (name: string) =>
        (await indexes(name)).flatMap(({ key, expireAfterSeconds }) =>
          expireAfterSeconds === undefined ? [] : [[Object.keys(key).join(), expireAfterSeconds]],
        );
      assert.deepEqual(await expiring("sessions"), [["expiresAt", 0]]);
      assert.deepEqual(await expiring("events"), [["at", 34_560_000]]);
      assert.deepEqual(await expiring("connectionEvents"), [["at", 7_776_000]]);
      for (const name of ["devices", "leases", "certificates", "deviceRevisions"])
        assert.deepEqual(await expiring(name).catch(() => []), [], `${name} are kept`);
      const unique = async (name: string) =>
        (await indexes(name))
          .filter((index) => index.unique === true)
          .map(({ key }) => Object.keys(key).join());
      assert.deepEqual((await unique("users")).sort(), ["email", "username"]);
      assert.deepEqual(await unique("devices"), ["organizationId,name"]);
      assert.deepEqual(await unique("deviceRevisions"), ["deviceId,revision"]);
      assert.deepEqual((await unique("provisioningTokens")).sort(), ["hash", "organizationId,name"]);
    });

    it("keeps events as long as it is told now, whatever it was told before", async () => {
      const span = async (collection = "events") =>
        (await database.db.collection(collection).indexes()).find(({ name }) => name === "at_1")
          ?.expireAfterSeconds;
      const start = (eventRetentionMs?: number) =>
        createStore({ uri: database.uri, maxPoolSize: 2, ...(eventRetentionMs && { eventRetentionMs }) });
      const others = await Promise.all([1, 2].map(() => start(86_400_000)));
      assert.equal(await span(), 86_400);
      // Single connections are never kept longer than the rest.
      assert.equal(await span("connectionEvents"), 86_400);
      others.push(await start());
      assert.equal(await span(), 34_560_000);
      assert.equal(await span("connectionEvents"), 7_776_000);
      await Promise.all(others.map((other) => other.close()));
    });

    it("builds the same indexes again without harm, also twice at once", async () => {
      const before = await database.db.collection("devices").indexes();
      const others = await Promise.all([1, 2].map(() => createStore({ uri: database.uri, maxPoolSize: 2 })));
      await Promise.all(others.map((other) => other.close()));
      assert.deepEqual(await database.db.collection("devices").indexes(), before);
    });
  });

  describe("when a document does not fit its model", () => {
    it("refuses a field that is not declared, and stores nothing of it", async () => {
      const stray = { ...organization(), isAdmin: true };
      await assert.rejects(store.organizations.insert(stray), { name: "StrictModeError" });
      assert.equal(await store.organizations.find(stray._id), null);
      const nested = user({ memberships: [{ organizationId: "org_x", role: "viewer", extra: 1 } as never] });
      await assert.rejects(store.accounts.insertUser(nested));
      assert.equal(await store.accounts.findUser(nested._id), null);
    });

    it("refuses a change of a field that is not declared", async () => {
      const stored = organization();
      await store.organizations.insert(stored);
      await assert.rejects(store.organizations.update(stored._id, { isAdmin: true } as never), {
        name: "StrictModeError",
      });
      assert.deepEqual(await store.organizations.find(stored._id), stored);
    });

    it("refuses operators in place of text where it stores", async () => {
      const { organizations, accounts } = store;
      await assert.rejects(organizations.insert(organization({ name: { $ne: null } as never })), {
        name: "ValidationError",
      });
      const session = { _id: { $gt: "" } as never, userId: "usr_x", createdAt: at(0), expiresAt: at(1) };
      await assert.rejects(accounts.insertSession(session));
    });

    it("refuses a document without what it needs", async () => {
      const { dataKey: _dataKey, ...incomplete } = organization();
      await assert.rejects(store.organizations.insert(incomplete as never), { name: "ValidationError" });
    });
  });

  describe("when it is asked whether it lives", () => {
    it("answers, and rejects once it is closed", async () => {
      await store.ping();
      const other = await createStore({ uri: database.uri });
      await other.close();
      await assert.rejects(async () => {
        await other.ping();
        await other.organizations.find("org_x");
      });
    });
  });
});

describe("the connection string of a test database", () => {
  it("names the database and keeps the rest", () => {
    const cases = [
      ["mongodb://a", "mongodb://a/t"],
      ["mongodb://a:1,b:2/", "mongodb://a:1,b:2/t"],
      ["mongodb://a/old?replicaSet=r", "mongodb://a/t?replicaSet=r"],
      ["mongodb://u:p@a/old", "mongodb://u:p@a/t?authSource=old"],
      ["mongodb://u:p@a/old?authSource=admin", "mongodb://u:p@a/t?authSource=admin"],
      ["mongodb+srv://u:p@a?w=1", "mongodb+srv://u:p@a/t?w=1"],
    ] as const;
    for (const [given, expected] of cases) assert.equal(withDatabase(given, "t"), expected);
    assert.throws(() => withDatabase("redis://a", "t"));
  });
});
