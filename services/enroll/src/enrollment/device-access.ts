import type { AppError, Bus } from "@rciots/runtime";
import type { DeviceStatus, Store } from "@rciots/store";
import { busy, refuse } from "../refusals.ts";

/** Why a device of this status gets no certificate. */
export function refuseByStatus(status: DeviceStatus | undefined): AppError {
  switch (status) {
    case undefined:
      return refuse("device_not_found");
    case "pending":
      return refuse("device_pending");
    case "denied":
      return refuse("device_denied");
    case "disabled":
      return refuse("device_disabled");
    case "decommissioned":
      return refuse("device_decommissioned");
    case "active":
      return busy("The device changed at the same moment; repeat the call.");
  }
}

export interface OrganizationAccess {
  /** Throws `organization_suspended`. */
  requireActive(organizationId: string): Promise<void>;
  close(): void;
}

/** How long "active" is believed without the store, where the hint of a change was lost. */
const maxAgeMs = 2_000;
const maxCount = 10_000;

/** Whether an organisation may enrol; remembers only that it may. */
export function createOrganizationAccess({ store, bus }: { store: Store; bus: Bus }): OrganizationAccess {
  const activeSince = new Map<string, number>();
  const close = bus.subscribe("organization:changed", ({ organizationId }) =>
    activeSince.delete(organizationId),
  );
  return {
    close,
    async requireActive(organizationId) {
      const checkedAtMs = activeSince.get(organizationId);
      const nowMs = performance.now();
      if (checkedAtMs !== undefined && nowMs - checkedAtMs < maxAgeMs) return;
      const organization = await store.organizations.find(organizationId);
      activeSince.delete(organizationId);
      if (organization?.status !== "active") throw refuse("organization_suspended");
      if (activeSince.size >= maxCount) activeSince.clear();
      activeSince.set(organizationId, nowMs);
    },
  };
}
