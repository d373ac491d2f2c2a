import type { IdentityAnswer, PendingAnswer } from "@rciots/protocol";
import type { IssuedCertificate } from "../authority/certificate-authority.ts";
import type { DeviceIdentifier } from "./device-certificates.ts";

/** What every answer says of the platform. */
export interface AnswerFacts {
  edgeUrl: string;
  pendingRetryMs: number;
  rootCertificates: () => string;
  now: () => Date;
}

export interface NewIdentity {
  device: DeviceIdentifier;
  deviceToken: string;
  issued: IssuedCertificate;
  privateKeyPem?: string | undefined;
}

export function identityAnswer(facts: AnswerFacts, identity: NewIdentity): IdentityAnswer {
  const { device, deviceToken, issued, privateKeyPem } = identity;
  return {
    status: "approved",
    deviceId: device.deviceId,
    organizationId: device.organizationId,
    deviceToken,
    certificateChain: issued.chainPem,
    caCertificates: facts.rootCertificates(),
    ...(privateKeyPem === undefined ? {} : { privateKey: privateKeyPem }),
    notAfter: issued.notAfter.toISOString(),
    edgeUrl: facts.edgeUrl,
    serverTime: facts.now().toISOString(),
  };
}

export function pendingAnswer(facts: AnswerFacts, deviceId: string, deviceToken: string): PendingAnswer {
  const { pendingRetryMs, now } = facts;
  return {
    status: "pending",
    deviceId,
    deviceToken,
    retryAfterMs: pendingRetryMs,
    serverTime: now().toISOString(),
  };
}
