import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { isDuplicateKey, type Device, type DeviceFilter } from "../src/index.ts";
import { at, device, hex, inParallel, orderedId, revision } from "./documents.ts";
import { describeStore } from "./suite.ts";

describeStore("devices", (context) => {
  const add = async (...devices: Device[]): Promise<void> => {
    assert.deepEqual(
      await context.store.deviceEnrollment.insertMany(devices),
      devices.map(() => "inserted"),
    );
  };

  describe("when devices enrol", () => {
    it("tells for each of a batch whether it was stored", async () => {
      const { deviceEnrollment } = context.store;
      const [organizationId, other] = [newId("org"), newId("org")];
      const known = device(organizationId, { name: "gate" });
      await add(known);
      const outcomes = await deviceEnrollment.insertMany([
        device(organizationId, { name: "new-1" }),
        device(organizationId, { name: "gate" }),
        device(other, { name: "gate" }),
        { ...device(organizationId), _id: known._id },
        device(organizationId, { name: "new-1" }),
        device(organizationId, { name: "new-2" }),
      ]);
      const [stored, refused] = ["inserted", "duplicate"];
      assert.deepEqual(outcomes, [stored, refused, stored, refused, refused, stored]);
      assert.deepEqual(await deviceEnrollment.insertMany([device(organizationId, { name: "gate" })]), [
        refused,
      ]);
      assert.deepEqual(await deviceEnrollment.get(known._id), known, "it is unchanged");
    });

    it("finds those of one provisioning token, page by page, and of no other organisation", async () => {
      const { devices } = context.store;
      const [organizationId, other] = [newId("org"), newId("org")];
      const provisioningTokenId = newId("ptk");
      const enrolled = ["a", "b", "c"].map((name) => device(organizationId, { name, provisioningTokenId }));
      const foreign = device(other, { name: "a", provisioningTokenId });
      await add(...enrolled, device(organizationId, { name: "d" }), foreign);
      const newest = enrolled
        .map(({ _id }) => _id)
        .sort()
        .reverse();
      const list = async (page: { before?: string; limit: number }) =>
        (await devices.listEnrolledWith(organizationId, provisioningTokenId, page)).map(({ _id }) => _id);
      assert.deepEqual(await list({ limit: 2 }), newest.slice(0, 2));
      assert.deepEqual(await list({ limit: 2, before: newest[1] ?? "" }), newest.slice(2));
    });

    it("lets one of 25 have a name", async () => {
      const { deviceEnrollment } = context.store;
      const organizationId = newId("org");
      const outcomes = await inParallel(25, () =>
        deviceEnrollment.insertMany([device(organizationId, { name: "the-one" })]),
      );
      assert.equal(outcomes.flat().filter((outcome) => outcome === "inserted").length, 1);
    });

    it("finds devices by name, each in its organisation, in the order asked", async () => {
      const { deviceEnrollment } = context.store;
      const [one, other] = [newId("org"), newId("org")];
      const [a, b, c] = [
        device(one, { name: "a" }),
        device(one, { name: "b" }),
        device(other, { name: "a" }),
      ];
      await add(a, b, c);
      const found = await deviceEnrollment.findByNames([
        { organizationId: other, name: "a" },
        { organizationId: other, name: "b" },
        { organizationId: one, name: "b" },
        { organizationId: one, name: "a" },
      ]);
      assert.deepEqual(
        found.map((item) => item?._id),
        [c._id, undefined, b._id, a._id],
      );
      assert.deepEqual(await deviceEnrollment.findByNames([]), []);
      assert.equal(await deviceEnrollment.get(newId("dev")), undefined);
    });

    it("notes certificates on active devices only, the last of two for one", async () => {
      const { deviceEnrollment } = context.store;
      const organizationId = newId("org");
      const [active, disabled] = [device(organizationId), device(organizationId, { status: "disabled" })];
      await add(active, disabled);
      const note = (deviceId: string, serial: string, of = organizationId) => ({
        organizationId: of,
        deviceId,
        certificate: { serial, issuerId: "i", notAfter: at(9) },
        publicKeyHash: serial,
      });
      const noted = await deviceEnrollment.noteCertificates([
        note(active._id, "01"),
        note(disabled._id, "02"),
        note(active._id, "03"),
        note(newId("dev"), "04"),
        note(active._id, "05", newId("org")),
      ]);
      assert.deepEqual(noted.slice(0, 4), [true, false, true, false]);
      const stored = await deviceEnrollment.get(active._id);
      assert.deepEqual([stored?.certificate?.serial, stored?.publicKeyHash], ["03", "03"]);
      assert.equal((await deviceEnrollment.get(disabled._id))?.certificate, null);
      assert.equal(noted[4], false, "another organisation's device is not noted");
    });

    it("replaces the key of a device that waits, and the token of any, in their organisation", async () => {
      const { deviceEnrollment } = context.store;
      const organizationId = newId("org");
      const [pending, active] = [device(organizationId, { status: "pending" }), device(organizationId)];
      await add(pending, active);
      const key = hex();
      assert.equal(await deviceEnrollment.replacePendingKey(newId("org"), pending._id, key), false);
      assert.equal(await deviceEnrollment.replacePendingKey(organizationId, active._id, key), false);
      assert.equal(await deviceEnrollment.replacePendingKey(organizationId, pending._id, key), true);
      assert.equal((await deviceEnrollment.get(pending._id))?.publicKeyHash, key);
      await deviceEnrollment.replaceToken(newId("org"), active._id, "stolen");
      assert.equal((await deviceEnrollment.get(active._id))?.tokenHash, active.tokenHash);
      await deviceEnrollment.replaceToken(organizationId, active._id, "new");
      assert.equal((await deviceEnrollment.get(active._id))?.tokenHash, "new");
    });

    it("frees the name of a decommissioned device, and takes a device back", async () => {
      const { deviceEnrollment } = context.store;
      const organizationId = newId("org");
      const [gone, active] = [
        device(organizationId, { name: "gone", status: "decommissioned" }),
        device(organizationId, { name: "active" }),
      ];
      await add(gone, active);
      await deviceEnrollment.freeName(newId("org"), gone._id, "gone");
      await deviceEnrollment.freeName(organizationId, active._id, "active");
      const names = async () =>
        (await Promise.all([gone, active].map(({ _id }) => deviceEnrollment.get(_id)))).map(
          (one) => one?.name,
        );
      assert.deepEqual(await names(), ["gone", "active"]);
      await deviceEnrollment.freeName(organizationId, gone._id, "gone");
      await deviceEnrollment.freeName(organizationId, gone._id, "gone");
      assert.deepEqual(await names(), [`gone~${gone._id}`, "active"]);
      await add(device(organizationId, { name: "gone" }));
      await deviceEnrollment.remove(newId("org"), active._id);
      assert.ok(await deviceEnrollment.get(active._id));
      await deviceEnrollment.remove(organizationId, active._id);
      assert.equal(await deviceEnrollment.get(active._id), undefined);
    });
  });

  describe("when operators look for devices", () => {
    const organizationId = newId("org");
    const list = async (filter: DeviceFilter, of = organizationId) =>
      (await context.store.devices.list(of, filter, { sort: "name", limit: 50 })).map(({ name }) => name);

    before(async () => {
      const base = device(organizationId);
      const online = { ...base.presence, online: true };
      const healthy = { ...base.observed, state: "healthy" as const };
      await add(
        device(organizationId, { name: "a", labels: { site: "oslo", tier: "edge" }, presence: online }),
        device(organizationId, { name: "b", labels: { site: "rome" }, observed: healthy, presence: online }),
        device(organizationId, {
          name: "c",
          labels: { site: "" },
          status: "pending",
          assignments: [{ templateId: "tpl_x", pinnedVersionId: null }],
        }),
        device(organizationId, {
          name: "d.e",
          assignments: [
            { templateId: "tpl_y", pinnedVersionId: null },
            { templateId: "tpl_x", pinnedVersionId: "tpv_1" },
          ],
        }),
        device(newId("org"), { name: "foreign", labels: { site: "oslo" } }),
      );
    });

    it("filters by label as a selector of Kubernetes does", async () => {
      const where = (...labels: NonNullable<DeviceFilter["labels"]>) => list({ labels });
      assert.deepEqual(await where({ key: "site", operator: "in", values: ["oslo", "rome"] }), ["a", "b"]);
      assert.deepEqual(await where({ key: "site", operator: "in", values: [""] }), ["c"]);
      assert.deepEqual(await where({ key: "site", operator: "in", values: [] }), []);
      assert.deepEqual(await where({ key: "site", operator: "notIn", values: ["oslo"] }), ["b", "c", "d.e"]);
      assert.deepEqual(await where({ key: "site", operator: "exists" }), ["a", "b", "c"]);
      assert.deepEqual(await where({ key: "site", operator: "absent" }), ["d.e"]);
      assert.deepEqual(
        await where({ key: "site", operator: "exists" }, { key: "tier", operator: "absent" }),
        ["b", "c"],
      );
      assert.deepEqual(
        await where(
          { key: "site", operator: "in", values: ["oslo"] },
          { key: "site", operator: "notIn", values: ["oslo"] },
        ),
        [],
        "both conditions on one label hold",
      );
    });

    it("takes values for values: operators in them find nothing", async () => {
      const where = (values: unknown[]) =>
        list({ labels: [{ key: "site", operator: "in", values: values as string[] }] });
      assert.deepEqual(await where([{ $ne: "x" }, { $exists: true }]).catch(() => []), []);
      assert.deepEqual(await list({ statuses: ["$ne" as never] }), []);
      assert.deepEqual(await list({ templateId: "$exists" }), []);
    });

    it("filters by status, presence, state, template and name", async () => {
      assert.deepEqual(await list({}), ["a", "b", "c", "d.e"]);
      assert.deepEqual(await list({ statuses: ["pending", "denied"] }), ["c"]);
      assert.deepEqual(await list({ online: true }), ["a", "b"]);
      assert.deepEqual(await list({ online: false }), ["c", "d.e"]);
      assert.deepEqual(await list({ states: ["healthy", "degraded"] }), ["b"]);
      assert.deepEqual(await list({ templateId: "tpl_x" }), ["c", "d.e"]);
      assert.deepEqual(await list({ nameMatches: "d\\.e" }), ["d.e"]);
      assert.deepEqual(await list({ nameMatches: "d\\.x" }), []);
      assert.deepEqual(await list({ online: true, states: ["healthy"], labels: [] }), ["b"]);
      assert.deepEqual(await list({}, newId("org")), []);
    });

    it("counts them", async () => {
      const { devices } = context.store;
      const counted = (await devices.countFleets()).filter(
        (count) => count.organizationId === organizationId,
      );
      assert.deepEqual(counted, [{ organizationId, total: 3, online: 2, healthy: 1 }]);
      assert.equal(await devices.countByTemplate(organizationId, "tpl_x"), 2);
      assert.equal(await devices.countByTemplate(newId("org"), "tpl_x"), 0);
    });

    it("counts the devices of several templates, those that follow, and how they are", async () => {
      const { devices, deviceEnrollment } = context.store;
      const organizationId = newId("org");
      const follows = (...ids: string[]) => ids.map((templateId) => ({ templateId, pinnedVersionId: null }));
      const [healthy, pinned] = [device(organizationId), device(organizationId)];
      await deviceEnrollment.insertMany([
        {
          ...healthy,
          assignments: follows("tpl_a", "tpl_b"),
          observed: { ...healthy.observed, state: "healthy" },
          presence: { ...healthy.presence, online: true },
        },
        { ...pinned, assignments: [{ templateId: "tpl_a", pinnedVersionId: "tpv_1" }] },
        device(organizationId, { assignments: follows("tpl_a"), status: "pending" }),
        device(organizationId, { assignments: follows("tpl_other") }),
        device(newId("org"), { assignments: follows("tpl_a") }),
      ]);
      assert.deepEqual(await devices.usageOfTemplates(organizationId, ["tpl_b", "tpl_a", "tpl_none"]), [
        { templateId: "tpl_b", deviceCount: 1, followerCount: 1, onlineCount: 1, byState: { healthy: 1 } },
        {
          templateId: "tpl_a",
          deviceCount: 3,
          followerCount: 2,
          onlineCount: 1,
          byState: { healthy: 1, none: 1 },
        },
        { templateId: "tpl_none", deviceCount: 0, followerCount: 0, onlineCount: 0, byState: {} },
      ]);
    });

    it("finds who follows a template, page by page, and not who is pinned", async () => {
      const { devices } = context.store;
      const own = newId("org");
      const follows = [{ templateId: "tpl_f", pinnedVersionId: null }];
      const followers = Array.from({ length: 5 }, () => device(own, { assignments: follows }));
      const crossed = [
        { templateId: "tpl_f", pinnedVersionId: "tpv_1" },
        { templateId: "tpl_g", pinnedVersionId: null },
      ];
      await add(
        ...followers,
        device(own, { assignments: crossed }),
        device(newId("org"), { assignments: follows }),
      );
      const pages: string[][] = [];
      for await (const page of devices.followersOf(own, "tpl_f", 2)) pages.push(page);
      assert.deepEqual(
        pages.map((page) => page.length),
        [2, 2, 1],
      );
      assert.deepEqual(pages.flat().sort(), followers.map(({ _id }) => _id).sort());
    });
  });

  describe("when pages are read while devices come", () => {
    for (const sort of ["newest", "name"] as const) {
      it(`gives each device that was there once, sorted by ${sort}`, async () => {
        const { devices } = context.store;
        const organizationId = newId("org");
        const make = (index: number) =>
          device(organizationId, {
            _id: orderedId("dev", index),
            name: `d-${String(index).padStart(2, "0")}`,
          });
        const there = [2, 4, 6, 8, 10].map(make);
        await add(...there);
        const seen: string[] = [];
        let after: string | undefined;
        for (;;) {
          const page = await devices.list(organizationId, {}, { sort, limit: 2, ...(after && { after }) });
          if (after === undefined) await add(...[1, 3, 5, 7, 9, 11].map(make));
          seen.push(...page.map(({ name }) => name));
          after = sort === "name" ? page.at(-1)?.name : page.at(-1)?._id;
          if (page.length < 2) break;
        }
        assert.equal(new Set(seen).size, seen.length, "none twice");
        const sorted = sort === "name" ? [...seen].sort() : [...seen].sort().reverse();
        assert.deepEqual(seen, sorted);
        for (const { name } of there) assert.ok(seen.includes(name), name);
      });
    }

    it("finds some by id, whole or their heads, and the heads of all in pages", async () => {
      const { devices } = context.store;
      const [organizationId, other] = [newId("org"), newId("org")];
      const mine = [1, 2, 3].map((index) =>
        device(organizationId, { _id: orderedId("dev", index), labels: { n: `${index}` } }),
      );
      const foreign = device(other);
      await add(...mine, foreign);
      const ids = [...mine.map(({ _id }) => _id), foreign._id, newId("dev")];
      const found = await devices.findMany(organizationId, ids);
      assert.deepEqual(found.map(({ _id }) => _id).sort(), ids.slice(0, 3));
      assert.deepEqual(await devices.findMany(organizationId, []), []);
      const heads = await devices.findHeads(organizationId, ids);
      assert.equal(heads.length, 3);
      assert.equal("tokenHash" in (heads[0] ?? {}), false);
      const first = await devices.listHeads(organizationId, "", 2);
      assert.deepEqual(
        first.map(({ labels }) => labels),
        [{ n: "1" }, { n: "2" }],
      );
      const rest = await devices.listHeads(organizationId, first[1]?._id ?? "", 2);
      assert.deepEqual(
        rest.map(({ _id, presence, observed }) => [_id, presence.online, observed.state]),
        [[ids[2], false, null]],
      );
    });

    it("combines a page's start with conditions on labels", async () => {
      const { devices } = context.store;
      const organizationId = newId("org");
      const labelled = (name: string, site: string) => device(organizationId, { name, labels: { site } });
      await add(labelled("a", "x"), labelled("b", "y"), labelled("c", "x"));
      const labels = [{ key: "site", operator: "in" as const, values: ["x"] }];
      const found = await devices.list(organizationId, { labels }, { sort: "name", after: "a", limit: 5 });
      assert.deepEqual(
        found.map(({ name }) => name),
        ["c"],
      );
    });
  });

  describe("when operators change devices", () => {
    it("lets one of 25 changes of the same version through", async () => {
      const { devices } = context.store;
      const stored = device(newId("org"));
      await add(stored);
      const results = await inParallel(25, (index) =>
        devices.update(stored.organizationId, stored._id, 1, { labels: { index: `${index}` } }),
      );
      const winners = results.filter((result) => result !== null);
      assert.equal(winners.length, 1);
      assert.equal(winners[0]?.version, 2);
      assert.deepEqual(await devices.find(stored.organizationId, stored._id), winners[0]);
    });

    it("leaves another organisation's device alone, and a name that is taken", async () => {
      const { devices } = context.store;
      const organizationId = newId("org");
      const [one, two] = [device(organizationId, { name: "one" }), device(organizationId, { name: "two" })];
      await add(one, two);
      assert.equal(await devices.find(newId("org"), one._id), null);
      assert.equal(await devices.update(newId("org"), one._id, 1, { status: "disabled" }), null);
      await assert.rejects(devices.update(organizationId, one._id, 1, { name: "two" }), isDuplicateKey);
      assert.deepEqual(await devices.find(organizationId, one._id), one);
    });

    it("keeps empty maps, and values that look like operators as they are or not at all", async () => {
      const { devices } = context.store;
      const stored = device(newId("org"), { labels: { a: "b" } });
      const { organizationId, _id } = stored;
      await add(stored);
      assert.deepEqual((await devices.update(organizationId, _id, 1, { labels: {} }))?.labels, {});
      const text = { a: "$status", b: "{ $ne: null }", c: "$$ROOT" };
      assert.deepEqual((await devices.update(organizationId, _id, 2, { variables: text }))?.variables, text);
      for (const variables of [{ $set: "x" }, { $where: "1" }, { "a.b": "c" }, { "": "c" }]) {
        const before = await devices.find(organizationId, _id);
        assert.ok(before);
        const after = await devices
          .update(organizationId, _id, before.version, { variables: variables })
          .catch(() => before);
        assert.deepEqual(
          after,
          after === before ? before : { ...before, version: before.version + 1, variables },
        );
        assert.deepEqual(await devices.find(organizationId, _id), after);
      }
    });

    it("deletes a device in the right status, with its history and its objects", async () => {
      const { devices, deviceRevisions, deviceSessions } = context.store;
      const organizationId = newId("org");
      const [one, other] = [device(organizationId), device(organizationId)];
      await add(one, other);
      for (const each of [one, other]) {
        const first = revision(each, 1);
        const desired = { ...each.desired, revision: 1 };
        const change = { deviceId: each._id, organizationId, fromRevision: 0, desired, revision: first };
        await deviceRevisions.advance([change]);
        const page = { organizationId, deviceId: each._id, revision: 1, page: 0, pages: 1, objects: [] };
        await deviceSessions.saveObjects([{ ...page, completes: true }]);
      }
      assert.equal((await devices.findObjects(organizationId, one._id, 0))?.revision, 1);
      assert.equal(await devices.findObjects(newId("org"), one._id, 0), null);
      assert.equal(await devices.findObjects(organizationId, one._id, 1), null);
      assert.equal(await devices.delete(organizationId, one._id, ["pending", "denied"]), false);
      assert.equal(await devices.delete(newId("org"), one._id, ["active"]), false);
      assert.equal(await devices.delete(organizationId, one._id, []), false);
      assert.equal(await devices.delete(organizationId, one._id, ["active"]), true);
      const left = async (of: Device) => [
        await devices.find(organizationId, of._id),
        await devices.findObjects(organizationId, of._id, 0),
        await deviceRevisions.get(organizationId, of._id, 1),
      ];
      assert.deepEqual(await left(one), [null, null, null]);
      assert.equal((await left(other)).filter((found) => found === null).length, 0);
    });
  });
});
