import type { Models, Organization } from "../models.ts";

/** Tenants. */
export function createOrganizationRepository({ organizations }: Models) {
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
    async list(page: { after?: string; limit: number }): Promise<Organization[]> {
      return organizations
        .find(page.after === undefined ? {} : { _id: { $gt: page.after } })
        .sort({ _id: 1 })
        .limit(page.limit)
        .lean<Organization[]>();
    },

    /** Of one that nothing belongs to. */
    async delete(organizationId: string): Promise<void> {
      await organizations.deleteOne({ _id: organizationId });
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
