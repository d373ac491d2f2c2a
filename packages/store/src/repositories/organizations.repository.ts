import type { AllowLists, Models, Organization, RemoteAccess } from "../models.ts";

export interface OrganizationFilter {
  /** A regular expression that the caller has escaped. */
  nameMatches?: string;
  status?: Organization["status"];
}

export interface OrganizationCounts {
  members: number;
  devices: number;
  online: number;
}

/** Tenants. */
export function createOrganizationRepository({ organizations, users, devices }: Models) {
  const countMembers = (organizationIds: string[]) =>
    users.aggregate<{ _id: string; count: number }>([
      { $match: { "memberships.organizationId": { $in: organizationIds } } },
      { $unwind: "$memberships" },
      { $match: { "memberships.organizationId": { $in: organizationIds } } },
      { $group: { _id: "$memberships.organizationId", count: { $sum: 1 } } },
    ]);

  const countDevices = (organizationIds: string[]) =>
    devices.aggregate<{ _id: { organizationId: string; online: boolean }; count: number }>([
      { $match: { organizationId: { $in: organizationIds } } },
      {
        $group: {
          _id: { organizationId: "$organizationId", online: "$presence.online" },
          count: { $sum: 1 },
        },
      },
    ]);

  return {
    /** Rejects with a duplicate key where the name or the identifier is taken. */
    async insert(organization: Organization): Promise<void> {
      await organizations.create(organization);
    },

    async find(organizationId: string): Promise<Organization | null> {
      return organizations.findOne({ _id: organizationId }).lean<Organization>();
    },

    async findByName(name: string): Promise<Organization | null> {
      return organizations.findOne({ name }).lean<Organization>();
    },

    async findMany(organizationIds: string[]): Promise<Organization[]> {
      return organizations.find({ _id: { $in: organizationIds } }).lean<Organization[]>();
    },

    /** All tenants, oldest first; `after` is the last identifier of the page before. */
    async list(page: OrganizationFilter & { after?: string; limit: number }): Promise<Organization[]> {
      const { nameMatches, status, after } = page;
      return organizations
        .find({
          ...(nameMatches === undefined ? {} : { name: { $regex: nameMatches } }),
          ...(status === undefined ? {} : { status }),
          ...(after === undefined ? {} : { _id: { $gt: after } }),
        })
        .sort({ _id: 1 })
        .limit(page.limit)
        .lean<Organization[]>();
    },

    /** Of one that nothing belongs to. */
    async delete(organizationId: string): Promise<void> {
      await organizations.deleteOne({ _id: organizationId });
    },

    /** Of each organisation named, whether it is there or not. */
    async count(organizationIds: string[]): Promise<Map<string, OrganizationCounts>> {
      const counts = new Map(organizationIds.map((id) => [id, { members: 0, devices: 0, online: 0 }]));
      for (const { _id, count } of await countMembers(organizationIds)) {
        const entry = counts.get(_id);
        if (entry !== undefined) entry.members += count;
      }
      for (const { _id, count } of await countDevices(organizationIds)) {
        const entry = counts.get(_id.organizationId);
        if (entry === undefined) continue;
        entry.devices += count;
        if (_id.online) entry.online += count;
      }
      return counts;
    },

    /** Replaces the lists of exactly this version, 0 where there are none. Null: they were changed since. */
    async replaceAllowLists(
      organizationId: string,
      version: number,
      lists: Pick<AllowLists, "apiTokens" | "console">,
    ): Promise<AllowLists | null> {
      const { apiTokens, console: people } = lists;
      const allowLists: AllowLists = { apiTokens, console: people, version: version + 1 };
      const changed = await organizations.updateOne(
        { _id: organizationId, "allowLists.version": version === 0 ? null : version },
        { $set: { allowLists } },
      );
      return changed.matchedCount === 1 ? allowLists : null;
    },

    /** Replaces the settings of exactly this version, 0 where there are none. Null: they were changed since. */
    async replaceRemoteAccess(
      organizationId: string,
      version: number,
      settings: Omit<RemoteAccess, "version">,
    ): Promise<RemoteAccess | null> {
      const remoteAccess: RemoteAccess = { ...settings, version: version + 1 };
      const changed = await organizations.updateOne(
        { _id: organizationId, "remoteAccess.version": version === 0 ? null : version },
        { $set: { remoteAccess } },
      );
      return changed.matchedCount === 1 ? remoteAccess : null;
    },

    /** Rejects with a duplicate key where another organisation has the name. */
    async update(
      organizationId: string,
      change: Partial<Pick<Organization, "name" | "status" | "dataKey">>,
    ): Promise<Organization | null> {
      return organizations
        .findOneAndUpdate({ _id: organizationId }, { $set: change }, { returnDocument: "after" })
        .lean<Organization>();
    },
  };
}
