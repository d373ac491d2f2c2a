import { z } from "zod";
import { deviceNameField, factsField, idField, labelsField } from "./fields.ts";
import { limits } from "./limits.ts";

const csrField = z.string().min(1).max(limits.csrBytes, `must have at most ${limits.csrBytes} bytes`);
const deviceTokenField = z.string().min(16).max(256);

/**
 * Body of `POST /v1/enroll`, with `Authorization: Bearer <provisioning token>`. The same call with the same
 * key is the same device: it may be repeated after a lost answer and while the device waits for approval.
 */
export const enrollRequest = z.strictObject({
  name: deviceNameField,
  /** PEM (PKCS #10), signed by the device's own key. Absent only where the platform may make the key. */
  csr: csrField.optional(),
  /** Asks the platform to make the key, for a client that cannot; refused unless the operator allows it. */
  generateKey: z.boolean().optional(),
  facts: factsField.optional(),
  labels: labelsField.optional(),
  /** Of a device that waits for approval, from the 202 answer. */
  deviceId: idField("dev").optional(),
  deviceToken: deviceTokenField.optional(),
});
export type EnrollRequest = z.output<typeof enrollRequest>;

/** Body of `POST /v1/recover`, with `Authorization: Bearer <device token>`. Answers 201 as enrolment does. */
export const recoverRequest = z.strictObject({ deviceId: idField("dev"), csr: csrField });
export type RecoverRequest = z.output<typeof recoverRequest>;

/** 201 of `enroll` and `recover`. */
export const identityAnswer = z.object({
  status: z.literal("approved"),
  deviceId: idField("dev"),
  organizationId: idField("org"),
  /** Secret; shown this once. */
  deviceToken: deviceTokenField,
  /** PEM: the device's certificate, then its organisation's intermediate. */
  certificateChain: z.string(),
  /** PEM: the root certificates that the platform's own server certificates lead to. */
  caCertificates: z.string(),
  /** PEM (PKCS #8); only where `generateKey` was asked for and allowed. */
  privateKey: z.string().optional(),
  notAfter: z.iso.datetime(),
  /** Where the channel is, such as `wss://edge.example.com:443`. */
  edgeUrl: z.string(),
  /** The platform's clock. */
  serverTime: z.iso.datetime(),
});
export type IdentityAnswer = z.output<typeof identityAnswer>;

/** 202 of `enroll`: repeat the call with this id and token after `retryAfterMs`. */
export const pendingAnswer = z.object({
  status: z.literal("pending"),
  deviceId: idField("dev"),
  deviceToken: deviceTokenField,
  retryAfterMs: z.number().int(),
  serverTime: z.iso.datetime(),
});
export type PendingAnswer = z.output<typeof pendingAnswer>;

/** 200 of `GET /v1/ca`: what an agent that was given only a fingerprint checks and then trusts. */
export const caAnswer = z.object({ caCertificates: z.string(), serverTime: z.iso.datetime() });

/** Codes of refusals at enrolment and recovery, with their statuses; `docs/protocol.md` explains each. */
export const enrollmentErrors = {
  token_not_found: 404,
  token_disabled: 403,
  token_expired: 403,
  token_exhausted: 403,
  organization_suspended: 403,
  device_name_taken: 409,
  device_denied: 403,
  device_disabled: 403,
  device_decommissioned: 403,
  device_not_found: 404,
  device_token_invalid: 401,
  device_pending: 409,
  csr_required: 400,
  csr_invalid: 400,
  csr_weak_key: 400,
  csr_bad_signature: 400,
  server_keys_off: 403,
  rate_limited: 429,
} as const;
export type EnrollmentErrorCode = keyof typeof enrollmentErrors;
