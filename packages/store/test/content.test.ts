import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { newId } from "@rciots/runtime";
import { isDuplicateKey, type GitCredential, type Template } from "../src/index.ts";
import {
  at,
  device,
  hex,
  inParallel,
  orderedId,
  organization,
  template,
  templateVersion,
} from "./documents.ts";
import { describeStore } from "./suite.ts";

const mebibyte = 1_048_576;

describeStore("content", (context) => {
  const blobChunks = () => context.database.db.collection<{ _id: string; data: Buffer }>("blobChunks");
  const blobs = () => context.database.db.collection<{ _id: string; createdAt: Date }>("blobs");

  describe("when blobs are stored", () => {
    it("gives back what was put, by its hash, at every size around a chunk", async () => {
      const organizationId = newId("org");
      for (const size of [0, 1, mebibyte - 1, mebibyte, mebibyte + 1, 3 * mebibyte + 17]) {
        const content = randomBytes(size);
        const id = await context.store.blobs.put(organizationId, content);
        assert.equal(id, `${organizationId}/${createHash("sha256").update(content).digest("hex")}`);
        const read = await context.store.blobs.get(organizationId, id);
        assert.ok(read?.equals(content), `${size} bytes`);
      }
    });

    it("gives a blob to nobody but its organisation", async () => {
      const [organizationId, other] = [newId("org"), newId("org")];
      const content = Buffer.from("the same content");
      const id = await context.store.blobs.put(organizationId, content);
      assert.equal(await context.store.blobs.get(other, id), undefined);
      assert.equal(await context.store.blobs.get(other, id.replace(organizationId, other)), undefined);
      assert.notEqual(await context.store.blobs.put(other, content), id);
    });

    it("stores equal content once, for 25 at the same time", async () => {
      const organizationId = newId("org");
      const content = randomBytes(mebibyte + 5);
      const ids = await inParallel(25, () => context.store.blobs.put(organizationId, content));
      assert.equal(new Set(ids).size, 1);
      const id = ids[0] ?? "";
      assert.equal(await blobs().countDocuments({ _id: id }), 1);
      assert.equal(await blobChunks().countDocuments({ _id: { $in: [`${id}/0`, `${id}/1`, `${id}/2`] } }), 2);
      assert.ok((await context.store.blobs.get(organizationId, id))?.equals(content));
    });

    it("does not find a blob whose writer died half-way, and completes it when it is put again", async () => {
      const organizationId = newId("org");
      const content = randomBytes(2 * mebibyte + 1);
      const id = `${organizationId}/${createHash("sha256").update(content).digest("hex")}`;
      // The first chunk was written, perhaps badly, and nothing else.
      await blobChunks().insertOne({ _id: `${id}/0`, data: Buffer.from("half") });
      assert.equal(await context.store.blobs.get(organizationId, id), undefined);
      assert.equal(await context.store.blobs.put(organizationId, content), id);
      assert.ok((await context.store.blobs.get(organizationId, id))?.equals(content));
    });

    it("gives nothing rather than a part where a chunk is lost", async () => {
      const organizationId = newId("org");
      const id = await context.store.blobs.put(organizationId, randomBytes(2 * mebibyte + 1));
      await blobChunks().deleteOne({ _id: `${id}/1` });
      assert.equal(await context.store.blobs.get(organizationId, id), undefined);
    });
  });

  describe("when templates are kept", () => {
    it("finds and changes them in their organisation only", async () => {
      const { templates } = context.store;
      const [organizationId, other] = [newId("org"), newId("org")];
      const stored = template(organizationId, { name: "web", sync: { ...template("").sync, nextAt: at(1) } });
      const { _id } = stored;
      await templates.insert(stored);
      await templates.insert(template(other, { name: "web" }));
      await assert.rejects(templates.insert(template(organizationId, { name: "web" })), isDuplicateKey);
      assert.deepEqual(await templates.find(organizationId, _id), stored);
      assert.deepEqual(await templates.findMany(organizationId, [_id, newId("tpl")]), [stored]);
      assert.deepEqual(await templates.findMany(organizationId, []), []);
      for (const found of [
        await templates.find(other, _id),
        await templates.update(other, _id, 1, { name: "taken over" }),
        await templates.setCurrentVersion(other, _id, "tpv_other"),
        await templates.reserveVersionNumber(other, _id),
      ])
        assert.equal(found, null);
      assert.deepEqual(await templates.findMany(other, [_id]), []);
      await templates.setSync(other, _id, { ...stored.sync, status: "failed" });
      assert.equal(await templates.delete(other, _id), false);
      assert.deepEqual(await templates.find(organizationId, _id), stored);
      assert.equal(await templates.count(organizationId), 1);
    });

    it("changes a template of the version that was read, once for 25 at the same time", async () => {
      const { templates } = context.store;
      const organizationId = newId("org");
      const stored = template(organizationId);
      await templates.insert(stored);
      const results = await inParallel(25, (index) =>
        templates.update(organizationId, stored._id, 1, { description: `change ${index}` }),
      );
      const winners = results.filter((result) => result !== null);
      assert.equal(winners.length, 1);
      const now = await templates.find(organizationId, stored._id);
      assert.deepEqual(now, winners[0]);
      assert.equal(now?.version, 2);
      assert.notDeepEqual(now?.updatedAt, stored.updatedAt);
      const taken = template(organizationId, { name: "taken" });
      await templates.insert(taken);
      await assert.rejects(
        templates.update(organizationId, stored._id, 2, { name: "taken" }),
        isDuplicateKey,
      );
    });

    it("lists newest first, by name and kind of source", async () => {
      const { templates } = context.store;
      const organizationId = newId("org");
      const git: Template["source"] = {
        kind: "git",
        url: "https://git.example.com/r.git",
        ref: "main",
        path: "",
        credentialId: "crd_a",
        pollIntervalMs: 1_000,
      };
      const names = ["web", "db", "webcam", "proxy"];
      for (const [index, name] of names.entries())
        await templates.insert(
          template(organizationId, {
            _id: orderedId("tpl", index),
            name,
            ...(name === "db" ? { source: git } : {}),
          }),
        );
      const list = async (page: object, of = organizationId) =>
        (await templates.list(of, { limit: 10, ...page })).map(({ name }) => name);
      assert.deepEqual(await list({}), ["proxy", "webcam", "db", "web"]);
      assert.deepEqual(await list({ limit: 2, before: orderedId("tpl", 3).slice(0, 14) }), ["webcam", "db"]);
      assert.deepEqual(await list({ nameMatches: "^web" }), ["webcam", "web"]);
      assert.deepEqual(await list({ kind: "git" }), ["db"]);
      assert.deepEqual(await list({}, newId("org")), []);
      assert.equal(await templates.countByCredential(organizationId, "crd_a"), 1);
      assert.equal(await templates.countByCredential(newId("org"), "crd_a"), 0);
    });

    it("finds Git templates that are due, the longest overdue first, and leaves their ETag", async () => {
      const { templates } = context.store;
      const organizationId = newId("org");
      const made = await Promise.all(
        [300, 100, 200, 900, null].map(async (due) => {
          const one = template(organizationId);
          await templates.insert(one);
          const sync = { ...one.sync, status: "ok" as const, nextAt: due === null ? null : at(due) };
          await templates.setSync(organizationId, one._id, sync);
          return one._id;
        }),
      );
      const own = (found: Template[]) =>
        found.filter((one) => one.organizationId === organizationId).map((one) => made.indexOf(one._id));
      assert.deepEqual(own(await templates.dueForSync(at(300), 100)), [1, 2, 0]);
      assert.ok((await templates.dueForSync(at(300), 2)).length === 2);
      assert.equal((await templates.find(organizationId, made[0] ?? ""))?.version, 1);
    });

    it("counts those whose last look failed, and names the first", async () => {
      const { templates } = context.store;
      const organizationId = newId("org");
      const failed = ["c", "a", "b"].map((name) => template(organizationId, { name }));
      for (const one of [...failed, template(organizationId)]) await templates.insert(one);
      for (const one of failed) {
        await templates.setSync(organizationId, one._id, {
          ...one.sync,
          status: "failed",
          message: one.name,
        });
      }
      const { total, items } = await templates.failedSyncs(organizationId, 2);
      assert.equal(total, 3);
      assert.deepEqual(
        items.map(({ sync }) => sync.message),
        ["a", "b"],
      );
      assert.deepEqual(await templates.failedSyncs(newId("org"), 2), { total: 0, items: [] });
    });

    it("tells who uses a credential, and has those looked at again at once", async () => {
      const { templates } = context.store;
      const organizationId = newId("org");
      const source = (credentialId: string | null): Template["source"] => ({
        kind: "git",
        url: "https://git.example.com/r.git",
        ref: "main",
        path: "",
        credentialId,
        pollIntervalMs: 1_000,
      });
      const [b, a, none, inline] = [
        template(organizationId, { name: "b", source: source("gcr_1") }),
        template(organizationId, { name: "a", source: source("gcr_2") }),
        template(organizationId, { name: "none", source: source(null) }),
        template(organizationId, { name: "inline" }),
      ];
      for (const one of [b, a, none, inline]) await templates.insert(one);
      assert.deepEqual(await templates.credentialUses(organizationId), [
        { _id: a._id, name: "a", credentialId: "gcr_2" },
        { _id: b._id, name: "b", credentialId: "gcr_1" },
      ]);
      assert.deepEqual(await templates.credentialUses(newId("org")), []);
      await templates.lookAgain(newId("org"), "gcr_1", at(5));
      assert.equal((await templates.find(organizationId, b._id))?.sync.nextAt, null);
      await templates.lookAgain(organizationId, "gcr_1", at(5));
      const now = await templates.find(organizationId, b._id);
      assert.deepEqual([now?.sync.nextAt, now?.version], [at(5), 1]);
      assert.equal((await templates.find(organizationId, a._id))?.sync.nextAt, null);
    });

    it("tells which secrets the current versions refer to", async () => {
      const { templates } = context.store;
      const organizationId = newId("org");
      const [web, bare] = [
        template(organizationId, { name: "web" }),
        template(organizationId, { name: "bare" }),
      ];
      const old = templateVersion(web, 1, { secrets: ["OLD"] });
      const current = templateVersion(web, 2, { secrets: ["DB", "KEY"] });
      for (const one of [web, bare]) await templates.insert(one);
      for (const version of [old, current]) await templates.insertVersion(version);
      await templates.setCurrentVersion(organizationId, web._id, current._id);
      assert.deepEqual(await templates.secretUses(organizationId), [
        { _id: bare._id, name: "bare", secrets: [] },
        { _id: web._id, name: "web", secrets: ["DB", "KEY"] },
      ]);
      assert.deepEqual(await templates.secretUses(newId("org")), []);
    });

    it("numbers versions without a gap for 25 at the same time, and without an end to that", async () => {
      const { templates } = context.store;
      const organizationId = newId("org");
      const stored = template(organizationId);
      await templates.insert(stored);
      const numbers = await inParallel(25, () => templates.reserveVersionNumber(organizationId, stored._id));
      assert.deepEqual(
        numbers.sort((a, b) => (a ?? 0) - (b ?? 0)),
        Array.from({ length: 25 }, (_value, index) => index + 1),
      );
      const current = await templates.setCurrentVersion(organizationId, stored._id, "tpv_new");
      assert.deepEqual([current?.currentVersionId, current?.version], ["tpv_new", 2]);
    });

    it("keeps versions unchanged, finds them by content, and pages them newest first", async () => {
      const { templates } = context.store;
      const organizationId = newId("org");
      const [parent, sibling] = [template(organizationId), template(organizationId)];
      const contentHash = hex();
      const versions = [1, 2, 3].map((number) =>
        templateVersion(parent, number, number === 2 ? {} : { contentHash }),
      );
      for (const version of versions) await templates.insertVersion(version);
      await templates.insertVersion(templateVersion(sibling, 1, { contentHash }));
      await assert.rejects(templates.insertVersion(templateVersion(parent, 3)), isDuplicateKey);
      const [first, second, third] = versions;
      assert.ok(first && second && third);
      assert.deepEqual(await templates.findVersion(organizationId, second._id), second);
      assert.equal(await templates.findVersion(newId("org"), second._id), null);
      assert.deepEqual(await templates.findVersions(newId("org"), [first._id]), []);
      assert.deepEqual(await templates.findVersions(organizationId, []), []);
      assert.equal((await templates.findVersions(organizationId, [first._id, third._id])).length, 2);
      const byContent = (root: string, of = organizationId) =>
        templates.findVersionByContent(of, parent._id, { contentHash, root });
      assert.deepEqual(await byContent(""), third, "the newest");
      assert.equal(await byContent("other"), null);
      assert.equal(await byContent("", newId("org")), null);
      const numbers = async (page: { before?: number; limit: number }) =>
        (await templates.listVersions(organizationId, parent._id, page)).map(({ number }) => number);
      assert.deepEqual(await numbers({ limit: 2 }), [3, 2]);
      assert.deepEqual(await numbers({ before: 2, limit: 2 }), [1]);
      await templates.discardVersions(newId("org"), parent._id);
      assert.deepEqual(await numbers({ limit: 5 }), [3, 2, 1]);
      await templates.discardVersions(organizationId, parent._id);
      assert.deepEqual(await numbers({ limit: 5 }), []);
    });

    it("deletes a template with its versions and no other's", async () => {
      const { templates } = context.store;
      const organizationId = newId("org");
      const [one, other] = [template(organizationId), template(organizationId)];
      for (const each of [one, other]) {
        await templates.insert(each);
        await templates.insertVersion(templateVersion(each, 1));
      }
      assert.equal(await templates.delete(organizationId, one._id), true);
      assert.equal(await templates.delete(organizationId, one._id), false);
      const left = (id: string) => templates.listVersions(organizationId, id, { limit: 5 });
      assert.equal((await left(one._id)).length, 0);
      assert.equal((await left(other._id)).length, 1);
    });
  });

  describe("when secrets are kept", () => {
    it("counts the version of every value, also of 25 first ones at the same time", async () => {
      const { secrets } = context.store;
      const organizationId = newId("org");
      await inParallel(25, (index) => secrets.put(organizationId, "password", `sealed ${index}`, at(index)));
      const stored = await secrets.find(organizationId, "password");
      assert.equal(stored?.version, 25);
      assert.equal(await secrets.count(organizationId), 1);
      const next = await secrets.put(organizationId, "password", "last", at(99));
      assert.deepEqual(next, { ...stored, sealed: "last", version: 26, updatedAt: at(99) });
    });

    it("is found in its organisation only, by its whole name", async () => {
      const { secrets } = context.store;
      const [organizationId, other] = [newId("org"), newId("org")];
      for (const name of ["b", "a", "c.d"]) await secrets.put(organizationId, name, `sealed ${name}`);
      await secrets.put(other, "a", "another organisation's");
      assert.equal((await secrets.find(other, "a"))?.sealed, "another organisation's");
      for (const name of ["", "A", ".", "c", "$ne"])
        assert.equal(await secrets.find(organizationId, name), null);
      const names = (found: { name: string }[]) => found.map(({ name }) => name);
      assert.deepEqual(names(await secrets.list(organizationId, { limit: 2 })), ["a", "b"]);
      assert.deepEqual(names(await secrets.list(organizationId, { after: "b", limit: 2 })), ["c.d"]);
      assert.deepEqual(names(await secrets.findMany(organizationId, ["a", "c.d", "x"])).sort(), ["a", "c.d"]);
      assert.deepEqual(await secrets.findMany(organizationId, []), []);
      assert.deepEqual(await secrets.findMany(other, ["b"]), []);
      assert.equal(await secrets.delete(other, "b"), false);
      assert.equal(await secrets.delete(organizationId, "b"), true);
      assert.equal(await secrets.delete(organizationId, "b"), false);
      assert.equal(await secrets.count(organizationId), 2);
    });

    it("is another secret when it is made anew", async () => {
      const { secrets } = context.store;
      const organizationId = newId("org");
      const first = await secrets.put(organizationId, "token", "one");
      await secrets.delete(organizationId, "token");
      const second = await secrets.put(organizationId, "token", "two");
      assert.notEqual(second._id, first._id);
      assert.equal(second.version, 1);
    });

    it("keeps Git credentials by name within an organisation", async () => {
      const { secrets } = context.store;
      const [organizationId, other] = [newId("org"), newId("org")];
      const credential = (name: string): GitCredential => ({
        _id: newId("crd"),
        organizationId,
        name,
        kind: "basic",
        sealed: `sealed ${name}`,
        createdAt: at(0),
      });
      const [a, b] = [credential("a"), credential("b")];
      await secrets.insertGitCredential(b);
      await secrets.insertGitCredential(a);
      await assert.rejects(secrets.insertGitCredential(credential("a")), isDuplicateKey);
      assert.deepEqual(await secrets.findGitCredential(organizationId, a._id), a);
      assert.equal(await secrets.findGitCredential(other, a._id), null);
      assert.deepEqual(await secrets.listGitCredentials(organizationId, { limit: 1 }), [a]);
      assert.deepEqual(await secrets.listGitCredentials(organizationId, { after: "a", limit: 5 }), [b]);
      assert.deepEqual(await secrets.listGitCredentials(other, { limit: 5 }), []);
      const change = { kind: "ssh" as const, sealed: "new" };
      assert.equal(await secrets.replaceGitCredential(other, a._id, change), null);
      assert.deepEqual(await secrets.replaceGitCredential(organizationId, a._id, change), {
        ...a,
        ...change,
      });
      assert.equal(await secrets.deleteGitCredential(other, a._id), false);
      assert.equal(await secrets.deleteGitCredential(organizationId, a._id), true);
      assert.equal(await secrets.findGitCredential(organizationId, a._id), null);
    });
  });

  describe("when the content of devices is read", () => {
    it("reads heads, versions and secrets of one organisation", async () => {
      const { content, templates, secrets, organizations } = context.store;
      const tenant = organization({ dataKey: "wrapped key" });
      await organizations.insert(tenant);
      const parent = template(tenant._id, { name: "web", currentVersionId: "tpv_now" });
      const version = templateVersion(parent, 1);
      await templates.insert(parent);
      await templates.insertVersion(version);
      await secrets.put(tenant._id, "password", "sealed");
      const head = { _id: parent._id, name: "web", currentVersionId: "tpv_now" };
      assert.deepEqual(await content.templates(tenant._id, [parent._id, newId("tpl")]), [head]);
      assert.deepEqual(await content.templates(tenant._id, []), []);
      assert.deepEqual(await content.versions(tenant._id, [version._id]), [version]);
      assert.deepEqual(
        (await content.secrets(tenant._id, ["password", "x"])).map(({ name }) => name),
        ["password"],
      );
      const other = newId("org");
      assert.deepEqual(await content.templates(other, [parent._id]), []);
      assert.deepEqual(await content.versions(other, [version._id]), []);
      assert.deepEqual(await content.secrets(other, ["password"]), []);
      assert.equal(await content.dataKey(tenant._id), "wrapped key");
      assert.equal(await content.dataKey(other), undefined);
    });

    it("pages active devices with an overlay, and stores what came of rendering", async () => {
      const { content, deviceEnrollment } = context.store;
      const organizationId = newId("org");
      const overlay = { blobId: `${organizationId}/a`, root: "" };
      const made = [
        device(organizationId, { overlay }),
        device(organizationId),
        device(organizationId, { overlay, status: "disabled" }),
        device(organizationId, { overlay }),
        device(organizationId, { overlay }),
      ];
      await deviceEnrollment.insertMany(made);
      const wanted = [0, 3, 4].flatMap((index) => made[index]?._id ?? []).sort();
      const first = await content.devicesWithOverlay("", 2);
      const second = await content.devicesWithOverlay(first[1]?._id ?? "", 2);
      assert.deepEqual(
        [...first, ...second].map(({ _id }) => _id),
        wanted,
      );

      const [one] = first;
      assert.ok(one);
      const composition = { inputsHash: "h", renderedBlobId: "b", error: null };
      const stored = async () => (await content.deviceById(one._id))?.composition;
      await content.setComposition({ ...one, overlay: { blobId: "another", root: "" } }, composition);
      assert.equal(await stored(), null, "the overlay was replaced meanwhile");
      await content.setComposition({ ...one, organizationId: newId("org") }, composition);
      assert.equal(await stored(), null);
      await content.setComposition(one, composition);
      assert.deepEqual(await stored(), composition);
      assert.equal(await content.deviceById(newId("dev")), null);
    });
  });
});
