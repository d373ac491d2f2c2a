import type { ClusterRole } from "@rciots/protocol";
import { forbidden, unauthorized } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import type { Request } from "express";
import { addressOf, present, readCredential } from "../auth/authenticate.ts";
import { checkAddress, type Caller, type Member } from "../auth/caller.ts";
import type { Identify, Presented } from "../auth/identify.ts";
import { remoteAccessOf } from "../remote-access/remote-access.service.ts";
import { requireDevice } from "../devices/require-device.ts";

/** Who asks a device's cluster something, and as what. */
export interface ClusterAccess {
  caller: Member;
  device: { id: string; name: string };
  role: ClusterRole;
}

export interface ClusterGate {
  /** Throws 401 where the request brings no bearer value. */
  presented(request: Request): Presented;
  /** Throws 401, 403 and 404 AppErrors. */
  judge(caller: Caller, deviceId: string): Promise<ClusterAccess>;
  identify: Identify;
}

const organizationHeader = "x-rciots-organization";

/**
 * Decides who may ask a device's cluster. A cookie is not taken: what a cluster answers is whatever runs there says,
 * and no page of another site or of a device may have a browser ask for it.
 */
export function createClusterGate(options: {
  identify: Identify;
  store: Pick<Store, "devices" | "organizations">;
}): ClusterGate {
  const { identify, store } = options;
  return {
    identify,

    presented(request) {
      const credential = readCredential(request);
      if (credential?.kind !== "bearer")
        throw unauthorized({ message: "Send an API token: Authorization: Bearer rca_..." });
      const organizationId = request.header(organizationHeader);
      return present(credential, { organizationId, address: addressOf(request) });
    },

    async judge(caller, deviceId) {
      const { organizationId, role } = caller;
      if (organizationId === null || role === null)
        throw forbidden({ code: "no_organization", message: "You belong to no organisation." });
      checkAddress(caller);
      const device = await requireDevice(store, organizationId, deviceId);
      if (caller.isOrganizationSuspended)
        throw forbidden({ code: "organization_suspended", message: "The organisation is suspended." });
      const organization = await store.organizations.find(organizationId);
      const as = organization === null ? "none" : remoteAccessOf(organization).clusterApi[role];
      if (as === "none") {
        const message = `Your organisation doesn't let the role ${role} at devices' clusters; an owner sets that under remote access.`;
        throw forbidden({ code: "cluster_api_not_allowed", message });
      }
      const member = { ...caller, organizationId, role };
      return { caller: member, device: { id: deviceId, name: device.name }, role: as };
    },
  };
}
