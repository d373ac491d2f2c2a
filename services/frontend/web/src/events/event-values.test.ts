import assert from "node:assert/strict";
import { changedFields, otherDetails, textOf, words } from "./event-values.ts";

describe("when an event is shown to people", () => {
  it("sets before beside after, also of a field that came or went", () => {
    const details = { before: { role: "viewer", note: "x" }, after: { role: "admin", isActive: true } };
    assert.deepEqual(changedFields(details), [
      { field: "Role", before: "viewer", after: "admin" },
      { field: "Note", before: "x", after: "none" },
      { field: "Is active", before: "none", after: "yes" },
    ]);
    assert.deepEqual(changedFields({ before: "broken" }), []);
  });

  it("writes values without quotes and braces", () => {
    assert.equal(textOf({ site: "berlin", tags: ["a", "b"] }), "site: berlin, tags: a, b");
    assert.deepEqual(
      [textOf([]), textOf({}), textOf(null), textOf(0), textOf(false)],
      ["none", "none", "none", "0", "no"],
    );
    assert.equal(words("maxDevices"), "Max devices");
  });

  it("leaves out what is shown elsewhere", () => {
    assert.deepEqual(otherDetails({ requestId: "r", before: {}, after: {}, isMailed: true }), [
      { name: "Is mailed", value: "yes" },
    ]);
  });
});
