import type { ApiToken, Models, Role, Session, User } from "../models.ts";

/** Users, their sessions and their API tokens. Bearer values are looked up by their hash only. */
export function createAccountRepository({ users, sessions, apiTokens }: Models) {
  return {
    /** Rejects with a duplicate key where the e-mail address or the user name is taken. */
    async insertUser(user: User): Promise<void> {
      await users.create(user);
    },

    async findUser(userId: string): Promise<User | null> {
      return users.findOne({ _id: userId }).lean<User>();
    },

    /** `login` is an e-mail address or a user name, in lower case; user names hold no `@`. */
    async findUserByLogin(login: string): Promise<User | null> {
      return users.findOne(login.includes("@") ? { email: login } : { username: login }).lean<User>();
    },

    async setPassword(userId: string, passwordHash: string): Promise<void> {
      await users.updateOne({ _id: userId }, { $set: { passwordHash } });
    },

    /**
     * Changes the names a person signs in by, and answers the user as it is then; null where there is none.
     * Rejects with a duplicate key where somebody else has one of them.
     */
    async rename(userId: string, change: Partial<Pick<User, "username" | "email">>): Promise<User | null> {
      return users
        .findOneAndUpdate({ _id: userId }, { $set: change }, { returnDocument: "after" })
        .lean<User>();
    },

    /** Remembers where a person signed in from; the `keep` latest networks. */
    async addSignInNetwork(userId: string, network: string, keep: number): Promise<void> {
      await users.updateOne(
        { _id: userId, signInNetworks: { $ne: network } },
        { $push: { signInNetworks: { $each: [network], $slice: -keep } } },
      );
    },

    /** Members of an organisation, ordered by identifier; `after` is the last one of the page before. */
    async listMembers(organizationId: string, page: { after?: string; limit: number }): Promise<User[]> {
      const from = page.after === undefined ? {} : { _id: { $gt: page.after } };
      return users
        .find({ "memberships.organizationId": organizationId, ...from })
        .sort({ _id: 1 })
        .limit(page.limit)
        .lean<User[]>();
    },

    /**
     * Replaces a user's memberships unless somebody else changed them since they were read. False: they did.
     */
    async replaceMemberships(
      userId: string,
      before: User["memberships"],
      after: User["memberships"],
    ): Promise<boolean> {
      const changed = await users.updateOne(
        { _id: userId, memberships: before },
        { $set: { memberships: after } },
      );
      return changed.matchedCount === 1;
    },

    /** Members of this role whose account is active. */
    async countMembers(organizationId: string, role: Role): Promise<number> {
      return users.countDocuments({
        status: "active",
        memberships: { $elemMatch: { organizationId, role } },
      });
    },

    async insertSession(session: Session): Promise<void> {
      await sessions.create(session);
    },

    async findSession(hash: string, now = new Date()): Promise<Session | null> {
      return sessions.findOne({ _id: hash, expiresAt: { $gt: now } }).lean<Session>();
    },

    /** A person's sessions that are in force, the newest first. */
    async listSessions(userId: string, limit: number, now = new Date()): Promise<Session[]> {
      return sessions
        .find({ userId, expiresAt: { $gt: now } })
        .sort({ createdAt: -1, _id: 1 })
        .limit(limit)
        .lean<Session[]>();
    },

    async deleteSession(hash: string): Promise<void> {
      await sessions.deleteOne({ _id: hash });
    },

    /** Notes a use; at most one write in `everyMs`, however often it is called. */
    async touchSession(hash: string, now: Date, everyMs: number): Promise<void> {
      const before = new Date(now.getTime() - everyMs);
      await sessions.updateOne(
        { _id: hash, $or: [{ lastUsedAt: null }, { lastUsedAt: { $lte: before } }] },
        { $set: { lastUsedAt: now } },
      );
    },

    /** Logs a person out everywhere, but for the session named. */
    async deleteSessionsOf(userId: string, exceptHash?: string): Promise<void> {
      await sessions.deleteMany({
        userId,
        ...(exceptHash === undefined ? {} : { _id: { $ne: exceptHash } }),
      });
    },

    async insertApiToken(token: ApiToken): Promise<void> {
      await apiTokens.create(token);
    },

    async findApiTokenByHash(hash: string): Promise<ApiToken | null> {
      return apiTokens.findOne({ hash }).lean<ApiToken>();
    },

    async findApiToken(organizationId: string, tokenId: string): Promise<ApiToken | null> {
      return apiTokens.findOne({ _id: tokenId, organizationId }).lean<ApiToken>();
    },

    /** Newest first; `userId` narrows to one person's. */
    async listApiTokens(
      organizationId: string,
      page: { userId?: string; before?: string; limit: number },
    ): Promise<ApiToken[]> {
      const filter = {
        organizationId,
        ...(page.userId === undefined ? {} : { userId: page.userId }),
        ...(page.before === undefined ? {} : { _id: { $lt: page.before } }),
      };
      return apiTokens.find(filter).sort({ _id: -1 }).limit(page.limit).lean<ApiToken[]>();
    },

    async countApiTokens(organizationId: string, userId: string): Promise<number> {
      return apiTokens.countDocuments({ organizationId, userId });
    },

    async deleteApiToken(organizationId: string, tokenId: string): Promise<boolean> {
      return (await apiTokens.deleteOne({ _id: tokenId, organizationId })).deletedCount === 1;
    },

    async deleteApiTokensOf(organizationId: string, userId: string): Promise<void> {
      await apiTokens.deleteMany({ organizationId, userId });
    },

    /** Notes a use; at most one write in `everyMs`, however often it is called. */
    async touchApiToken(tokenId: string, now: Date, everyMs: number): Promise<void> {
      const before = new Date(now.getTime() - everyMs);
      await apiTokens.updateOne(
        { _id: tokenId, $or: [{ lastUsedAt: null }, { lastUsedAt: { $lte: before } }] },
        { $set: { lastUsedAt: now } },
      );
    },
  };
}
