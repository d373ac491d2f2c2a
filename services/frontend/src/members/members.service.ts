import { conflict, forbidden, notFound, type Bus } from "@rciots/runtime";
import type { Role, Store, User } from "@rciots/store";
import type { AccountsService } from "../accounts/accounts.service.ts";
import type { Acting, Audit } from "../audit/audit.ts";
import { roles, type Member } from "../auth/caller.ts";
import type { Exclusively } from "../exclusive.ts";
import { readPage, type Page } from "../http/cursor.ts";

interface MemberActing extends Acting {
  caller: Member;
}

/** Of one person; keeps the document small. */
const maxMemberships = 100;
const maxAttempts = 5;

export type MembersService = ReturnType<typeof createMembersService>;

/** The role a user has in an organisation. */
export function roleIn(user: User, organizationId: string): Role | undefined {
  return user.memberships.find((membership) => membership.organizationId === organizationId)?.role;
}

/** Throws 409 where a person owns as many organisations as anybody may. */
export function checkOwned(user: User, maxOwned: number): void {
  if (user.memberships.filter(({ role }) => role === "owner").length < maxOwned) return;
  throw conflict({
    code: "too_many_organizations",
    message: `You own ${maxOwned} organisations, and can't own more.`,
  });
}

/** Nobody gives, changes or takes a role above the own one. */
export function checkReach(caller: Member, role: Role): void {
  if (roles.indexOf(role) > roles.indexOf(caller.role)) {
    throw forbidden({ code: "role_required", message: `Only an ${role} may do that to an ${role}.` });
  }
}

/** People of an organisation and their roles. */
export function createMembersService(options: {
  store: Pick<Store, "accounts" | "invitations">;
  accounts: Pick<AccountsService, "create">;
  audit: Audit;
  bus: Bus;
  exclusively: Exclusively;
}) {
  const { store, accounts, audit, bus, exclusively } = options;

  /** Owners are counted and changed by one at a time: two who demote each other must leave one. */
  const oneAtATime = <Result>(organizationId: string, work: () => Promise<Result>): Promise<Result> =>
    exclusively(`members:${organizationId}`, work);

  async function get(organizationId: string, userId: string): Promise<{ user: User; role: Role }> {
    const user = await store.accounts.findUser(userId);
    const role = user === null ? undefined : roleIn(user, organizationId);
    if (user === null || role === undefined) {
      throw notFound({ code: "member_not_found", message: "The organisation has no such member." });
    }
    return { user, role };
  }

  async function checkNotLastOwner(organizationId: string, user: User, role: Role): Promise<void> {
    if (role !== "owner" || user.status !== "active") return;
    if ((await store.accounts.countMembers(organizationId, "owner")) > 1) return;
    throw conflict({
      code: "last_owner",
      message: "The organisation needs an owner; make somebody else one first.",
    });
  }

  async function replace(user: User, memberships: User["memberships"]): Promise<void> {
    if (!(await store.accounts.replaceMemberships(user._id, user.memberships, memberships))) {
      throw conflict({
        code: "too_much_contention",
        message: "Somebody else changes this member; try again.",
      });
    }
    bus.publish("account:changed", { userId: user._id });
  }

  /** Takes the membership, and what came with it: API tokens, and offers to others that are still open. */
  async function end(
    organizationId: string,
    user: User,
    role: Role,
  ): Promise<{ invitationsRevoked: number }> {
    await checkNotLastOwner(organizationId, user, role);
    await replace(
      user,
      user.memberships.filter((entry) => entry.organizationId !== organizationId),
    );
    await store.accounts.deleteApiTokensOf(organizationId, user._id);
    return { invitationsRevoked: await store.invitations.deleteOf(organizationId, user._id) };
  }

  async function changeRole(
    acting: MemberActing,
    userId: string,
    role: Role,
  ): Promise<{ user: User; role: Role }> {
    const { organizationId } = acting.caller;
    const { user, role: before } = await get(organizationId, userId);
    checkReach(acting.caller, before);
    checkReach(acting.caller, role);
    if (before === role) return { user, role };
    await checkNotLastOwner(organizationId, user, before);
    const memberships = user.memberships.map((entry) =>
      entry.organizationId === organizationId ? { organizationId, role } : entry,
    );
    await replace(user, memberships);
    // What somebody offered with a higher role is no longer theirs to offer.
    const isLower = roles.indexOf(role) < roles.indexOf(before);
    const invitationsRevoked = isLower ? await store.invitations.deleteOf(organizationId, userId) : 0;
    await audit.record(acting, {
      organizationId,
      kind: "member.role-changed",
      message: `${user.username} is ${role} now.`,
      details: { userId, before: { role: before }, after: { role }, invitationsRevoked },
    });
    return { user: { ...user, memberships }, role };
  }

  return {
    get,

    async list(caller: Member, page: { limit: number; cursor?: string | undefined }): Promise<Page<User>> {
      return readPage({
        kind: "members",
        limit: page.limit,
        cursor: page.cursor,
        read: (after, limit) =>
          store.accounts.listMembers(caller.organizationId, {
            limit,
            ...(after === undefined ? {} : { after }),
          }),
        positionOf: (user) => user._id,
      });
    },

    /** A new account with a password that its owner is told by whoever creates it. */
    async create(
      acting: MemberActing,
      input: { username: string; email: string; password: string; role: Role },
    ): Promise<{ user: User; role: Role }> {
      const { organizationId } = acting.caller;
      checkReach(acting.caller, input.role);
      const { role, ...account } = input;
      const user = await accounts.create({ ...account, memberships: [{ organizationId, role }] });
      await audit.record(acting, {
        organizationId,
        kind: "member.created",
        message: `${user.username} joined as ${role}.`,
        details: { userId: user._id, role },
      });
      return { user, role };
    },

    setRole: (acting: MemberActing, userId: string, role: Role) =>
      oneAtATime(acting.caller.organizationId, () => changeRole(acting, userId, role)),

    /** Takes the membership and the API tokens of it; the account stays, for other organisations. */
    async remove(acting: MemberActing, userId: string): Promise<void> {
      const { organizationId } = acting.caller;
      const { user, role, ended } = await oneAtATime(organizationId, async () => {
        const found = await get(organizationId, userId);
        checkReach(acting.caller, found.role);
        return { ...found, ended: await end(organizationId, found.user, found.role) };
      });
      await audit.record(acting, {
        organizationId,
        kind: "member.removed",
        message: `${user.username} was removed.`,
        severity: "warning",
        details: { userId, before: { role }, ...ended },
      });
    },

    /** Somebody goes by their own wish. */
    async leave(acting: MemberActing): Promise<void> {
      const { organizationId, userId } = acting.caller;
      const { user, role, ended } = await oneAtATime(organizationId, async () => {
        const found = await get(organizationId, userId);
        return { ...found, ended: await end(organizationId, found.user, found.role) };
      });
      await audit.record(acting, {
        organizationId,
        kind: "member.left",
        message: `${user.username} left the organisation.`,
        details: { userId, before: { role }, ...ended },
      });
    },

    /**
     * Adds a membership to an account. `maxOwned`: refuses an owner who owns that many organisations already.
     * False where the person is a member already, whatever the role.
     */
    async join(userId: string, organizationId: string, role: Role, maxOwned?: number): Promise<boolean> {
      for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
        const user = await store.accounts.findUser(userId);
        if (user === null) throw notFound({ message: "The account does not exist." });
        if (roleIn(user, organizationId) !== undefined) return false;
        const { memberships } = user;
        if (memberships.length >= maxMemberships) {
          throw conflict({
            code: "too_many_organizations",
            message: `Nobody can belong to more than ${maxMemberships} organisations; leave one first.`,
          });
        }
        if (maxOwned !== undefined) checkOwned(user, maxOwned);
        const joined = [...memberships, { organizationId, role }];
        if (!(await store.accounts.replaceMemberships(userId, memberships, joined))) continue;
        bus.publish("account:changed", { userId });
        return true;
      }
      throw conflict({ code: "too_much_contention", message: "Your memberships keep changing; try again." });
    },
  };
}
