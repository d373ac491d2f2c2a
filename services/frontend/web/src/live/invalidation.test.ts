import assert from "node:assert/strict";
import { isOutdated, mergeChanges, type Changes } from "./invalidation.ts";

const none: Changes = {
  devices: [],
  devicesMany: false,
  templates: [],
  templatesMany: false,
  commandRuns: [],
  commandRunsMany: false,
  events: false,
  kinds: [],
  tokens: false,
  account: false,
};
const id = (prefix: string, end: string): string => `${prefix}_${end.padStart(26, "0")}`;

describe("when a hint says that something changed", () => {
  it("has lists and the device itself read again, and no other device", () => {
    const changes = { ...none, devices: [id("dev", "1")] };
    assert.ok(isOutdated(["devices", id("dev", "1"), "objects"], changes));
    assert.ok(isOutdated(["devices", { q: "x" }], changes));
    assert.ok(isOutdated(["overview"], changes));
    assert.equal(isOutdated(["devices", id("dev", "2")], changes), false);
    assert.equal(isOutdated(["templates"], changes), false);
    assert.ok(isOutdated(["devices", id("dev", "2")], { ...none, devicesMany: true }));
  });

  it("has the lists of commands and the run itself read again, and no other run", () => {
    const changes = { ...none, commandRuns: [id("run", "1")] };
    assert.ok(isOutdated(["commands", { state: "running" }], changes));
    assert.ok(isOutdated(["commands", id("run", "1"), "executions"], changes));
    assert.equal(isOutdated(["commands", id("run", "2")], changes), false);
    assert.ok(isOutdated(["commands", id("run", "2")], { ...none, commandRunsMany: true }));
    assert.equal(isOutdated(["devices"], changes), false);
  });

  it("has what an event is about read again", () => {
    const changes = { ...none, events: true, kinds: ["member.removed", "git-credential.created"] };
    for (const resource of ["members", "git-credentials", "events", "overview"]) {
      assert.ok(isOutdated([resource], changes), resource);
    }
    for (const resource of ["secrets", "devices", "me"]) assert.equal(isOutdated([resource], changes), false);
    assert.ok(isOutdated(["templates", id("tpl", "1")], { ...none, kinds: ["template.changed"] }));
    assert.ok(isOutdated(["secrets"], { ...none, kinds: ["template.changed"] }));
    assert.ok(isOutdated(["git-credentials"], { ...none, templates: [id("tpl", "1")] }));
    assert.ok(isOutdated(["remote-access"], { ...none, kinds: ["remote-access.changed"] }));
    assert.ok(isOutdated(["command-settings", id("dev", "1")], { ...none, kinds: ["command.forbidden"] }));
    assert.equal(isOutdated(["command-settings"], { ...none, kinds: ["command.ended"] }), false);
  });

  it("has nothing read again for connections but where they are shown", () => {
    const changes = { ...none, events: true, kinds: ["connection.opened", "connection.summed"] };
    assert.equal(isOutdated(["overview"], changes), false);
    assert.equal(isOutdated(["events", "organization", { connections: "false" }], changes), false);
    assert.ok(isOutdated(["events", "organization", {}], changes));
    const others = { ...changes, kinds: [...changes.kinds, "device.enrolled"] };
    assert.ok(isOutdated(["overview"], others));
    assert.ok(isOutdated(["events", "organization", { connections: "false" }], others));
  });

  it("says of several hints what each of them says", () => {
    const merged = mergeChanges({ ...none, devices: ["a"], tokens: true }, { ...none, devices: ["a", "b"] });
    assert.deepEqual(merged, { ...none, devices: ["a", "b"], tokens: true });
  });
});
