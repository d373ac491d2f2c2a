import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { orderedId, user } from "./documents.ts";
import { describeStore } from "./suite.ts";

describeStore("directory", (context) => {
  describe("when the people of all organisations are looked through", () => {
    it("lists them by name, address and status, in pages", async () => {
      const { accounts, userDirectory } = context.store;
      const stored = [
        user({ _id: orderedId("usr", 0), username: "zoe", email: "zoe@example.com" }),
        user({ _id: orderedId("usr", 1), username: "yan", email: "yan@zoe.example.com" }),
        user({ _id: orderedId("usr", 2), username: "xia", email: "xia@x", status: "disabled" }),
      ];
      for (const one of stored) await accounts.insertUser(one);
      const names = async (filter: object, page = {}) =>
        (await userDirectory.list(filter, { limit: 10, ...page })).map(({ username }) => username);
      assert.deepEqual(await names({ nameMatches: "zoe" }), ["zoe", "yan"]);
      assert.deepEqual(await names({ nameMatches: "^zoe" }), ["zoe"]);
      assert.deepEqual(await names({ status: "disabled" }), ["xia"]);
      assert.deepEqual(await names({}, { limit: 2 }), ["zoe", "yan"]);
      assert.deepEqual(await names({}, { after: stored[1]?._id ?? "" }), ["xia"]);
    });

    it("finds several, changes one, and counts those who administer the platform", async () => {
      const { accounts, userDirectory } = context.store;
      const [one, other] = [user({ isPlatformAdmin: true }), user()];
      for (const each of [one, other]) await accounts.insertUser(each);
      const found = await userDirectory.findMany([one._id, newId("usr"), other._id]);
      assert.deepEqual(found.map(({ _id }) => _id).sort(), [one._id, other._id].sort());
      assert.equal(await userDirectory.countPlatformAdmins(), 1);
      const changed = await userDirectory.change(other._id, { isPlatformAdmin: true });
      assert.deepEqual(changed, { ...other, isPlatformAdmin: true });
      assert.equal(await userDirectory.countPlatformAdmins(), 2);
      await userDirectory.change(one._id, { status: "disabled" });
      assert.equal(await userDirectory.countPlatformAdmins(), 1);
      assert.equal(await userDirectory.change(newId("usr"), { status: "disabled" }), null);
    });
  });
});
