import { limits, type EnrollRequest } from "@rciots/protocol";
import { badRequest } from "@rciots/runtime";
import { newDevice, type Device, type ProvisioningToken } from "@rciots/store";

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
export function enrolledDevice(options: {
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
  return newDevice({
    _id: id,
    organizationId: token.organizationId,
    name: request.name,
    status: isActive ? "active" : "pending",
    labels,
    facts: request.facts ?? {},
    tokenHash,
    publicKeyHash,
    provisioningTokenId: token._id,
    assignments: token.templateIds.map((templateId) => ({ templateId, pinnedVersionId: null })),
    certificate,
    approvedAt: isActive ? now : null,
    createdAt: now,
  });
}
