import assert from "node:assert/strict";
import { toQuery, type AuditFilter } from "./audit-filter.ts";

const none: AuditFilter = {
  kinds: [],
  severity: null,
  actor: "",
  text: "",
  fromDay: "",
  toDay: "",
  deviceId: "",
  withConnections: true,
};

describe("when the audit log is filtered by an address", () => {
  it("asks for what is set, and for whole days", () => {
    assert.deepEqual(toQuery(none), {});
    const query = toQuery({ ...none, kinds: ["device.*"], fromDay: "2030-01-31", toDay: "2030-01-31" });
    assert.deepEqual(query.kind, ["device.*"]);
    assert.equal(query.from, new Date("2030-01-31T00:00:00").toISOString());
    assert.equal(query.to, new Date("2030-02-01T00:00:00").toISOString());
  });

  it("leaves single connections out until somebody asks for them", () => {
    const usual = { ...none, withConnections: false };
    assert.deepEqual(toQuery(usual), { connections: "false" });
    assert.deepEqual(toQuery({ ...usual, kinds: ["device.*"] }), {
      kind: ["device.*"],
      connections: "false",
    });
    assert.deepEqual(toQuery({ ...usual, kinds: ["connection.*"] }), { kind: ["connection.*"] });
  });

  it("leaves out what somebody typed into the address that means nothing", () => {
    assert.deepEqual(toQuery({ ...none, severity: "grave", fromDay: "yesterday", toDay: "2030-99-99" }), {});
  });
});
