import { conflict, forbidden, newId, notFound, type Bus, type Vault } from "@rciots/runtime";
import {
  isDuplicateKey,
  type Organization,
  type OrganizationCounts,
  type OrganizationFilter,
  type Store,
} from "@rciots/store";
import { difference, type Acting, type Audit } from "../audit/audit.ts";
import type { Caller, Member } from "../auth/caller.ts";
import { readPage, type Page } from "../http/cursor.ts";
import { checkOwned, type MembersService } from "../members/members.service.ts";

/** Of one person who does not administer the platform. */
const maxOwnedOrganizations = 20;

export interface CountedOrganization {
  organization: Organization;
  counts: OrganizationCounts;
}

export type OrganizationService = ReturnType<typeof createOrganizationService>;

interface MemberActing extends Acting {
  caller: Member;
}

interface AccountActing extends Acting {
  caller: Caller;
}

function nameTaken(name: string): Error {
  return conflict({ code: "name_taken", message: `There is an organisation named "${name}" already.` });
}

/** A new tenant's document, with a data key of its own. */
export function newOrganization(options: {
  id?: string;
  name: string;
  vault: Pick<Vault, "createDataKey" | "wrapDataKey">;
}): Organization {
  const id = options.id ?? newId("org");
  const dataKey = options.vault.wrapDataKey(options.vault.createDataKey(), id);
  return { _id: id, name: options.name, status: "active", dataKey, createdAt: new Date() };
}

export function createOrganizationService(options: {
  store: Pick<Store, "accounts" | "organizations" | "authorities">;
  vault: Pick<Vault, "createDataKey" | "wrapDataKey">;
  audit: Audit;
  bus: Bus;
  members: Pick<MembersService, "join">;
  /** Whether anybody may create one, or administrators of the platform only. */
  signUp: "open" | "closed";
}) {
  const { store, vault, audit, bus, members, signUp } = options;

  async function get(organizationId: string): Promise<Organization> {
    const found = await store.organizations.find(organizationId);
    if (found === null) {
      throw notFound({ code: "organization_not_found", message: "There is no such organisation." });
    }
    return found;
  }

  async function update(
    acting: Acting,
    organizationId: string,
    change: Partial<Pick<Organization, "name" | "status">>,
  ): Promise<Organization> {
    const before = await get(organizationId);
    const after = await store.organizations.update(organizationId, change).catch((error: unknown) => {
      throw isDuplicateKey(error) ? nameTaken(change.name ?? "") : error;
    });
    if (after === null) return get(organizationId);
    const details = difference(before, after, ["name", "status"]);
    if (Object.keys(details.after).length === 0) return after;
    const verb =
      before.status === after.status ? "changed" : after.status === "active" ? "resumed" : "suspended";
    await audit.record(acting, {
      organizationId,
      kind: `organization.${verb}`,
      message: `The organisation ${after.name} was ${verb}.`,
      severity: verb === "suspended" ? "warning" : "info",
      details,
    });
    bus.publish("organization:changed", { organizationId });
    return after;
  }

  return {
    get,

    rename: (acting: MemberActing, name: string) => update(acting, acting.caller.organizationId, { name }),

    /** Suspended: its devices are refused, its operators may look but not touch. */
    setStatus: (acting: Acting, organizationId: string, status: Organization["status"]) =>
      update(acting, organizationId, { status }),

    /** Whoever creates it is its first owner. */
    async create(acting: AccountActing, name: string): Promise<Organization> {
      const { isPlatformAdmin, userId } = acting.caller;
      if (signUp === "closed" && !isPlatformAdmin) {
        throw forbidden({
          code: "signup_closed",
          message: "Here only an administrator of the platform creates organisations; ask one.",
        });
      }
      const maxOwned = isPlatformAdmin ? undefined : maxOwnedOrganizations;
      const creator = await store.accounts.findUser(userId);
      if (creator !== null && maxOwned !== undefined) checkOwned(creator, maxOwned);
      const organization = newOrganization({ name, vault });
      await store.organizations.insert(organization).catch((error: unknown) => {
        throw isDuplicateKey(error) ? nameTaken(name) : error;
      });
      await members.join(userId, organization._id, "owner", maxOwned).catch(async (error: unknown) => {
        await store.organizations.delete(organization._id);
        throw error;
      });
      await audit.record(acting, {
        organizationId: organization._id,
        kind: "organization.created",
        message: `The organisation ${name} was created.`,
      });
      return organization;
    },

    /** With what belongs to each. */
    async list(
      filter: OrganizationFilter,
      page: { limit: number; cursor?: string | undefined },
    ): Promise<Page<CountedOrganization>> {
      const { items, nextCursor } = await readPage({
        kind: "organizations",
        limit: page.limit,
        cursor: page.cursor,
        read: (after, limit) =>
          store.organizations.list({ ...filter, limit, ...(after === undefined ? {} : { after }) }),
        positionOf: (organization) => organization._id,
      });
      const counts = await store.organizations.count(items.map(({ _id }) => _id));
      const empty = { members: 0, devices: 0, online: 0 };
      return {
        items: items.map((organization) => ({
          organization,
          counts: counts.get(organization._id) ?? empty,
        })),
        nextCursor,
      };
    },

    /** Asks for a new intermediate CA. Devices get certificates from it as they renew; the old ones stay good. */
    async rotateAuthority(acting: MemberActing): Promise<void> {
      const { organizationId } = acting.caller;
      if (!(await store.authorities.requestRotation(organizationId))) {
        const message =
          "The organisation has no certificate authority yet: it is made when the first device enrols.";
        throw conflict({ code: "authority_missing", message });
      }
      await audit.record(acting, {
        organizationId,
        kind: "authority.rotation-requested",
        message: "A new intermediate certificate authority was asked for.",
        severity: "warning",
      });
    },
  };
}
