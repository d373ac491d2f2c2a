import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { isDuplicateKey, type ApiToken } from "../src/index.ts";
import { at, device, hex, inParallel, orderedId, organization, user } from "./documents.ts";
import { describeStore } from "./suite.ts";

const apiToken = (organizationId: string, userId: string, change: Partial<ApiToken> = {}): ApiToken => ({
  _id: newId("apt"),
  organizationId,
  userId,
  name: "ci",
  hash: hex(),
  scopes: ["read"],
  expiresAt: null,
  lastUsedAt: null,
  createdAt: at(0),
  ...change,
});

describeStore("accounts", (context) => {
  describe("when people are stored", () => {
    it("finds them by id, e-mail address and user name, and nobody by another", async () => {
      const { accounts } = context.store;
      const stored = user({ email: "ada@example.com", username: "ada" });
      await accounts.insertUser(stored);
      assert.deepEqual(await accounts.findUser(stored._id), stored);
      assert.deepEqual(await accounts.findUserByLogin("ada@example.com"), stored);
      assert.deepEqual(await accounts.findUserByLogin("ada"), stored);
      for (const login of ["", "@", "nobody", "ADA", "ada@", ".*", "$where"])
        assert.equal(await accounts.findUserByLogin(login), null, login);
      assert.equal(await accounts.findUser(newId("usr")), null);
    });

    it("refuses a second e-mail address and a second user name, one of 25 at once stays", async () => {
      const { accounts } = context.store;
      const [email, username] = ["twice@example.com", "twice"];
      const outcomes = await inParallel(25, (index) =>
        accounts.insertUser(index % 2 === 0 ? user({ email }) : user({ username, email: `${index}@x` })).then(
          () => "stored",
          (error: unknown) => (isDuplicateKey(error) ? "duplicate" : String(error)),
        ),
      );
      const of = (parity: number) => outcomes.filter((_outcome, index) => index % 2 === parity).sort();
      assert.deepEqual(of(0), [...Array<string>(12).fill("duplicate"), "stored"]);
      assert.deepEqual(of(1), [...Array<string>(11).fill("duplicate"), "stored"]);
    });

    it("replaces memberships only if they are those that were read", async () => {
      const { accounts } = context.store;
      const [first, second] = [newId("org"), newId("org")];
      const before = [{ organizationId: first, role: "owner" as const }];
      const stored = user({ memberships: before });
      await accounts.insertUser(stored);
      const after = [...before, { organizationId: second, role: "viewer" as const }];
      const won = await inParallel(25, () => accounts.replaceMemberships(stored._id, before, after));
      assert.equal(won.filter(Boolean).length, 1);
      assert.deepEqual((await accounts.findUser(stored._id))?.memberships, after);
      assert.equal(await accounts.replaceMemberships(stored._id, before, []), false);
      assert.equal(await accounts.replaceMemberships(newId("usr"), before, []), false);
    });

    it("counts a role within its organisation only", async () => {
      const { accounts } = context.store;
      const [one, other] = [newId("org"), newId("org")];
      // A viewer here who is an owner elsewhere is no owner here.
      await accounts.insertUser(
        user({
          memberships: [
            { organizationId: one, role: "viewer" },
            { organizationId: other, role: "owner" },
          ],
        }),
      );
      assert.equal(await accounts.countMembers(one, "owner"), 0);
      assert.equal(await accounts.countMembers(one, "viewer"), 1);
      assert.equal(await accounts.countMembers(other, "owner"), 1);
      await accounts.insertUser(
        user({ status: "disabled", memberships: [{ organizationId: other, role: "owner" }] }),
      );
      assert.equal(await accounts.countMembers(other, "owner"), 1, "who can't sign in doesn't count");
    });

    it("lists members in pages that neither repeat nor lose one while people are added", async () => {
      const { accounts } = context.store;
      const organizationId = newId("org");
      const member = (index: number) =>
        user({ _id: orderedId("usr", index), memberships: [{ organizationId, role: "viewer" }] });
      const members = [2, 4, 6, 8, 10].map(member);
      for (const one of members) await accounts.insertUser(one);
      await accounts.insertUser(user({ memberships: [{ organizationId: newId("org"), role: "viewer" }] }));
      const first = await accounts.listMembers(organizationId, { limit: 2 });
      // One before the place reached, and one behind it.
      const later = [1, 7].map(member);
      for (const one of later) await accounts.insertUser(one);
      const rest = await accounts.listMembers(organizationId, { after: first[1]?._id ?? "", limit: 10 });
      assert.deepEqual(
        [...first, ...rest].map(({ _id }) => _id),
        [...members, later[1]].map((one) => one?._id).sort(),
      );
    });

    it("changes a password", async () => {
      const { accounts } = context.store;
      const [stored, other] = [user(), user()];
      await accounts.insertUser(stored);
      await accounts.insertUser(other);
      await accounts.setPassword(stored._id, "new hash");
      assert.equal((await accounts.findUser(stored._id))?.passwordHash, "new hash");
      assert.equal((await accounts.findUser(other._id))?.passwordHash, "hash");
    });
  });

  describe("when people change their names", () => {
    it("keeps each name with one person", async () => {
      const { accounts } = context.store;
      const [ada, bob] = [user(), user()];
      await accounts.insertUser(ada);
      await accounts.insertUser(bob);
      const renamed = await accounts.rename(ada._id, { username: "countess", email: "c@example.com" });
      assert.deepEqual(renamed, { ...ada, username: "countess", email: "c@example.com" });
      await assert.rejects(accounts.rename(bob._id, { username: "countess" }), isDuplicateKey);
      await assert.rejects(accounts.rename(bob._id, { email: "c@example.com" }), isDuplicateKey);
      assert.deepEqual(await accounts.findUser(bob._id), bob);
      assert.equal(await accounts.rename(newId("usr"), { username: "nobody" }), null);
    });

    it("remembers the latest networks, each once", async () => {
      const { accounts } = context.store;
      const stored = user();
      await accounts.insertUser(stored);
      for (const network of ["a", "b", "a", "c", "d"])
        await accounts.addSignInNetwork(stored._id, network, 3);
      assert.deepEqual((await accounts.findUser(stored._id))?.signInNetworks, ["b", "c", "d"]);
    });
  });

  describe("when people are logged in", () => {
    it("lists a person's sessions, newest first, and notes a use at most once in an interval", async () => {
      const { accounts } = context.store;
      const userId = newId("usr");
      const sessions = [0, 1, 2].map((index) => ({
        _id: hex(),
        userId,
        createdAt: at(index),
        expiresAt: at(1_000 + index),
        address: "192.0.2.1",
        userAgent: "test",
      }));
      for (const one of sessions) await accounts.insertSession(one);
      const [first, second, third] = sessions;
      assert.deepEqual(await accounts.listSessions(userId, 2, at(0)), [third, second]);
      assert.deepEqual(await accounts.listSessions(userId, 9, at(1_000)), [third, second]);
      assert.deepEqual(await accounts.listSessions(newId("usr"), 9, at(0)), []);
      const hash = first?._id ?? "";
      for (const [time, expected] of [
        [0, 0],
        [999, 0],
        [1_000, 1_000],
      ] as const) {
        await accounts.touchSession(hash, at(time), 1_000);
        assert.deepEqual((await accounts.findSession(hash, at(0)))?.lastUsedAt, at(expected), `${time}`);
      }
    });

    it("finds a session until it expires", async () => {
      const { accounts } = context.store;
      const session = { _id: hex(), userId: newId("usr"), createdAt: at(0), expiresAt: at(1_000) };
      await accounts.insertSession(session);
      assert.deepEqual(await accounts.findSession(session._id, at(999)), session);
      assert.equal(await accounts.findSession(session._id, at(1_000)), null);
      assert.equal(await accounts.findSession(hex(), at(0)), null);
      await assert.rejects(accounts.insertSession(session), isDuplicateKey);
    });

    it("logs out one session, or all of a person but one", async () => {
      const { accounts } = context.store;
      const userId = newId("usr");
      const hashes = [hex(), hex(), hex()];
      const foreign = hex();
      const open = (_id: string, of: string) =>
        accounts.insertSession({ _id, userId: of, createdAt: at(0), expiresAt: at(1_000) });
      for (const hash of hashes) await open(hash, userId);
      await open(foreign, newId("usr"));
      const alive = async () =>
        (await Promise.all([...hashes, foreign].map((hash) => accounts.findSession(hash, at(0))))).map(
          (session) => session !== null,
        );
      await accounts.deleteSession(hashes[0] ?? "");
      assert.deepEqual(await alive(), [false, true, true, true]);
      await accounts.deleteSessionsOf(userId, hashes[1]);
      assert.deepEqual(await alive(), [false, true, false, true]);
      await accounts.deleteSessionsOf(userId);
      assert.deepEqual(await alive(), [false, false, false, true]);
    });
  });

  describe("when API tokens are stored", () => {
    it("finds a token by its hash, and by its id in its own organisation only", async () => {
      const { accounts } = context.store;
      const [organizationId, userId] = [newId("org"), newId("usr")];
      const token = apiToken(organizationId, userId);
      await accounts.insertApiToken(token);
      assert.deepEqual(await accounts.findApiTokenByHash(token.hash), token);
      assert.equal(await accounts.findApiTokenByHash(hex()), null);
      assert.deepEqual(await accounts.findApiToken(organizationId, token._id), token);
      assert.equal(await accounts.findApiToken(newId("org"), token._id), null);
      assert.equal(await accounts.deleteApiToken(newId("org"), token._id), false);
      assert.equal(await accounts.deleteApiToken(organizationId, token._id), true);
      assert.equal(await accounts.deleteApiToken(organizationId, token._id), false);
      const again = { ...token, _id: newId("apt") };
      await accounts.insertApiToken(again);
      await assert.rejects(
        accounts.insertApiToken({ ...token, organizationId: newId("org") }),
        isDuplicateKey,
        "a hash is unique over all organisations",
      );
    });

    it("lists newest first, one person's where asked, and counts and deletes those", async () => {
      const { accounts } = context.store;
      const [organizationId, ada, bob] = [newId("org"), newId("usr"), newId("usr")];
      const tokens = [0, 1, 2, 3].map((index) =>
        apiToken(organizationId, index === 3 ? bob : ada, { _id: orderedId("apt", index) }),
      );
      for (const token of tokens) await accounts.insertApiToken(token);
      const ids = (found: ApiToken[]) =>
        found.map((token) => tokens.findIndex(({ _id }) => _id === token._id));
      assert.deepEqual(ids(await accounts.listApiTokens(organizationId, { limit: 3 })), [3, 2, 1]);
      const before = tokens[1]?._id ?? "";
      assert.deepEqual(ids(await accounts.listApiTokens(organizationId, { before, limit: 3 })), [0]);
      assert.deepEqual(ids(await accounts.listApiTokens(organizationId, { userId: bob, limit: 3 })), [3]);
      assert.deepEqual(await accounts.listApiTokens(newId("org"), { limit: 3 }), []);
      assert.equal(await accounts.countApiTokens(organizationId, ada), 3);
      await accounts.deleteApiTokensOf(newId("org"), ada);
      assert.equal(await accounts.countApiTokens(organizationId, ada), 3);
      await accounts.deleteApiTokensOf(organizationId, ada);
      assert.equal(await accounts.countApiTokens(organizationId, ada), 0);
      assert.equal(await accounts.countApiTokens(organizationId, bob), 1);
    });

    it("notes a use at most once in an interval", async () => {
      const { accounts } = context.store;
      const token = apiToken(newId("org"), newId("usr"));
      await accounts.insertApiToken(token);
      const lastUsed = async () => (await accounts.findApiTokenByHash(token.hash))?.lastUsedAt;
      for (const [time, expected] of [
        [0, 0],
        [999, 0],
        [1_000, 1_000],
        [1_500, 1_000],
      ] as const) {
        await accounts.touchApiToken(token._id, at(time), 1_000);
        assert.deepEqual(await lastUsed(), at(expected), `${time}`);
      }
    });
  });

  describe("when organisations are stored", () => {
    it("finds and changes them, and refuses a name or an id twice", async () => {
      const { organizations } = context.store;
      const [stored, other] = [organization(), organization()];
      await organizations.insert(stored);
      await organizations.insert(other);
      await assert.rejects(organizations.insert(organization({ name: stored.name })), isDuplicateKey);
      await assert.rejects(organizations.insert({ ...stored, name: "another name" }), isDuplicateKey);
      assert.deepEqual(await organizations.find(stored._id), stored);
      assert.equal(await organizations.find(newId("org")), null);
      assert.deepEqual(await organizations.findByName(stored.name), stored);
      assert.equal(await organizations.findByName(newId("org")), null);
      assert.deepEqual(await organizations.update(stored._id, { status: "suspended" }), {
        ...stored,
        status: "suspended",
      });
      await assert.rejects(organizations.update(stored._id, { name: other.name }), isDuplicateKey);
      assert.equal(await organizations.update(newId("org"), { status: "active" }), null);
      const found = await organizations.findMany([other._id, newId("org"), stored._id]);
      assert.deepEqual(found.map(({ _id }) => _id).sort(), [stored._id, other._id].sort());
      assert.deepEqual(await organizations.findMany([]), []);
      await organizations.delete(stored._id);
      assert.deepEqual(await organizations.findMany([stored._id, other._id]), [other]);
    });

    it("lists all of them, oldest first", async () => {
      const { organizations } = context.store;
      const added = [0, 1, 2].map((index) => organization({ _id: orderedId("org", index) }));
      for (const one of added) await organizations.insert(one);
      const first = await organizations.list({ limit: 2 });
      assert.deepEqual(first, added.slice(0, 2));
      const [next] = await organizations.list({ after: first[1]?._id ?? "", limit: 1 });
      assert.deepEqual(next, added[2]);
      const name = added[1]?.name ?? "";
      const of = async (filter: object) => (await organizations.list({ limit: 500, ...filter })).length;
      assert.equal(await of({ nameMatches: name }), 1);
      assert.equal(await of({ nameMatches: name, status: "suspended" }), 0);
    });

    it("counts what belongs to each", async () => {
      const { accounts, deviceEnrollment, organizations } = context.store;
      const [one, other, empty] = [newId("org"), newId("org"), newId("org")];
      const memberships = [one, other].map((organizationId) => ({ organizationId, role: "viewer" as const }));
      await accounts.insertUser(user({ memberships }));
      await accounts.insertUser(user({ memberships: memberships.slice(0, 1) }));
      const online = device(one);
      await deviceEnrollment.insertMany([
        { ...online, presence: { ...online.presence, online: true } },
        device(one),
        device(other),
      ]);
      assert.deepEqual(
        await organizations.count([one, empty]),
        new Map([
          [one, { members: 2, devices: 2, online: 1 }],
          [empty, { members: 0, devices: 0, online: 0 }],
        ]),
      );
      assert.deepEqual(await organizations.count([]), new Map());
    });

    it("replaces its lists of addresses only if they are those that were read", async () => {
      const { organizations } = context.store;
      const stored = organization();
      await organizations.insert(stored);
      const replace = (version: number, address: string) =>
        organizations.replaceAllowLists(stored._id, version, { apiTokens: [], console: [address] });
      const won = await inParallel(10, (index) => replace(0, `192.0.2.${index}`));
      const [first, ...others] = won.filter((lists) => lists !== null);
      assert.deepEqual(others, []);
      assert.deepEqual((await organizations.find(stored._id))?.allowLists, first);
      assert.equal((await replace(1, "192.0.2.1"))?.version, 2);
      assert.equal(await replace(1, "192.0.2.2"), null);
      assert.equal(
        await organizations.replaceAllowLists(newId("org"), 0, { apiTokens: [], console: [] }),
        null,
      );
    });

    it("replaces what its people may do on devices only if it is what was read", async () => {
      const { organizations } = context.store;
      const stored = organization();
      await organizations.insert(stored);
      const clusterApi = { viewer: "none", operator: "view", admin: "edit", owner: "edit" } as const;
      const won = await inParallel(5, () =>
        organizations.replaceRemoteAccess(stored._id, 0, { clusterApi, terminal: "admin" }),
      );
      assert.equal(won.filter((settings) => settings !== null).length, 1);
      assert.deepEqual((await organizations.find(stored._id))?.remoteAccess, {
        clusterApi,
        terminal: "admin",
        version: 1,
      });
      assert.equal((await organizations.replaceRemoteAccess(stored._id, 1, { clusterApi }))?.version, 2);
      const deviceTunnels = { allowFrom: ["10.0.0.0/8"] };
      await organizations.replaceRemoteAccess(stored._id, 2, { clusterApi, deviceTunnels });
      assert.deepEqual((await organizations.find(stored._id))?.remoteAccess?.deviceTunnels, deviceTunnels);
      assert.equal(await organizations.replaceRemoteAccess(newId("org"), 0, { clusterApi }), null);
    });
  });
});
