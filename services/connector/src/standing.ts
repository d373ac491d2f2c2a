import { isSameHash } from "@rciots/runtime";
import type { Standing } from "@rciots/store";
import { refusal, type Refusal } from "./refusal.ts";
import type { SessionIdentity } from "./session.ts";

/** `farewell`: everything is proved, and the device is to be told that it is decommissioned. */
export type Verdict =
  { kind: "admitted" } | { kind: "refused"; refusal: Refusal } | { kind: "farewell"; wipeWorkloads: boolean };

const refused = (code: Refusal["code"], message: string): Verdict => ({
  kind: "refused",
  refusal: refusal(code, message),
});

/**
 * Judges a peer by what the store says of it now; at connect and again whenever it may have changed. The chain
 * was verified before. Who can't prove to be the device learns nothing of the device's state.
 */
export function judge(identity: SessionIdentity, standing: Standing, nowMs: number): Verdict {
  const { device, certificate, organization } = standing;
  if (identity.notAfterMs < nowMs || identity.notBeforeMs > nowMs) {
    return refused("certificate_expired", "The certificate is not valid at this time.");
  }
  if (device === undefined) return refused("device_not_found", "The device does not exist.");
  if (device.organizationId !== identity.organizationId) {
    return refused("certificate_wrong_organization", "The certificate belongs to another organisation.");
  }
  if (!isSameHash(device.tokenHash, identity.tokenHash)) {
    return refused("device_token_invalid", "The device token is not this device's.");
  }
  if (device.status === "decommissioned") {
    return { kind: "farewell", wipeWorkloads: device.decommission?.wipeWorkloads ?? false };
  }
  if (certificate === undefined || certificate.deviceId !== device._id) {
    return refused("certificate_invalid", "The certificate is not one that was issued to this device.");
  }
  if (certificate.revokedAt !== null && device.status === "active") {
    return refused("certificate_revoked", "The certificate was revoked.");
  }
  if (organization?.status !== "active") {
    return refused("organization_suspended", "The device's organisation is suspended.");
  }
  switch (device.status) {
    case "active":
      return { kind: "admitted" };
    case "pending":
      return refused("device_pending", "The device waits for approval.");
    case "denied":
      return refused("device_denied", "The device was denied.");
    case "disabled":
      return refused("device_disabled", "The device is disabled.");
  }
}
