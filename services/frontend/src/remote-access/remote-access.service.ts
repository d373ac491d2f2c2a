import { notFound, type Bus } from "@rciots/runtime";
import type { Organization, RemoteAccess, Store } from "@rciots/store";
import { difference, type Acting, type Audit } from "../audit/audit.ts";
import type { Member } from "../auth/caller.ts";
import { changesOf, changeVersioned } from "../http/optimistic-change.ts";
import type { AskedTunnelsService } from "../tunnels/asked-tunnels.service.ts";

export type RemoteAccessService = ReturnType<typeof createRemoteAccessService>;
type Settings = Required<Omit<RemoteAccess, "version">>;

const nobody: Required<RemoteAccess> = {
  clusterApi: { viewer: "none", operator: "none", admin: "none", owner: "none" },
  terminal: null,
  deviceTunnels: null,
  version: 0,
};

/** Fields that came later are absent from what was stored before. */
export const remoteAccessOf = ({
  remoteAccess,
}: Pick<Organization, "remoteAccess">): Required<RemoteAccess> => ({
  ...nobody,
  ...remoteAccess,
});

/** What an organisation lets its people do on devices, and devices ask for. Each device has a limit of its own besides. */
export function createRemoteAccessService(options: {
  store: Pick<Store, "organizations">;
  audit: Audit;
  bus: Bus;
  askedTunnels: Pick<AskedTunnelsService, "enforce">;
}) {
  const { store, audit, bus, askedTunnels } = options;

  async function get(organizationId: string): Promise<Required<RemoteAccess>> {
    const organization = await store.organizations.find(organizationId);
    if (organization === null) {
      throw notFound({ code: "organization_not_found", message: "There is no such organisation." });
    }
    return remoteAccessOf(organization);
  }

  return {
    get,

    async replace(
      acting: Acting & { caller: Member },
      wanted: Settings,
      ifMatch: number | undefined,
    ): Promise<RemoteAccess> {
      const { organizationId } = acting.caller;
      const { before, after, isChanged } = await changeVersioned({
        ifMatch,
        read: () => get(organizationId),
        change: (current) => changesOf<Required<RemoteAccess>, Settings>(current, wanted),
        async write({ version }) {
          const stored = await store.organizations.replaceRemoteAccess(organizationId, version, wanted);
          return stored === null ? null : remoteAccessOf({ remoteAccess: stored });
        },
      });
      if (!isChanged) return after;
      await audit.record(acting, {
        organizationId,
        kind: "remote-access.changed",
        message:
          "It was changed what the organisation's people may do on devices, or what devices may ask for.",
        severity: "warning",
        details: difference(before, after, ["clusterApi", "terminal", "deviceTunnels"]),
      });
      // Whoever is at a device with what was taken away loses it.
      bus.publish("organization:changed", { organizationId });
      await askedTunnels.enforce(acting, organizationId, after.deviceTunnels);
      return after;
    },
  };
}
