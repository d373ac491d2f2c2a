import type { IdentityAnswer, PendingAnswer } from "@rciots/protocol";
import { badRequest, hashToken, isSameHash, type Bus } from "@rciots/runtime";
import type { Device, Store } from "@rciots/store";
import type { Audit } from "../audit.ts";
import type { DeviceTokens } from "../authority/platform-key.ts";
import { refuse } from "../refusals.ts";
import { refuseByStatus } from "./device-access.ts";
import type { DeviceCertificates } from "./device-certificates.ts";
import type { Attempt } from "./enrollment-call.ts";
import { identityAnswer, pendingAnswer, type AnswerFacts } from "./identity-answer.ts";

export interface KnownDevices {
  /** A device that proves itself by the device token of its 202. */
  poll(attempt: Attempt): Promise<IdentityAnswer | PendingAnswer>;
  /** A device that repeats its enrolment with the same token, name and key. */
  repeat(attempt: Attempt, device: Device): Promise<IdentityAnswer | PendingAnswer>;
}

/** Calls of devices that are stored: their own status decides, whatever has become of the token. */
export function createKnownDevices(options: {
  store: Store;
  bus: Bus;
  audit: Audit;
  certificates: DeviceCertificates;
  deviceTokens: DeviceTokens;
  facts: AnswerFacts;
}): KnownDevices {
  const { store, bus, audit, certificates, deviceTokens, facts } = options;

  async function issueFor(attempt: Attempt, device: Device, deviceToken: string): Promise<IdentityAnswer> {
    const { key, token, address } = attempt;
    const identifier = { organizationId: device.organizationId, deviceId: device._id };
    const isFirst = device.certificate === null;
    const issued = await certificates.issueAgain(identifier, key);
    await audit.record({
      ...identifier,
      kind: isFirst ? "device.enrolled" : "certificate.issued",
      actor: { kind: "provisioning-token", id: token._id, name: token.name },
      message: isFirst
        ? `The device ${device.name} was enrolled.`
        : `The device ${device.name} repeated its enrolment and got a new certificate.`,
      details: { serial: issued.serial, issuerId: issued.issuerId },
      address,
    });
    if (isFirst) {
      bus.publish("device:updated", { organizationId: device.organizationId, deviceIds: [device._id] });
    }
    return identityAnswer(facts, {
      device: identifier,
      deviceToken,
      issued,
      privateKeyPem: key.privateKeyPem,
    });
  }

  async function proceed(
    attempt: Attempt,
    device: Device,
    deviceToken: string,
  ): Promise<IdentityAnswer | PendingAnswer> {
    if (device.status === "active") return issueFor(attempt, device, deviceToken);
    if (device.status !== "pending") throw refuseByStatus(device.status);
    const { publicKeyHash } = attempt.key;
    if (attempt.request.generateKey !== true && device.publicKeyHash !== publicKeyHash) {
      await store.deviceEnrollment.replacePendingKey(device.organizationId, device._id, publicKeyHash);
    }
    return pendingAnswer(facts, device._id, deviceToken);
  }

  return {
    async poll(attempt) {
      const { deviceId, deviceToken } = attempt.request;
      if (deviceId === undefined || deviceToken === undefined) {
        throw badRequest({
          code: "invalid_input",
          message: "The body is not valid: deviceId and deviceToken belong together.",
        });
      }
      const device = await store.deviceEnrollment.get(deviceId);
      if (device?.organizationId !== attempt.token.organizationId) throw refuse("device_not_found");
      if (!isSameHash(hashToken(deviceToken), device.tokenHash)) throw refuse("device_token_invalid");
      return proceed(attempt, device, deviceToken);
    },

    async repeat(attempt, device) {
      const deviceToken = deviceTokens(device._id);
      const tokenHash = hashToken(deviceToken);
      // Only where the key that tokens are derived from was lost and made anew.
      if (!isSameHash(tokenHash, device.tokenHash)) {
        await store.deviceEnrollment.replaceToken(device.organizationId, device._id, tokenHash);
      }
      return proceed(attempt, device, deviceToken);
    },
  };
}
