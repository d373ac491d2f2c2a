import { objectHealths, revisionStates } from "@rciots/protocol";
import type { Certificate, Device, DeviceRevision } from "@rciots/store";
import { z } from "zod";
import { dateOrNull, isoOrNull } from "../http/fields.ts";

export const deviceStatuses = ["pending", "active", "denied", "disabled", "decommissioned"] as const;

const stateField = z.enum(revisionStates).nullable();

export const deviceSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    status: z.enum(deviceStatuses),
    labels: z.record(z.string(), z.string()),
    variables: z.record(z.string(), z.string()),
    facts: z.record(z.string(), z.unknown()).describe("What the device says of itself."),
    capabilities: z
      .array(z.string())
      .nullable()
      .describe("What its agent takes, as it said when it last connected; null: it has not said yet."),
    provisioningTokenId: z.string().nullable(),
    templates: z.array(
      z.object({
        templateId: z.string(),
        versionId: z.string().nullable().describe("null follows the template's current version."),
      }),
    ),
    hasOverlay: z.boolean(),
    overlayError: z.string().nullable().describe("Why the overlay can't be rendered on the templates."),
    pinnedRevision: z.number().int().nullable().describe("Set by a rollback; its content stays in force."),
    deadlineMs: z.number().int().describe("Not healthy this long after it was first applied: roll back."),
    desired: z.object({
      revision: z.number().int(),
      digest: z.string().nullable(),
      error: z.string().nullable(),
      updatedAt: dateOrNull,
    }),
    observed: z.object({
      revision: z.number().int(),
      digest: z.string().nullable(),
      state: stateField,
      message: z.string().nullable(),
      counts: z.partialRecord(z.enum(objectHealths), z.number().int()),
      objectCount: z.number().int(),
      runningRevision: z.number().int().nullable(),
      startedAt: dateOrNull,
      finishedAt: dateOrNull,
      reportedAt: dateOrNull,
    }),
    presence: z.object({
      online: z.boolean(),
      since: dateOrNull,
      lastSeenAt: dateOrNull,
      address: z.string().nullable(),
    }),
    certificate: z.object({ serial: z.string(), notAfter: z.iso.datetime() }).nullable(),
    decommission: z.object({ wipeWorkloads: z.boolean(), requestedAt: z.iso.datetime() }).nullable(),
    approvedAt: dateOrNull,
    createdAt: z.iso.datetime(),
    version: z.number().int(),
  })
  .meta({ id: "Device" });

export type DeviceView = z.input<typeof deviceSchema>;

function viewObserved({ observed }: Device): DeviceView["observed"] {
  return {
    revision: observed.revision,
    digest: observed.digest,
    state: observed.state,
    message: observed.message,
    counts: observed.counts,
    objectCount: observed.objectCount,
    runningRevision: observed.runningRevision,
    startedAt: isoOrNull(observed.startedAt),
    finishedAt: isoOrNull(observed.finishedAt),
    reportedAt: isoOrNull(observed.reportedAt),
  };
}

/** What an operator sees of a device: no hash, no internals of presence. */
export function viewDevice(device: Device): DeviceView {
  const { desired, presence, certificate, decommission } = device;
  return {
    id: device._id,
    name: device.name,
    status: device.status,
    labels: device.labels,
    variables: device.variables,
    facts: device.facts,
    capabilities: device.capabilities ?? null,
    provisioningTokenId: device.provisioningTokenId,
    templates: device.assignments.map(({ templateId, pinnedVersionId }) => ({
      templateId,
      versionId: pinnedVersionId,
    })),
    hasOverlay: device.overlay !== null,
    overlayError: device.composition?.error ?? null,
    pinnedRevision: device.pinnedRevision,
    deadlineMs: device.deadlineMs,
    desired: {
      revision: desired.revision,
      digest: desired.digest,
      error: desired.error,
      updatedAt: isoOrNull(desired.updatedAt),
    },
    observed: viewObserved(device),
    presence: {
      online: presence.online,
      since: isoOrNull(presence.since),
      lastSeenAt: isoOrNull(presence.lastSeenAt),
      address: presence.address,
    },
    certificate:
      certificate === null
        ? null
        : { serial: certificate.serial, notAfter: certificate.notAfter.toISOString() },
    decommission: decommission
      ? { wipeWorkloads: decommission.wipeWorkloads, requestedAt: decommission.requestedAt.toISOString() }
      : null,
    approvedAt: isoOrNull(device.approvedAt),
    createdAt: device.createdAt.toISOString(),
    version: device.version,
  };
}

export const revisionSchema = z
  .object({
    revision: z.number().int(),
    digest: z.string(),
    state: z.enum(revisionStates),
    message: z.string().nullable(),
    reason: z.string(),
    objectCount: z.number().int(),
    sizeBytes: z.number().int(),
    sources: z.array(z.object({ templateId: z.string(), versionId: z.string() })),
    createdAt: z.iso.datetime(),
    finishedAt: dateOrNull,
  })
  .meta({ id: "DeviceRevision" });

export function viewRevision(revision: DeviceRevision): z.input<typeof revisionSchema> {
  return {
    revision: revision.revision,
    digest: revision.digest,
    state: revision.state,
    message: revision.message,
    reason: revision.reason,
    objectCount: revision.objectCount,
    sizeBytes: revision.sizeBytes,
    sources: revision.inputs.sources.map(({ templateId, versionId }) => ({ templateId, versionId })),
    createdAt: revision.createdAt.toISOString(),
    finishedAt: isoOrNull(revision.finishedAt),
  };
}

export const certificateSchema = z
  .object({
    serial: z.string(),
    issuerId: z.string(),
    notBefore: z.iso.datetime(),
    notAfter: z.iso.datetime(),
    revokedAt: dateOrNull,
    reason: z.string().nullable(),
  })
  .meta({ id: "Certificate" });

export function viewCertificate(certificate: Certificate): z.input<typeof certificateSchema> {
  return {
    serial: certificate._id,
    issuerId: certificate.issuerId,
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    revokedAt: isoOrNull(certificate.revokedAt),
    reason: certificate.reason,
  };
}
