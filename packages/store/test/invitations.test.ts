import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { isDuplicateKey, type Invitation } from "../src/index.ts";
import { at, hex, inParallel, orderedId } from "./documents.ts";
import { describeStore } from "./suite.ts";

const invitation = (organizationId: string, change: Partial<Invitation> = {}): Invitation => ({
  _id: newId("inv"),
  organizationId,
  email: `${newId("m")}@example.com`,
  role: "viewer",
  tokenHash: hex(),
  invitedBy: { id: "usr_test", name: "test" },
  sentAt: null,
  claimedUntil: null,
  createdAt: at(0),
  expiresAt: at(1_000),
  ...change,
});

describeStore("invitations", (context) => {
  describe("when invitations are kept", () => {
    it("finds one in its organisation only, and by its token until it expires", async () => {
      const { invitations } = context.store;
      const stored = invitation(newId("org"));
      await invitations.insert(stored);
      assert.deepEqual(await invitations.find(stored.organizationId, stored._id), stored);
      assert.equal(await invitations.find(newId("org"), stored._id), null);
      assert.deepEqual(await invitations.findByToken(stored.tokenHash, at(999)), stored);
      assert.equal(await invitations.findByToken(stored.tokenHash, at(1_000)), null);
      assert.equal(await invitations.findByToken(hex(), at(0)), null);
    });

    it("keeps one for an address, until that is deleted or has expired", async () => {
      const { invitations } = context.store;
      const [organizationId, email] = [newId("org"), "ada@example.com"];
      const first = invitation(organizationId, { email });
      await invitations.insert(first);
      await invitations.insert(invitation(newId("org"), { email }));
      await assert.rejects(invitations.insert(invitation(organizationId, { email })), isDuplicateKey);
      await invitations.deleteExpired(organizationId, email, at(999));
      assert.notEqual(await invitations.find(organizationId, first._id), null);
      await invitations.deleteExpired(organizationId, email, at(1_000));
      const second = invitation(organizationId, { email });
      await invitations.insert(second);
      assert.equal(await invitations.delete(newId("org"), second._id), false);
      assert.equal(await invitations.delete(organizationId, second._id), true);
      assert.equal(await invitations.delete(organizationId, second._id), false);
    });

    it("lists newest first, counts the good ones, and deletes those of one person", async () => {
      const { invitations } = context.store;
      const [organizationId, ada] = [newId("org"), { id: "usr_ada", name: "ada" }];
      const stored = [0, 1, 2, 3].map((index) =>
        invitation(organizationId, {
          _id: orderedId("inv", index),
          expiresAt: at(index * 1_000),
          ...(index < 2 ? { invitedBy: ada } : {}),
        }),
      );
      for (const one of stored) await invitations.insert(one);
      const ids = (found: Invitation[]) => found.map(({ _id }) => stored.findIndex((one) => one._id === _id));
      assert.deepEqual(ids(await invitations.list(organizationId, { limit: 2 })), [3, 2]);
      const before = stored[2]?._id ?? "";
      assert.deepEqual(ids(await invitations.list(organizationId, { before, limit: 9 })), [1, 0]);
      assert.equal(await invitations.count(organizationId, at(1_000)), 2);
      assert.equal(await invitations.deleteOf(newId("org"), ada.id), 0);
      assert.equal(await invitations.deleteOf(organizationId, ada.id), 2);
      assert.deepEqual(ids(await invitations.list(organizationId, { limit: 9 })), [3, 2]);
    });

    it("makes the link before worthless when it is renewed, and notes when it was sent", async () => {
      const { invitations } = context.store;
      const stored = invitation(newId("org"));
      await invitations.insert(stored);
      const change = { tokenHash: hex(), expiresAt: at(5_000), sentAt: null };
      assert.equal(await invitations.renew(newId("org"), stored._id, change), null);
      const renewed = await invitations.renew(stored.organizationId, stored._id, change);
      assert.deepEqual(renewed, { ...stored, ...change });
      assert.equal(await invitations.findByToken(stored.tokenHash, at(0)), null);
      await invitations.setSent(stored._id, stored.tokenHash, at(9));
      await invitations.setSent(stored._id, change.tokenHash, at(7));
      assert.deepEqual((await invitations.find(stored.organizationId, stored._id))?.sentAt, at(7));
    });
  });

  describe("when an invitation is accepted by many at once", () => {
    it("is claimed by one of 25, and by another once that one lapsed or gave it back", async () => {
      const { invitations } = context.store;
      const { tokenHash, ...stored } = invitation(newId("org"));
      await invitations.insert({ ...stored, tokenHash });
      const claims = await inParallel(25, () => invitations.claim(tokenHash, 100, at(0)));
      assert.equal(claims.filter((claim) => claim !== null).length, 1);
      assert.equal(await invitations.claim(tokenHash, 100, at(99)), null);
      const late = await invitations.claim(tokenHash, 100, at(100));
      assert.ok(late);
      const first = claims.find((claim) => claim !== null);
      assert.ok(first);
      await invitations.release(first);
      assert.equal(
        await invitations.claim(tokenHash, 100, at(150)),
        null,
        "a lapsed claim gives nothing back",
      );
      await invitations.release(late);
      assert.notEqual(await invitations.claim(tokenHash, 100, at(150)), null);
      assert.equal(await invitations.claim(tokenHash, 100, at(1_000)), null, "it has expired");
    });
  });
});
