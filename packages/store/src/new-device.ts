import type { Device } from "./models.ts";

/** How long new content may take to become healthy on a device, until an operator sets it otherwise. */
const defaultDeadlineMs = 600_000;

type Required = "_id" | "organizationId" | "name" | "tokenHash" | "publicKeyHash";

/** A device that has never been told or said anything; everything but its identity may be left out. */
export function newDevice(fields: Pick<Device, Required> & Partial<Device>): Device {
  return {
    status: "active",
    labels: {},
    variables: {},
    facts: {},
    provisioningTokenId: null,
    assignments: [],
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
    certificate: null,
    approvedAt: null,
    decommission: null,
    createdAt: new Date(),
    version: 1,
    ...fields,
  };
}
