import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { authorityNumber, isDuplicateKey } from "../src/index.ts";
import { at, authority, certificate, device, hex, inParallel } from "./documents.ts";
import { describeStore } from "./suite.ts";

describeStore("authorities", (context) => {
  describe("when authorities are stored", () => {
    it("stores one of 25 with the same id, and gives that one to all", async () => {
      const { authorities } = context.store;
      const organizationId = newId("org");
      const results = await inParallel(25, (index) =>
        authorities.insertOrGet(authority(organizationId, 1, { certificatePem: `made by ${index}` })),
      );
      assert.equal(results.filter((result) => result.isNew).length, 1);
      assert.equal(new Set(results.map((result) => result.authority.certificatePem)).size, 1);
      const stored = await authorities.get(`${organizationId}:1`);
      assert.deepEqual(stored, results[0]?.authority);
      assert.equal(await authorities.get(`${organizationId}:2`), undefined);
    });

    it("orders by number and not by text, retired ones too", async () => {
      const { authorities } = context.store;
      const organizationId = newId("org");
      for (const number of [2, 10, 9, 1]) {
        const status = { 1: "retired", 10: "issuing" }[number] ?? "accepted";
        await authorities.insertOrGet(authority(organizationId, number, { status: status as "retired" }));
      }
      await authorities.insertOrGet(authority(newId("org"), 11));
      const numbers = (found: { _id: string }[]) => found.map(({ _id }) => authorityNumber(_id));
      assert.deepEqual(numbers(await authorities.listOfOrganization(organizationId)), [10, 9, 2, 1]);
      assert.deepEqual(numbers(await authorities.listAccepted(organizationId)), [10, 9, 2]);
      assert.deepEqual(await authorities.listAccepted(newId("org")), []);
      const superseded = (await authorities.listSuperseded()).filter(
        (found) => found.organizationId === organizationId,
      );
      assert.deepEqual(numbers(superseded).sort(), [2, 9]);
    });

    it("tells when the first that issues ends, by kind", async () => {
      const { authorities } = context.store;
      const organizationId = newId("org");
      const ends = [at(3_000), at(1_000), at(2_000)];
      for (const [index, notAfter] of ends.entries()) {
        const status = index === 1 ? "accepted" : "issuing";
        const kind = "server";
        await authorities.insertOrGet(
          authority(`${organizationId}:server`, index, { kind, notAfter, status }),
        );
      }
      assert.deepEqual(await authorities.firstEnd("server"), at(2_000));
      assert.equal(await authorities.firstEnd("root"), undefined);
    });

    it("keeps the platform's own apart from the organisations'", async () => {
      const { authorities } = context.store;
      const organizationId = newId("org");
      await authorities.insertOrGet(authority("root", 1, { organizationId: null, kind: "root" }));
      await authorities.insertOrGet(authority("server", 1, { organizationId: null, kind: "server" }));
      await authorities.insertOrGet(authority("server", 2, { organizationId: null, kind: "server" }));
      await authorities.insertOrGet(authority(organizationId));
      const ids = (found: { _id: string }[]) => found.map(({ _id }) => _id);
      assert.deepEqual(ids(await authorities.listPlatform("root")), ["root:1"]);
      assert.deepEqual(ids(await authorities.listPlatform("server")), ["server:2", "server:1"]);
      assert.deepEqual(ids(await authorities.listOfOrganization(organizationId)), [`${organizationId}:1`]);
    });

    it("tells everybody the certificates of the roots that count, newest first", async () => {
      const { authorities } = context.store;
      const root = { organizationId: null, kind: "root" } as const;
      const before = await authorities.rootCertificates();
      await authorities.insertOrGet(authority("root", 21, { ...root, certificatePem: "older\n" }));
      await authorities.insertOrGet(authority("root", 22, { ...root, certificatePem: "newer\n" }));
      await authorities.insertOrGet(
        authority("root", 23, { ...root, certificatePem: "gone\n", status: "retired" }),
      );
      assert.equal(await authorities.rootCertificates(), `newer\nolder\n${before}`);
    });

    it("asks for a rotation, and finds what was asked for or is about to end", async () => {
      const { authorities } = context.store;
      const [asked, ending, fresh, retired] = [newId("org"), newId("org"), newId("org"), newId("org")];
      await authorities.insertOrGet(authority(asked, 1, { notAfter: at(9_000) }));
      await authorities.insertOrGet(authority(ending, 1, { notAfter: at(4_999) }));
      await authorities.insertOrGet(authority(fresh, 1, { notAfter: at(5_000) }));
      await authorities.insertOrGet(authority(retired, 1, { notAfter: at(1), status: "retired" }));
      assert.equal(await authorities.requestRotation(asked, at(10)), true);
      assert.equal(await authorities.requestRotation(retired, at(10)), false);
      assert.equal(await authorities.requestRotation(newId("org"), at(10)), false);
      const due = await authorities.organizationsToRotate(at(5_000));
      assert.deepEqual(
        [asked, ending, fresh, retired].map((id) => due.includes(id)),
        [true, true, false, false],
      );
      await authorities.setStatus(`${asked}:1`, "accepted");
      const stored = await authorities.get(`${asked}:1`);
      assert.deepEqual([stored?.status, stored?.rotationRequestedAt], ["accepted", null]);
      assert.equal((await authorities.organizationsToRotate(at(5_000))).includes(asked), false);
    });

    it("pages through all by id, and reseals a key once", async () => {
      const { authorities } = context.store;
      const organizationId = newId("org");
      for (const number of [1, 2, 3]) await authorities.insertOrGet(authority(organizationId, number));
      const seen: string[] = [];
      let after = "";
      for (;;) {
        const page = await authorities.page(after, 2);
        seen.push(...page.map(({ _id }) => _id));
        after = page.at(-1)?._id ?? "";
        if (page.length < 2) break;
      }
      assert.equal(new Set(seen).size, seen.length);
      assert.deepEqual(seen, [...seen].sort());
      assert.equal(seen.filter((id) => id.startsWith(organizationId)).length, 3);
      await authorities.reseal(`${organizationId}:1`, "sealed", "sealed anew");
      await authorities.reseal(`${organizationId}:1`, "sealed", "sealed by the slower one");
      assert.equal((await authorities.get(`${organizationId}:1`))?.sealedKey, "sealed anew");
    });

    it("never gives a list number twice to 25 at once", async () => {
      const { authorities } = context.store;
      const organizationId = newId("org");
      await authorities.insertOrGet(authority(organizationId));
      const numbers = await inParallel(25, () => authorities.nextCrlNumber(`${organizationId}:1`));
      assert.deepEqual(
        numbers.sort((a, b) => a - b),
        Array.from({ length: 25 }, (_value, index) => index + 1),
      );
      await assert.rejects(authorities.nextCrlNumber(`${organizationId}:9`), /no authority/);
    });
  });

  describe("when certificates are stored", () => {
    it("finds them by serial number and lists a device's, newest first", async () => {
      const { certificates } = context.store;
      const holder = device(newId("org"));
      const issued = [1, 3, 2].map((end) => certificate(holder, { notAfter: at(end) }));
      await certificates.insertMany([]);
      await certificates.insertMany(issued);
      assert.deepEqual(await certificates.get(issued[0]?._id ?? ""), issued[0]);
      assert.equal(await certificates.get(hex()), undefined);
      const ends = async (organizationId: string, limit?: number) =>
        (await certificates.listOfDevice(organizationId, holder._id, limit)).map((found) => found.notAfter);
      assert.deepEqual(await ends(holder.organizationId), [at(3), at(2), at(1)]);
      assert.deepEqual(await ends(holder.organizationId, 2), [at(3), at(2)]);
      assert.deepEqual(await ends(newId("org")), []);
    });

    it("stores the others of a batch with a duplicate, and says so", async () => {
      const { certificates } = context.store;
      const holder = device(newId("org"));
      const [known, one, two] = [certificate(holder), certificate(holder), certificate(holder)];
      await certificates.insertMany([known]);
      await assert.rejects(certificates.insertMany([one, known, two]), isDuplicateKey);
      assert.deepEqual(await certificates.get(two._id), two);
    });

    it("revokes once, one or all of a device, in its organisation only", async () => {
      const { certificates } = context.store;
      const holder = device(newId("org"));
      const { organizationId, _id: deviceId } = holder;
      const issued = [certificate(holder), certificate(holder), certificate(holder)];
      const other = certificate(device(organizationId));
      await certificates.insertMany([...issued, other]);
      const serial = issued[0]?._id ?? "";
      const revoked = await inParallel(25, (index) => certificates.revoke(serial, `reason ${index}`, at(5)));
      assert.equal(revoked.filter(Boolean).length, 1);
      const stored = await certificates.get(serial);
      assert.deepEqual([stored?.revokedAt, stored?.reason], [at(5), `reason ${revoked.indexOf(true)}`]);
      const all = (organization: string) =>
        certificates.revokeForDevice(organization, deviceId, "privilegeWithdrawn", at(6));
      assert.equal(await all(newId("org")), 0);
      assert.equal(await all(organizationId), 2);
      assert.equal(await all(organizationId), 0);
      assert.deepEqual((await certificates.get(serial))?.revokedAt, at(5));
      assert.equal((await certificates.get(other._id))?.revokedAt, null);
      assert.equal(await certificates.revoke(hex(), "keyCompromise"), false);
    });

    it("lists an issuer's revoked ones that have not ended, and tells when that list changes", async () => {
      const { certificates } = context.store;
      const holder = device(newId("org"));
      const issuerId = `${holder.organizationId}:7`;
      const [ended, current, second] = [100, 300, 300].map((end) =>
        certificate(holder, { issuerId, notAfter: at(end) }),
      );
      assert.ok(ended && current && second);
      await certificates.insertMany([ended, current, second, certificate(holder, { notAfter: at(300) })]);
      const before = await certificates.revocationState(issuerId, at(200));
      await certificates.revoke(ended._id, "superseded", at(50));
      assert.equal(await certificates.revocationState(issuerId, at(200)), before, "it has ended");
      await certificates.revoke(current._id, "keyCompromise", at(50));
      const after = await certificates.revocationState(issuerId, at(200));
      assert.notEqual(after, before);
      await certificates.revoke(second._id, "keyCompromise", at(50));
      assert.notEqual(
        await certificates.revocationState(issuerId, at(200)),
        after,
        "in the same millisecond",
      );
      const listed = await certificates.listRevoked(issuerId, at(200));
      assert.deepEqual(listed.map(({ _id }) => _id).sort(), [current._id, second._id].sort());
      assert.equal(await certificates.hasUnexpired(issuerId, at(299)), true);
      assert.equal(await certificates.hasUnexpired(issuerId, at(300)), false);
    });
  });

  describe("when another process asks for a certificate", () => {
    it("lets one of 25 take a request, once", async () => {
      const { signingRequests } = context.store;
      const request = {
        _id: newId("sig"),
        kind: "server" as const,
        csr: "pem",
        organizationId: null,
        deviceId: null,
        names: ["edge.example.com"],
        createdAt: new Date(),
      };
      await signingRequests.insert(request);
      const taken = await inParallel(25, () => signingRequests.take(request._id));
      assert.deepEqual(
        taken.filter((found) => found !== undefined),
        [request],
      );
      assert.equal(await signingRequests.take(request._id), undefined);
    });
  });
});
