import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { isDuplicateKey, type AccountLink, type SignUp } from "../src/index.ts";
import { at, hex, inParallel, user } from "./documents.ts";
import { describeStore } from "./suite.ts";

const link = (userId: string, change: Partial<AccountLink> = {}): AccountLink => ({
  _id: hex(),
  userId,
  purpose: "reset-password",
  email: "ada@example.com",
  createdAt: at(0),
  expiresAt: at(1_000),
  ...change,
});

const signUp = (change: Partial<SignUp> = {}): SignUp => {
  const _id = newId("usr");
  return {
    _id,
    tokenHash: hex(),
    email: `${_id.toLowerCase()}@example.com`,
    username: _id.toLowerCase(),
    passwordHash: "hash",
    organization: { id: newId("org"), name: "name" },
    createdAt: at(0),
    expiresAt: at(1_000),
    ...change,
  };
};

describeStore("account-links", (context) => {
  describe("when links of people are stored", () => {
    it("gives one to a single one of many, for its purpose, before it expires", async () => {
      const { accountLinks } = context.store;
      const stored = link(newId("usr"));
      await accountLinks.insert(stored);
      await assert.rejects(accountLinks.insert(stored), isDuplicateKey);
      assert.equal(await accountLinks.take("change-email", stored._id, at(0)), null);
      assert.equal(await accountLinks.take("reset-password", stored._id, at(1_000)), null);
      assert.deepEqual(await accountLinks.find("reset-password", stored._id, at(999)), stored);
      assert.equal(await accountLinks.find("reset-password", stored._id, at(1_000)), null);
      assert.equal(await accountLinks.find("change-email", stored._id, at(0)), null);
      const taken = await inParallel(20, () => accountLinks.take("reset-password", stored._id, at(999)));
      assert.deepEqual(
        taken.filter((found) => found !== null),
        [stored],
      );
    });

    it("finds a person's newest, and deletes those of one purpose", async () => {
      const { accountLinks } = context.store;
      const [ada, bob] = [newId("usr"), newId("usr")];
      const [old, later] = [link(ada), link(ada, { createdAt: at(5) })];
      for (const one of [later, old, link(bob), link(ada, { purpose: "change-email" })])
        await accountLinks.insert(one);
      assert.deepEqual(await accountLinks.findOf(ada, "reset-password", at(10)), later);
      assert.equal(await accountLinks.findOf(ada, "reset-password", at(1_000)), null);
      await accountLinks.deleteOf(ada, "reset-password");
      assert.equal(await accountLinks.findOf(ada, "reset-password", at(10)), null);
      assert.ok(await accountLinks.findOf(ada, "change-email", at(10)));
      assert.ok(await accountLinks.findOf(bob, "reset-password", at(10)));
    });
  });

  describe("when sign-ups wait", () => {
    it("finds them by their link, their address and their name until they expire", async () => {
      const { accountLinks } = context.store;
      const stored = signUp();
      await accountLinks.insertSignUp(stored);
      await assert.rejects(accountLinks.insertSignUp(signUp({ _id: stored._id })), isDuplicateKey);
      for (const find of [
        (now: Date) => accountLinks.findSignUp(stored.tokenHash, now),
        (now: Date) => accountLinks.findSignUpByLogin(stored.email, now),
        (now: Date) => accountLinks.findSignUpByLogin(stored.username, now),
      ]) {
        assert.deepEqual(await find(at(999)), stored);
        assert.equal(await find(at(1_000)), null);
      }
      assert.equal(await accountLinks.findSignUp(hex(), at(0)), null);
    });

    it("gives one a new link, counts those of an address and deletes them", async () => {
      const { accountLinks } = context.store;
      const email = "twice@example.com";
      const [first, second] = [signUp({ email }), signUp({ email, createdAt: at(1) })];
      for (const one of [second, first, signUp()]) await accountLinks.insertSignUp(one);
      assert.deepEqual(await accountLinks.findSignUpByLogin(email, at(10)), second);
      assert.equal(await accountLinks.countSignUps(email, at(10)), 2);
      assert.equal(await accountLinks.countSignUps(email, at(1_000)), 0);
      const change = { tokenHash: hex(), expiresAt: at(2_000) };
      assert.equal(await accountLinks.renewSignUp(first._id, change), true);
      assert.equal(await accountLinks.findSignUp(first.tokenHash, at(10)), null);
      assert.deepEqual(await accountLinks.findSignUp(change.tokenHash, at(1_500)), { ...first, ...change });
      await accountLinks.deleteSignUps(email);
      assert.equal(await accountLinks.countSignUps(email, at(10)), 0);
      assert.equal(await accountLinks.renewSignUp(first._id, change), false);
    });
  });

  describe("when people have a second factor", () => {
    const codes = ["a", "b", "c"];
    async function enrolled(): Promise<string> {
      const { accounts, secondFactors } = context.store;
      const { _id } = user();
      await accounts.insertUser(user({ _id }));
      assert.equal(await secondFactors.begin(_id, "sealed"), true);
      const proof = { sealedSecret: "sealed", step: 10, recoveryCodeHashes: codes, now: at(0) };
      assert.equal(await secondFactors.confirm(_id, proof), true);
      return _id;
    }
    const stored = async (userId: string) => (await context.store.accounts.findUser(userId))?.secondFactor;

    it("is begun any number of times, confirmed once, and only as it was last begun", async () => {
      const { accounts, secondFactors } = context.store;
      const { _id } = user();
      await accounts.insertUser(user({ _id }));
      assert.equal(await secondFactors.begin(_id, "first"), true);
      assert.equal(await secondFactors.begin(_id, "second"), true);
      assert.deepEqual(await stored(_id), {
        sealedSecret: "second",
        confirmedAt: null,
        lastStep: 0,
        recoveryCodeHashes: [],
      });
      assert.equal(await secondFactors.replaceRecoveryCodes(_id, codes), false, "not confirmed");
      assert.equal(await secondFactors.remove(_id), false, "not confirmed");
      const proof = { step: 7, recoveryCodeHashes: codes, now: at(0) };
      assert.equal(await secondFactors.confirm(_id, { ...proof, sealedSecret: "first" }), false);
      const won = await inParallel(10, () =>
        secondFactors.confirm(_id, { ...proof, sealedSecret: "second" }),
      );
      assert.equal(won.filter(Boolean).length, 1);
      assert.equal(await secondFactors.begin(_id, "third"), false, "it would take the confirmed one's place");
      assert.equal((await stored(_id))?.lastStep, 7);
    });

    it("takes a time step once, and none that is older", async () => {
      const { secondFactors } = context.store;
      const userId = await enrolled();
      const won = await inParallel(20, () => secondFactors.takeStep(userId, "sealed", 11));
      assert.equal(won.filter(Boolean).length, 1);
      assert.equal(await secondFactors.takeStep(userId, "sealed", 10), false);
      assert.equal(await secondFactors.takeStep(userId, "other", 12), false);
      assert.equal(await secondFactors.takeStep(userId, "sealed", 12), true);
    });

    it("takes each recovery code once, until they are replaced", async () => {
      const { secondFactors } = context.store;
      const userId = await enrolled();
      const won = await inParallel(20, () => secondFactors.takeRecoveryCode(userId, "b"));
      assert.equal(won.filter(Boolean).length, 1);
      assert.deepEqual((await stored(userId))?.recoveryCodeHashes, ["a", "c"]);
      assert.equal(await secondFactors.replaceRecoveryCodes(userId, ["d"]), true);
      assert.equal(await secondFactors.takeRecoveryCode(userId, "a"), false);
      assert.equal(await secondFactors.takeRecoveryCode(userId, "d"), true);
    });

    it("is removed, and can be begun anew", async () => {
      const { secondFactors } = context.store;
      const userId = await enrolled();
      assert.equal(await secondFactors.remove(userId), true);
      assert.equal(await secondFactors.remove(userId), false);
      assert.equal(await stored(userId), null);
      assert.equal(await secondFactors.takeStep(userId, "sealed", 99), false);
      assert.equal(await secondFactors.begin(userId, "again"), true);
    });
  });
});
