import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { isDuplicateKey, type Event, type NewEvent, type NewProvisioningToken } from "../src/index.ts";
import { at, hex, inParallel } from "./documents.ts";
import { describeStore } from "./suite.ts";

const newToken = (
  organizationId: string,
  change: Partial<NewProvisioningToken> = {},
): NewProvisioningToken => ({
  organizationId,
  name: newId("name"),
  hash: hex(),
  hint: "rcp_abcd",
  approval: "automatic",
  enabled: true,
  maxDevices: null,
  expiresAt: null,
  labels: {},
  templateIds: [],
  createdBy: "usr_test",
  ...change,
});

const newEvent = (organizationId: string, change: Partial<NewEvent> = {}): NewEvent => ({
  organizationId,
  kind: "device.enrolled",
  actor: { kind: "platform", id: "platform", name: "Platform" },
  message: "A device has enrolled.",
  ...change,
});

describeStore("platform", (context) => {
  describe("when leases are claimed", () => {
    it("gives a free one to one of 25, and keeps it with its holder", async () => {
      const { leases } = context.store;
      const claims = await inParallel(25, (index) =>
        leases.claim("git:poll", `holder-${index}`, 1_000, at(0)),
      );
      assert.equal(claims.filter(Boolean).length, 1);
      const holder = `holder-${claims.indexOf(true)}`;
      assert.equal(await leases.claim("git:poll", holder, 1_000, at(500)), true, "it renews its own");
      assert.equal(await leases.claim("git:poll", "another", 1_000, at(1_200)), false, "renewed until 1500");
    });

    it("gives an expired one to one of 25", async () => {
      const { leases } = context.store;
      assert.equal(await leases.claim("expiring", "first", 1_000, at(0)), true);
      const early = await inParallel(5, (index) => leases.claim("expiring", `h${index}`, 1_000, at(999)));
      assert.deepEqual(new Set(early), new Set([false]));
      const claims = await inParallel(25, (index) => leases.claim("expiring", `h${index}`, 1_000, at(1_000)));
      assert.equal(claims.filter(Boolean).length, 1);
      assert.equal(await leases.claim("expiring", "first", 1_000, at(1_500)), false, "the first one lost it");
    });

    it("says where its holder is reached, while it is in force", async () => {
      const { leases } = context.store;
      assert.equal(await leases.addressOf("reached"), undefined);
      await leases.claim("reached", "holder", 1_000, at(0), { address: "10.0.0.7:8446" });
      assert.equal(await leases.addressOf("reached", at(999)), "10.0.0.7:8446");
      assert.equal(await leases.addressOf("reached", at(1_000)), undefined, "it has lapsed");
      await leases.claim("reached", "another", 1_000, at(2_000));
      assert.equal(await leases.addressOf("reached", at(2_001)), undefined, "its new holder names none");
    });

    it("says what its holder has to do, until that says nothing of it any more", async () => {
      const { leases } = context.store;
      const load = { sessions: 7, state: "ready" } as const;
      await leases.claim("load:a", "a", 1_000, at(0), { load });
      await leases.claim("load:b", "b", 1_000, at(0), { address: "10.0.0.8:8446" });
      const said = async (ms: number) =>
        (await leases.loads("load:", at(ms))).sort((a, b) => a.name.localeCompare(b.name));
      const nothing = { name: "load:b", holder: "b", load: null };
      assert.deepEqual(await said(999), [{ name: "load:a", holder: "a", load }, nothing]);
      assert.deepEqual(await said(1_000), [], "they have lapsed");
      await leases.claim("load:a", "sweeper", 1_000, at(1_500));
      assert.deepEqual(await said(1_600), [{ name: "load:a", holder: "sweeper", load: null }]);
    });

    it("is let go of by its holder only", async () => {
      const { leases } = context.store;
      await leases.claim("released", "holder", 1_000, at(0));
      await leases.release("released", "somebody else");
      assert.equal(await leases.claim("released", "next", 1_000, at(1)), false);
      await leases.release("released", "holder");
      assert.equal(await leases.claim("released", "next", 1_000, at(2)), true);
    });

    it("lists those in force and those that lapsed, by a prefix that is no pattern", async () => {
      const { leases } = context.store;
      for (const [name, until] of [
        ["connector:a", 100],
        ["connector:b", 200],
        ["connectors", 200],
        ["con", 200],
      ] as const)
        await leases.claim(name, "holder", until, at(0));
      assert.deepEqual((await leases.active("connector:", at(50))).sort(), ["connector:a", "connector:b"]);
      assert.deepEqual(await leases.active("connector:", at(100)), ["connector:b"]);
      assert.deepEqual(await leases.expired("connector:", at(100)), ["connector:a"]);
      assert.deepEqual(await leases.expired("connector:", at(99)), []);
      assert.deepEqual(await leases.active("connector.", at(50)), []);
      assert.deepEqual((await leases.connectors(at(50))).sort(), ["a", "b"]);
      assert.deepEqual(await leases.connectors(at(100)), ["b"]);
    });
  });

  describe("when it is noted how fleets are", () => {
    it("keeps one sample for each organisation and moment, in order", async () => {
      const { fleetSamples } = context.store;
      const [one, other] = [newId("org"), newId("org")];
      const count = (organizationId: string, online: number) => ({
        organizationId,
        total: 9,
        online,
        healthy: 1,
      });
      assert.equal(await fleetSamples.has(at(20)), false);
      await fleetSamples.insertMany(at(20), [count(one, 2)]);
      await fleetSamples.insertMany(at(10), [count(one, 1), count(other, 7)]);
      await fleetSamples.insertMany(at(20), [count(one, 3)]);
      await fleetSamples.insertMany(at(30), []);
      assert.equal(await fleetSamples.has(at(20)), true);
      const points = await fleetSamples.list(one, at(0), 10);
      assert.deepEqual(points, [
        { at: at(10), total: 9, online: 1, healthy: 1 },
        { at: at(20), total: 9, online: 2, healthy: 1 },
      ]);
      assert.equal((await fleetSamples.list(one, at(11), 10)).length, 1);
      assert.equal((await fleetSamples.list(one, at(0), 1)).length, 1);
    });
  });

  describe("when values are shared by the platform", () => {
    it("gives all of 25 first callers the same one", async () => {
      const { platformValues } = context.store;
      const values = await inParallel(25, (index) =>
        platformValues.getOrCreate("ticket-key", () => `${index}`),
      );
      assert.equal(new Set(values).size, 1);
      assert.equal(await platformValues.get("ticket-key"), values[0]);
      const unused = () => assert.fail("it is there already");
      assert.equal(await platformValues.getOrCreate("ticket-key", unused), values[0]);
    });

    it("sets, replaces and misses one", async () => {
      const { platformValues } = context.store;
      assert.equal(await platformValues.get("unknown"), undefined);
      await platformValues.set("check", "one");
      await platformValues.set("check", "two");
      assert.equal(await platformValues.get("check"), "two");
    });

    it("stores nothing where making it fails", async () => {
      const { platformValues } = context.store;
      const fails = () => {
        throw new Error("no entropy");
      };
      await assert.rejects(platformValues.getOrCreate("failing", fails), /no entropy/);
      assert.equal(await platformValues.get("failing"), undefined);
    });
  });

  describe("when events are appended", () => {
    it("lists an organisation's own, newest first, with defaults", async () => {
      const { events } = context.store;
      const organizationId = newId("org");
      await events.append(newEvent(organizationId, { message: "one" }));
      await events.append();
      await events.append(newEvent(newId("org")));
      const [stored, ...others] = await events.list({ organizationId, limit: 10 });
      assert.deepEqual(others, []);
      assert.ok(stored);
      const { _id, at: time, ...rest } = stored;
      assert.deepEqual(rest, {
        ...newEvent(organizationId, { message: "one" }),
        deviceId: null,
        severity: "info",
        details: {},
        address: null,
      });
      assert.match(_id, /^evt_/);
      assert.ok(time instanceof Date);
    });

    it("stores the same by appendMany, whose details are a plain document", async () => {
      const { events } = context.store;
      const organizationId = newId("org");
      const details = { empty: {}, list: [1, "two", null], nested: { at: at(5), "a key": true } };
      await events.appendMany([]);
      await events.appendMany([newEvent(organizationId, { details })]);
      await events.append(newEvent(organizationId, { details }));
      const found = await events.list({ organizationId, limit: 10 });
      assert.deepEqual(
        found.map((event) => event.details),
        [details, details],
      );
      const [first, second] = found.map(({ _id, at: _at, ...rest }) => rest as Partial<Event>);
      assert.deepEqual(first, second);
    });

    it("filters by device, kinds and severity", async () => {
      const { events } = context.store;
      const [organizationId, deviceId] = [newId("org"), newId("dev")];
      await events.append(
        newEvent(organizationId, { deviceId, message: "a" }),
        newEvent(organizationId, { deviceId, kind: "device.online", message: "b" }),
        newEvent(organizationId, { severity: "error", kind: "git.failed", message: "c" }),
      );
      const list = async (filter: object) =>
        (await events.list({ organizationId, limit: 10, ...filter })).map(({ message }) => message).sort();
      assert.deepEqual(await list({}), ["a", "b", "c"]);
      assert.deepEqual(await list({ deviceId }), ["a", "b"]);
      assert.deepEqual(await list({ kinds: ["device.online", "git.failed"] }), ["b", "c"]);
      assert.deepEqual(await list({ kinds: [] }), []);
      assert.deepEqual(await list({ severity: "error" }), ["c"]);
      assert.deepEqual(await list({ deviceId, severity: "error" }), []);
      // A device's events are found through its organisation only.
      assert.deepEqual(await events.list({ organizationId: newId("org"), deviceId, limit: 10 }), []);
    });

    it("filters by beginnings of kinds, by who did it, by words and by time", async () => {
      const { events } = context.store;
      const organizationId = newId("org");
      const ada = { kind: "user" as const, id: newId("usr"), name: "ada" };
      await events.append(
        newEvent(organizationId, { message: "one", actor: ada }),
        newEvent(organizationId, { kind: "device.online", message: "two" }),
        newEvent(organizationId, { kind: "devices.odd", message: "three" }),
      );
      const list = async (filter: object) =>
        (await events.list({ organizationId, limit: 10, ...filter })).map(({ message }) => message).sort();
      assert.deepEqual(await list({ kindPrefixes: ["device."] }), ["one", "two"]);
      assert.deepEqual(await list({ kinds: ["devices.odd"], kindPrefixes: ["device."] }), [
        "one",
        "three",
        "two",
      ]);
      assert.deepEqual(await list({ kindPrefixes: [] }), []);
      assert.deepEqual(await list({ actorId: ada.id }), ["one"]);
      assert.deepEqual(await list({ actorMatches: "^ad" }), ["one"]);
      assert.deepEqual(await list({ messageMatches: "t[wh]" }), ["three", "two"]);
      const [first] = await events.list({ organizationId, limit: 1 });
      const time = first?.at.getTime() ?? 0;
      assert.deepEqual(await list({ from: new Date(time + 1) }), []);
      assert.deepEqual(await list({ from: new Date(time - 60_000), to: new Date(time + 1) }), [
        "one",
        "three",
        "two",
      ]);
      assert.deepEqual(await list({ to: new Date(time - 60_000) }), []);
      assert.deepEqual(await list({ from: new Date(0), to: new Date(1) }), []);
    });

    it("keeps single connections apart, and lists them among the others where they are wanted", async () => {
      const { events } = context.store;
      const organizationId = newId("org");
      const kinds = ["device.online", "connection.opened", "connect.opened", "connection.refused"];
      for (const [index, kind] of kinds.entries()) {
        const event = newEvent(organizationId, { kind, _id: newId("evt", index + 1), at: at(index + 1) });
        await (index < 2 ? events.append(event) : events.appendMany([event]));
      }
      const list = async (filter: object) =>
        (await events.list({ organizationId, limit: 10, ...filter })).map(({ kind }) => kind);
      assert.deepEqual(await list({}), kinds.toReversed());
      assert.deepEqual(await list({ limit: 2 }), ["connection.refused", "connect.opened"]);
      const [, second] = await events.list({ organizationId, limit: 2 });
      assert.deepEqual(await list({ before: second?._id }), ["connection.opened", "device.online"]);
      assert.deepEqual(await list({ withoutConnections: true }), ["connect.opened", "device.online"]);
      assert.deepEqual(await list({ kindPrefixes: ["connection."] }), [
        "connection.refused",
        "connection.opened",
      ]);
      assert.deepEqual(await list({ kindPrefixes: ["connect."] }), ["connect.opened"]);
      assert.deepEqual(await list({ kinds: ["connection.opened"], kindPrefixes: ["device."] }), [
        "connection.opened",
        "device.online",
      ]);
      assert.deepEqual(await list({ kinds: ["connection.opened"], withoutConnections: true }), []);
    });

    it("pages through all of them once while others are appended", async () => {
      const { events } = context.store;
      const organizationId = newId("org");
      const append = (message: string) => events.append(newEvent(organizationId, { message }));
      for (const index of [0, 1, 2, 3, 4, 5, 6]) await append(`${index}`);
      const seen: string[] = [];
      let before: string | undefined;
      for (;;) {
        const page = await events.list({ organizationId, limit: 3, ...(before && { before }) });
        seen.push(...page.map(({ message }) => message));
        before = page.at(-1)?._id;
        if (page.length < 3) break;
        await new Promise((resolve) => setTimeout(resolve, 2)); // Ids sort by the millisecond they are made in.
        await append("later");
      }
      assert.deepEqual(seen.sort(), ["0", "1", "2", "3", "4", "5", "6"]);
    });
  });

  describe("when provisioning tokens are kept", () => {
    it("creates, finds, lists, changes and removes them within their organisation", async () => {
      const { provisioningTokens } = context.store;
      const [organizationId, other] = [newId("org"), newId("org")];
      const created = await provisioningTokens.create(newToken(organizationId));
      assert.deepEqual([created.usedCount, created.version], [0, 1]);
      assert.deepEqual(await provisioningTokens.get(organizationId, created._id), created);
      assert.deepEqual(await provisioningTokens.findByHash(created.hash), created);
      assert.equal(await provisioningTokens.findByHash(hex()), undefined);
      assert.equal(await provisioningTokens.get(other, created._id), undefined);
      assert.equal(await provisioningTokens.update(other, created._id, { enabled: false }), undefined);
      assert.equal(await provisioningTokens.remove(other, created._id), false);
      assert.deepEqual(await provisioningTokens.list({ organizationId: other, limit: 5 }), []);

      const changed = await provisioningTokens.update(organizationId, created._id, { enabled: false }, 1);
      assert.deepEqual(changed, { ...created, enabled: false, version: 2 });
      assert.equal(
        await provisioningTokens.update(organizationId, created._id, { enabled: true }, 1),
        undefined,
      );
      assert.deepEqual(
        (await provisioningTokens.update(organizationId, created._id, { labels: { a: "b" } }))?.version,
        3,
      );
      assert.equal(await provisioningTokens.remove(organizationId, created._id), true);
      assert.equal(await provisioningTokens.get(organizationId, created._id), undefined);
    });

    it("lets one of 25 changes of the same version through", async () => {
      const { provisioningTokens } = context.store;
      const organizationId = newId("org");
      const { _id } = await provisioningTokens.create(newToken(organizationId));
      const changed = await inParallel(25, (index) =>
        provisioningTokens.update(organizationId, _id, { maxDevices: index }, 1),
      );
      const winners = changed.filter((token) => token !== undefined);
      assert.equal(winners.length, 1);
      assert.deepEqual(await provisioningTokens.get(organizationId, _id), winners[0]);
    });

    it("keeps names unique in an organisation and hashes everywhere", async () => {
      const { provisioningTokens } = context.store;
      const [organizationId, other] = [newId("org"), newId("org")];
      const first = await provisioningTokens.create(newToken(organizationId, { name: "site" }));
      const second = await provisioningTokens.create(newToken(organizationId, { name: "lab" }));
      await provisioningTokens.create(newToken(other, { name: "site" }));
      await assert.rejects(
        provisioningTokens.create(newToken(organizationId, { name: "site" })),
        isDuplicateKey,
      );
      await assert.rejects(provisioningTokens.create(newToken(other, { hash: first.hash })), isDuplicateKey);
      await assert.rejects(
        provisioningTokens.update(organizationId, second._id, { name: "site" }),
        isDuplicateKey,
      );
      assert.equal((await provisioningTokens.get(organizationId, second._id))?.version, 1);
    });

    it("lists newest first in pages, and counts those that assign a template", async () => {
      const { provisioningTokens } = context.store;
      const organizationId = newId("org");
      for (const templateIds of [["tpl_a"], ["tpl_a", "tpl_b"], []])
        await provisioningTokens.create(newToken(organizationId, { templateIds }));
      const first = await provisioningTokens.list({ organizationId, limit: 2 });
      const before = first[1]?._id ?? "";
      const rest = await provisioningTokens.list({ organizationId, before, limit: 2 });
      const ids = [...first, ...rest].map(({ _id }) => _id);
      assert.equal(ids.length, 3);
      assert.deepEqual(ids, [...ids].sort().reverse());
      assert.equal(await provisioningTokens.countByTemplate(organizationId, "tpl_a"), 2);
      assert.equal(await provisioningTokens.countByTemplate(organizationId, "tpl_b"), 1);
      assert.equal(await provisioningTokens.countByTemplate(newId("org"), "tpl_a"), 0);
    });
  });

  describe("when devices claim uses of a token", () => {
    const claim = (key: string) => ({ key, deviceId: `dev_${key}` });

    it("lets exactly as many of 25 through as the cap allows", async () => {
      const { provisioningTokens } = context.store;
      const organizationId = newId("org");
      const { _id } = await provisioningTokens.create(newToken(organizationId, { maxDevices: 10 }));
      const claims = await inParallel(25, (index) =>
        provisioningTokens.claim(_id, { claims: [claim(`k${index}`)], maxDevices: 10, now: at(0) }),
      );
      assert.equal(claims.filter((token) => token !== undefined).length, 10);
      assert.equal((await provisioningTokens.get(organizationId, _id))?.usedCount, 10);
      assert.equal((await provisioningTokens.readForClaim(_id))?.openClaims.size, 10);
    });

    it("counts one of 25 repetitions of the same request", async () => {
      const { provisioningTokens } = context.store;
      const { _id } = await provisioningTokens.create(newToken(newId("org")));
      const claims = await inParallel(25, () =>
        provisioningTokens.claim(_id, { claims: [claim("same")], maxDevices: null, now: at(0) }),
      );
      assert.equal(claims.filter((token) => token !== undefined).length, 1);
      const read = await provisioningTokens.readForClaim(_id);
      assert.equal(read?.token.usedCount, 1);
      assert.deepEqual([...(read?.openClaims ?? [])], [["same", "dev_same"]]);
    });

    it("counts all claims of a batch or none", async () => {
      const { provisioningTokens } = context.store;
      const organizationId = newId("org");
      const { _id } = await provisioningTokens.create(newToken(organizationId, { maxDevices: 3 }));
      const tryAll = (keys: string[]) =>
        provisioningTokens.claim(_id, { claims: keys.map(claim), maxDevices: 3, now: at(0) });
      assert.equal((await tryAll(["a", "b"]))?.usedCount, 2);
      assert.equal(await tryAll(["c", "d"]), undefined, "only one is left");
      assert.equal(await tryAll(["a"]), undefined, "it is open already");
      assert.equal((await provisioningTokens.get(organizationId, _id))?.usedCount, 2);
      assert.equal((await tryAll(["c"]))?.usedCount, 3);
    });

    it("refuses a token that is disabled, expired, gone or has another cap by now", async () => {
      const { provisioningTokens } = context.store;
      const organizationId = newId("org");
      const attempt = async (change: Partial<NewProvisioningToken>, maxDevices: number | null = null) => {
        const { _id } = await provisioningTokens.create(newToken(organizationId, change));
        const claimed = await provisioningTokens.claim(_id, {
          claims: [claim("k")],
          maxDevices,
          now: at(10),
        });
        return claimed?.usedCount;
      };
      assert.equal(await attempt({}), 1);
      assert.equal(await attempt({ expiresAt: at(11) }), 1);
      assert.equal(await attempt({ expiresAt: at(10) }), undefined);
      assert.equal(await attempt({ enabled: false }), undefined);
      assert.equal(await attempt({ maxDevices: 5 }, 4), undefined);
      assert.equal(await attempt({ maxDevices: 5 }, null), undefined);
      assert.equal(await attempt({}, 5), undefined);
      assert.equal(await attempt({ maxDevices: 0 }, 0), undefined);
      const gone = { claims: [claim("k")], maxDevices: null, now: at(0) };
      assert.equal(await provisioningTokens.claim(newId("ptk"), gone), undefined);
      assert.equal(await provisioningTokens.readForClaim(newId("ptk")), undefined);
    });

    it("counts the tokens of an organisation", async () => {
      const { provisioningTokens } = context.store;
      const organizationId = newId("org");
      await provisioningTokens.create(newToken(organizationId));
      await provisioningTokens.create(newToken(organizationId));
      assert.equal(await provisioningTokens.count(organizationId), 2);
      assert.equal(await provisioningTokens.count(newId("org")), 0);
    });

    it("settles each claim once, and takes back only what is open for that device", async () => {
      const { provisioningTokens } = context.store;
      const organizationId = newId("org");
      const { _id } = await provisioningTokens.create(newToken(organizationId));
      await provisioningTokens.claim(_id, { claims: ["a", "b"].map(claim), maxDevices: null, now: at(0) });
      assert.deepEqual(await provisioningTokens.settle(_id, ["a", "unknown"]), new Set(["a"]));
      assert.deepEqual(await provisioningTokens.settle(_id, ["a"]), new Set());
      assert.equal(await provisioningTokens.release(_id, claim("a")), false, "it is settled");
      assert.equal(await provisioningTokens.release(_id, { key: "b", deviceId: "dev_other" }), false);
      const released = await inParallel(25, () => provisioningTokens.release(_id, claim("b")));
      assert.equal(released.filter(Boolean).length, 1);
      assert.equal((await provisioningTokens.get(organizationId, _id))?.usedCount, 1);
      assert.deepEqual(await provisioningTokens.settle(newId("ptk"), ["a"]), new Set());
    });

    it("finds claims that nobody settled, and shows them to nobody else", async () => {
      const { provisioningTokens } = context.store;
      const organizationId = newId("org");
      const { _id, hash } = await provisioningTokens.create(newToken(organizationId));
      const open = (key: string, time: number) =>
        provisioningTokens.claim(_id, { claims: [claim(key)], maxDevices: null, now: at(time) });
      await open("old", 0);
      await open("settled", 0);
      await open("new", 1_000);
      await provisioningTokens.settle(_id, ["settled"]);
      const stale = (await provisioningTokens.staleClaims(at(500))).filter(({ tokenId }) => tokenId === _id);
      assert.deepEqual(stale, [{ tokenId: _id, ...claim("old"), claimedAt: at(0) }]);
      const seen = [
        await provisioningTokens.get(organizationId, _id),
        await provisioningTokens.findByHash(hash),
        await provisioningTokens.update(organizationId, _id, { enabled: true }),
        ...(await provisioningTokens.list({ organizationId, limit: 5 })),
        (await provisioningTokens.readForClaim(_id))?.token,
      ];
      for (const token of seen) assert.equal(token && "claims" in token, false);
    });
  });
});
