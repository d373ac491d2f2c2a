import { z } from "zod";
import { tunnelRequests } from "./asked-tunnels.ts";
import { commandReports } from "./commands.ts";
import { digestField, factsField, idField, messageField } from "./fields.ts";
import { limits } from "./limits.ts";
import { remoteCalls } from "./remote-calls.ts";

/** How far a device is with a revision. */
export const revisionStates = [
  "offered",
  "downloading",
  "applying",
  "progressing",
  "healthy",
  "degraded",
  "failed",
  "rolled_back",
] as const;
export type RevisionState = (typeof revisionStates)[number];

/** Health of an object by kstatus rules. */
export const objectHealths = [
  "Current",
  "InProgress",
  "Failed",
  "Terminating",
  "NotFound",
  "Unknown",
] as const;
export type ObjectHealth = (typeof objectHealths)[number];

export const objectStatus = z.strictObject({
  apiVersion: z.string().max(317),
  kind: z.string().max(63),
  namespace: z.string().max(63).optional(),
  name: z.string().max(253),
  health: z.enum(objectHealths),
  /** What the last cycle did with it. */
  applied: z.enum(["applied", "unchanged", "failed", "pruned"]),
  /** The API server's own words, or what health waits for. */
  message: messageField.optional(),
});
export type ObjectStatus = z.output<typeof objectStatus>;

/** What a device should run. `none`: nothing was ever assigned, or all was taken away: prune what was applied. */
export const desiredState = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none"), revision: z.number().int().min(0) }),
  z.strictObject({
    kind: z.literal("bundle"),
    /** Grows by one with each change of the device's content. */
    revision: z.number().int().min(1),
    /** SHA-256 of the decoded bundle. */
    digest: digestField,
    /** SHA-256 of the encoded bundle: what the chunks add up to. */
    encodedDigest: digestField,
    encodedBytes: z.number().int().min(1).max(limits.bundleBytes),
    decodedBytes: z.number().int().min(0).max(limits.bundleDecodedBytes),
    objectCount: z.number().int().min(0).max(limits.bundleObjects),
    /** Not healthy this long after it was first applied: roll back. */
    deadlineMs: z.number().int().min(1_000).max(86_400_000),
  }),
]);
export type DesiredState = z.output<typeof desiredState>;

const nothing = z.strictObject({});

/** Calls a device makes, with what they carry and what they are answered. */
export const deviceCalls = {
  /** First message of a session; nothing else is answered before it. */
  "session:hello": {
    request: z.strictObject({
      versions: z.array(z.number().int().min(1).max(1_000)).min(1).max(16),
      agentVersion: z.string().max(64),
      /** Words for what this agent can do, such as `manifests`; unknown ones are ignored. */
      capabilities: z.array(z.string().max(64)).max(64),
      facts: factsField,
    }),
    response: z.strictObject({
      version: z.number().int(),
      sessionId: idField("ses"),
      serverTime: z.iso.datetime(),
      desired: desiredState,
    }),
  },
  /** What the device should run now. */
  "desired:get": { request: nothing, response: desiredState },
  /**
   * A piece of the encoded bundle, answered with its bytes alone. `bundle_gone` means that another content
   * took its place: ask `desired:get` again.
   */
  "bundle:read": {
    request: z.strictObject({
      encodedDigest: digestField,
      offset: z.number().int().min(0).max(limits.bundleBytes),
      length: z.number().int().min(1).max(limits.chunkBytes),
    }),
    response: z.instanceof(Uint8Array),
  },
  /** Acknowledged once it is stored. */
  "status:report": {
    request: z.strictObject({
      revision: z.number().int().min(0),
      /** Of the content this is about; absent for revision 0. */
      digest: digestField.optional(),
      state: z.enum(revisionStates),
      message: messageField.optional(),
      /** Objects by health. */
      counts: z.partialRecord(
        z.enum(objectHealths),
        z
          .number()
          .int()
          .min(0)
          .max(limits.bundleObjects * 2),
      ),
      /** Which revision now runs, where a failed one was rolled back. */
      runningRevision: z.number().int().min(0).optional(),
      /** All objects where they fit, worst first; otherwise absent, and sent ahead as pages. */
      objects: z.array(objectStatus).max(limits.reportObjects).optional(),
      startedAt: z.iso.datetime().optional(),
      finishedAt: z.iso.datetime().optional(),
    }),
    response: nothing,
  },
  /** One page of many objects; the last page (`page === pages - 1`) completes the set. */
  "objects:report": {
    request: z.strictObject({
      revision: z.number().int().min(0),
      page: z.number().int().min(0).max(63),
      pages: z.number().int().min(1).max(64),
      objects: z.array(objectStatus).max(limits.pageObjects),
    }),
    response: nothing,
  },
  "facts:report": { request: z.strictObject({ facts: factsField }), response: nothing },
  /** The connector passes the CSR on to enrolment; the old certificate stays good until it expires. */
  "certificate:renew": {
    request: z.strictObject({ csr: z.string().min(1).max(limits.csrBytes) }),
    response: z.strictObject({
      certificateChain: z.string(),
      caCertificates: z.string(),
      notAfter: z.iso.datetime(),
    }),
  },
  ...commandReports,
  ...tunnelRequests,
} as const;

/** Calls the platform makes. */
export const platformCalls = {
  /** A hint that `desired:get` would answer something new; carries that answer. */
  "desired:changed": { request: desiredState, response: nothing },
  /** The session ends for this reason; reconnect after `retryAfterMs`. Absent: nothing will change soon, try rarely. */
  "session:close": {
    request: z.strictObject({
      code: z.string().max(64),
      message: messageField,
      retryAfterMs: z.number().int().min(0).max(86_400_000).optional(),
    }),
    response: nothing,
  },
  /** Forget the identity, and with `wipeWorkloads` delete what was applied first. */
  "device:decommission": { request: z.strictObject({ wipeWorkloads: z.boolean() }), response: nothing },
  /** Renew now rather than at two thirds of the certificate's life, as after a rotation of the CA. */
  "certificate:expire": { request: nothing, response: nothing },
  /** A hint to a device that asks for tunnels: `tunnels:ask` would be answered otherwise now. */
  "tunnels:changed": { request: nothing, response: nothing },
  ...remoteCalls,
} as const;

export type DeviceEvent = keyof typeof deviceCalls;
export type PlatformEvent = keyof typeof platformCalls;
export type DeviceRequest<Event extends DeviceEvent> = z.output<(typeof deviceCalls)[Event]["request"]>;
export type DeviceResponse<Event extends DeviceEvent> = z.output<(typeof deviceCalls)[Event]["response"]>;
export type PlatformRequest<Event extends PlatformEvent> = z.output<(typeof platformCalls)[Event]["request"]>;
export type PlatformResponse<Event extends PlatformEvent> = z.output<
  (typeof platformCalls)[Event]["response"]
>;
export type StatusReport = DeviceRequest<"status:report">;
export type ObjectsReport = DeviceRequest<"objects:report">;

export const isDeviceEvent = (name: unknown): name is DeviceEvent =>
  typeof name === "string" && Object.hasOwn(deviceCalls, name);
export const isPlatformEvent = (name: unknown): name is PlatformEvent =>
  typeof name === "string" && Object.hasOwn(platformCalls, name);

/** Every call is answered so. */
export type Ack<Data = unknown> =
  | { ok: true; data: Data }
  | { ok: false; error: { code: string; message: string; details?: Record<string, unknown> } };

/** What an ack looks like before its data is checked. */
export const ackEnvelope = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), data: z.unknown() }),
  z.object({
    ok: z.literal(false),
    error: z.object({
      code: z.string().max(64),
      message: messageField,
      details: z.record(z.string(), z.unknown()).optional(),
    }),
  }),
]);

/** `auth` of the socket.io CONNECT packet. */
export const connectAuth = z.strictObject({
  deviceId: idField("dev"),
  deviceToken: z.string().min(16).max(256),
});
export type ConnectAuth = z.output<typeof connectAuth>;

/** `data` of the error that refuses a connection. Without `retryAfterMs` it will not change by itself soon. */
export const connectRefusal = z.object({
  code: z.string().max(64),
  message: messageField.optional(),
  retryAfterMs: z.number().int().min(0).optional(),
});
export type ConnectRefusal = z.output<typeof connectRefusal>;

/** Codes that refuse or end a session; `docs/protocol.md` says what the agent does on each. */
export const sessionErrors = [
  "certificate_required",
  "certificate_invalid",
  "certificate_expired",
  "certificate_revoked",
  "certificate_wrong_device",
  "certificate_wrong_organization",
  "device_token_invalid",
  "device_not_found",
  "device_pending",
  "device_denied",
  "device_disabled",
  "device_decommissioned",
  "organization_suspended",
  "version_unsupported",
  "superseded",
  "abuse",
  "busy",
  "draining",
] as const;
export type SessionErrorCode = (typeof sessionErrors)[number];

/** Codes that answer a call; `docs/protocol.md` says what the agent does on each. */
export const callErrors = [
  "unknown_event",
  "invalid_payload",
  "hello_required",
  "hello_repeated",
  "version_unsupported",
  "rate_limited",
  "busy",
  "bundle_gone",
  "revision_unknown",
  "digest_mismatch",
  "digest_unknown",
  "command_unknown",
  "command_denied",
  "internal_error",
] as const;
export type CallErrorCode = (typeof callErrors)[number];
