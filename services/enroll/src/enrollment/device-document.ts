import { limits, type EnrollRequest } from "@rciots/protocol";
import { badRequest } from "@rciots/runtime";
import type { Device, ProvisioningToken } from "@rciots/store";

/** How long new content may take to become healthy on a device, until an operator sets it otherwise. */
const defaultDeadlineMs = 600_000;

/** The device's own labels under those of its token, which win. Throws where there are too many. */
export function mergeLabels(request: EnrollRequest, token: ProvisioningToken): Record<string, string> {
  const labels = { ...request.labels, ...token.labels };
  if (Object.keys(labels).length > limits.labels) {
    throw badRequest({
      code: "invalid_input",
      message: `The body is not valid: labels: with those of the token there are more than ${limits.labels}.`,
    });
  }
  return labels;
}

/** A device at its enrolment. */
export function newDevice(options: {
  id: string;
  token: ProvisioningToken;
  request: EnrollRequest;
  labels: Record<string, string>;
  tokenHash: string;
  publicKeyHash: string;
  certificate: Device["certificate"];
  now: Date;
}): Device {
  const { id, token, request, labels, tokenHash, publicKeyHash, certificate, now } = options;
  const isActive = token.approval === "automatic";
  return {
    _id: id,
    organizationId: token.organizationId,
    name: request.name,
    status: isActive ? "active" : "pending",
    labels,
    variables: {},
    facts: request.facts ?? {},
    tokenHash,
    publicKeyHash,
    provisioningTokenId: token._id,
    assignments: token.templateIds.map((templateId) => ({ templateId, pinnedVersionId: null })),
    overlay: null,
    composition: null,
    pinnedRevision: null,
    deadlineMs: defaultDeadlineMs,
    desired: {
      revision: 0,
      digest: null,
      inputsHash: null,
      wire: { kind: "none", revision: 0 },
      error: null,
      updatedAt: null,
    },
    observed: {
      revision: 0,
      digest: null,
      state: null,
      message: null,
      counts: {},
      objectCount: 0,
      runningRevision: null,
      startedAt: null,
      finishedAt: null,
      reportedAt: null,
    },
    presence: {
      online: false,
      connectorId: null,
      sessionId: null,
      epoch: 0,
      since: null,
      lastSeenAt: null,
      address: null,
    },
    certificate,
    approvedAt: isActive ? now : null,
    decommission: null,
    createdAt: now,
    version: 1,
  };
}
