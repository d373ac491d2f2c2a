import { conflict, notFound, type Bus } from "@rciots/runtime";
import type { AllowLists, Organization, Store } from "@rciots/store";
import { difference, type Acting, type Audit } from "../audit/audit.ts";
import type { Caller, Member } from "../auth/caller.ts";
import { changesOf, changeVersioned } from "../http/optimistic-change.ts";
import { isInNetworks } from "./networks.ts";

type Networks = Pick<AllowLists, "apiTokens" | "console">;

const none: AllowLists = { apiTokens: [], console: [], version: 0 };

export type AllowListsService = ReturnType<typeof createAllowListsService>;

/** Whether a credential of this kind is taken from this address. An empty list allows every address. */
export function isAddressAllowed(
  organization: Pick<Organization, "allowLists">,
  kind: Caller["kind"],
  address: string,
): boolean {
  const lists = organization.allowLists ?? none;
  const networks = kind === "session" ? lists.console : lists.apiTokens;
  return networks.length === 0 || isInNetworks(networks, address);
}

/** From where an organisation lets itself be worked with: one list for sessions, one for API tokens. */
export function createAllowListsService(options: {
  store: Pick<Store, "organizations">;
  audit: Audit;
  bus: Bus;
}) {
  const { store, audit, bus } = options;

  async function get(organizationId: string): Promise<AllowLists> {
    const organization = await store.organizations.find(organizationId);
    if (organization === null) {
      throw notFound({ code: "organization_not_found", message: "There is no such organisation." });
    }
    return organization.allowLists ?? none;
  }

  function checkOwnAddress(acting: Acting, wanted: Networks): void {
    const { address } = acting.context;
    if (isAddressAllowed({ allowLists: { ...wanted, version: 0 } }, "session", address)) return;
    const message = `Your own address, ${address}, is not in the list for the console: you would lock yourself out. Add it.`;
    throw conflict({ code: "would_lock_out", message, details: { address } });
  }

  async function change(
    acting: Acting,
    organizationId: string,
    wanted: Networks,
    ifMatch?: number,
  ): Promise<AllowLists> {
    const { before, after, isChanged } = await changeVersioned({
      ifMatch,
      read: () => get(organizationId),
      change: (current) => changesOf<AllowLists, Networks>(current, wanted),
      write: (current) => store.organizations.replaceAllowLists(organizationId, current.version, wanted),
    });
    if (!isChanged) return after;
    await audit.record(acting, {
      organizationId,
      kind: "allow-list.changed",
      message: "The addresses were changed from which the organisation can be worked with.",
      severity: "warning",
      details: difference(before, after, ["apiTokens", "console"]),
    });
    // Whoever has a live view from an address that is no longer allowed loses it.
    bus.publish("organization:changed", { organizationId });
    return after;
  }

  return {
    get,

    /** Throws 409 where the caller could not undo it from where they are. */
    async replace(
      acting: Acting & { caller: Member },
      wanted: Networks,
      ifMatch: number | undefined,
    ): Promise<AllowLists> {
      const lists = { apiTokens: [...new Set(wanted.apiTokens)], console: [...new Set(wanted.console)] };
      checkOwnAddress(acting, lists);
      return change(acting, acting.caller.organizationId, lists, ifMatch);
    },

    /** For an administrator of the platform, when an organisation has locked itself out. */
    clear: (acting: Acting, organizationId: string) =>
      change(acting, organizationId, { apiTokens: [], console: [] }),
  };
}
