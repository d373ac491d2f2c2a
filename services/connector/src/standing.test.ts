import assert from "node:assert/strict";
import { hashToken } from "@rciots/runtime";
import type { Certificate, Device, Standing } from "@rciots/store";
import type { SessionIdentity } from "./session.ts";
import { judge } from "./standing.ts";

const now = Date.parse("2026-06-01T00:00:00Z");
const identity: SessionIdentity = {
  deviceId: "dev_1",
  organizationId: "org_1",
  serial: "01",
  issuerId: "issuer",
  notBeforeMs: now - 1_000,
  notAfterMs: now + 1_000,
  tokenHash: hashToken("token"),
};
const device = {
  _id: "dev_1",
  organizationId: "org_1",
  status: "active",
  tokenHash: hashToken("token"),
} as Device;
const certificate = { _id: "01", deviceId: "dev_1", organizationId: "org_1", revokedAt: null } as Certificate;
const good: Standing = { device, certificate, organization: { _id: "org_1", status: "active" } };

function codeOf(standing: Partial<Standing>, of: Partial<SessionIdentity> = {}): string {
  const verdict = judge({ ...identity, ...of }, { ...good, ...standing }, now);
  return verdict.kind === "refused" ? verdict.refusal.code : verdict.kind;
}

describe("judging a device", () => {
  it("admits one that is in order", () => assert.equal(codeOf({}), "admitted"));

  const refusals: [string, string, Partial<Standing>, Partial<SessionIdentity>?][] = [
    ["an expired certificate", "certificate_expired", {}, { notAfterMs: now - 1 }],
    ["a certificate of the future", "certificate_expired", {}, { notBeforeMs: now + 1 }],
    ["an unknown device", "device_not_found", { device: undefined }],
    ["another organisation", "certificate_wrong_organization", {}, { organizationId: "org_2" }],
    ["another token", "device_token_invalid", {}, { tokenHash: hashToken("other") }],
    ["an empty hash", "device_token_invalid", {}, { tokenHash: "" }],
    ["a certificate without record", "certificate_invalid", { certificate: undefined }],
    [
      "a record of another device",
      "certificate_invalid",
      { certificate: { ...certificate, deviceId: "dev_2" } },
    ],
    [
      "a revoked certificate",
      "certificate_revoked",
      { certificate: { ...certificate, revokedAt: new Date(now) } },
    ],
    ["an organisation that is gone", "organization_suspended", { organization: undefined }],
    [
      "a suspended organisation",
      "organization_suspended",
      { organization: { _id: "org_1", status: "suspended" } },
    ],
    ["a pending device", "device_pending", { device: { ...device, status: "pending" } }],
    ["a denied device", "device_denied", { device: { ...device, status: "denied" } }],
    ["a disabled device", "device_disabled", { device: { ...device, status: "disabled" } }],
  ];
  for (const [what, code, standing, of] of refusals) {
    it(`refuses ${what} with ${code}`, () => assert.equal(codeOf(standing, of), code));
  }

  it("says `disabled` rather than `revoked` of a device that is both", () => {
    const standing = {
      device: { ...device, status: "disabled" as const },
      certificate: { ...certificate, revokedAt: new Date(now) },
    };
    assert.equal(codeOf(standing), "device_disabled");
  });

  it("tells only a peer that proved to be the device that it is decommissioned", () => {
    const gone = { device: { ...device, status: "decommissioned" as const } };
    assert.equal(codeOf(gone), "farewell");
    assert.equal(codeOf(gone, { tokenHash: hashToken("other") }), "device_token_invalid");
    const disabled = { device: { ...device, status: "disabled" as const } };
    assert.equal(codeOf(disabled, { tokenHash: hashToken("other") }), "device_token_invalid");
  });
});
