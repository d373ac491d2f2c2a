import type { Models, User } from "../models.ts";

export interface UserFilter {
  /** A regular expression that the caller has escaped, for the user name or the e-mail address. */
  nameMatches?: string;
  status?: User["status"];
}

/** The people of all organisations. */
export function createUserDirectoryRepository({ users }: Models) {
  return {
    /** By identifier, the oldest first; `after` is the last one of the page before. */
    async list(
      { nameMatches, status }: UserFilter,
      page: { after?: string; limit: number },
    ): Promise<User[]> {
      const name = { $regex: nameMatches ?? "" };
      const filter = {
        ...(nameMatches === undefined ? {} : { $or: [{ username: name }, { email: name }] }),
        ...(status === undefined ? {} : { status }),
        ...(page.after === undefined ? {} : { _id: { $gt: page.after } }),
      };
      return users.find(filter).sort({ _id: 1 }).limit(page.limit).lean<User[]>();
    },

    async findMany(userIds: string[]): Promise<User[]> {
      return users.find({ _id: { $in: userIds } }).lean<User[]>();
    },

    async change(
      userId: string,
      change: Partial<Pick<User, "status" | "isPlatformAdmin">>,
    ): Promise<User | null> {
      return users
        .findOneAndUpdate({ _id: userId }, { $set: change }, { returnDocument: "after" })
        .lean<User>();
    },

    /** Administrators of the platform whose account is active. */
    async countPlatformAdmins(): Promise<number> {
      return users.countDocuments({ isPlatformAdmin: true, status: "active" });
    },
  };
}
