import type { IdentityAnswer, RecoverRequest } from "@rciots/protocol";
import { hashToken, isSameHash } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import type { Audit } from "../audit.ts";
import { refuse } from "../refusals.ts";
import { refuseByStatus, type OrganizationAccess } from "./device-access.ts";
import type { DeviceCertificates } from "./device-certificates.ts";
import { readCsr } from "./device-key.ts";
import { identityAnswer, type AnswerFacts } from "./identity-answer.ts";

export interface RecoveryService {
  /** Throws AppErrors with the codes of the contract. */
  recover(call: {
    deviceToken: string;
    request: RecoverRequest;
    address: string | null;
  }): Promise<IdentityAnswer>;
}

/** Compared with where there is no device, so that both cases do the same work. */
const noHash = hashToken("no device");

/**
 * A new certificate for an active device that lost its own, by its device token. The token stays: were it
 * exchanged, a lost answer would lock the device out.
 */
export function createRecoveryService(options: {
  store: Store;
  audit: Audit;
  organizations: OrganizationAccess;
  certificates: DeviceCertificates;
  facts: AnswerFacts;
}): RecoveryService {
  const { store, audit, organizations, certificates, facts } = options;
  return {
    async recover({ deviceToken, request, address }) {
      const device = await store.deviceEnrollment.get(request.deviceId);
      const isProven = isSameHash(hashToken(deviceToken), device?.tokenHash ?? noHash);
      if (device === undefined) throw refuse("device_not_found");
      if (!isProven) throw refuse("device_token_invalid");
      await organizations.requireActive(device.organizationId);
      if (device.status !== "active") throw refuseByStatus(device.status);
      const identifier = { organizationId: device.organizationId, deviceId: device._id };
      const issued = await certificates.issueAgain(identifier, readCsr(request.csr));
      await audit.record({
        ...identifier,
        kind: "device.recovered",
        actor: { kind: "device", id: device._id, name: device.name },
        message: `The device ${device.name} recovered with its device token and got a new certificate.`,
        details: { serial: issued.serial, issuerId: issued.issuerId },
        address,
      });
      return identityAnswer(facts, { device: identifier, deviceToken, issued });
    },
  };
}
