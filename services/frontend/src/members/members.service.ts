import { conflict, forbidden, notFound, type Bus } from "@rciots/runtime";
import type { Role, Store, User } from "@rciots/store";
import type { AccountsService } from "../accounts/accounts.service.ts";
import type { Acting, Audit } from "../audit/audit.ts";
import { roles, type Member } from "../auth/caller.ts";
import { readPage, type Page } from "../http/cursor.ts";

interface MemberActing extends Acting {
  caller: Member;
}

export type MembersService = ReturnType<typeof createMembersService>;

/** The role a user has in an organisation. */
export function roleIn(user: User, organizationId: string): Role | undefined {
  return user.memberships.find((membership) => membership.organizationId === organizationId)?.role;
}

/** People of an organisation and their roles. */
export function createMembersService(options: {
  store: Pick<Store, "accounts">;
  accounts: Pick<AccountsService, "create">;
  audit: Audit;
  bus: Bus;
}) {
  const { store, accounts, audit, bus } = options;

  async function get(organizationId: string, userId: string): Promise<{ user: User; role: Role }> {
    const user = await store.accounts.findUser(userId);
    const role = user === null ? undefined : roleIn(user, organizationId);
    if (user === null || role === undefined) {
      throw notFound({ code: "member_not_found", message: "The organisation has no such member." });
    }
    return { user, role };
  }

  /** Nobody gives, changes or takes a role above the own one. */
  function checkReach(caller: Member, role: Role): void {
    if (roles.indexOf(role) > roles.indexOf(caller.role)) {
      throw forbidden({ code: "role_required", message: `Only an ${role} may do that to an ${role}.` });
    }
  }

  async function checkNotLastOwner(organizationId: string, role: Role): Promise<void> {
    if (role === "owner" && (await store.accounts.countMembers(organizationId, "owner")) < 2) {
      throw conflict({
        code: "last_owner",
        message: "The organisation needs an owner; make somebody else one first.",
      });
    }
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

    async setRole(acting: MemberActing, userId: string, role: Role): Promise<{ user: User; role: Role }> {
      const { organizationId } = acting.caller;
      const { user, role: before } = await get(organizationId, userId);
      checkReach(acting.caller, before);
      checkReach(acting.caller, role);
      if (before === role) return { user, role };
      await checkNotLastOwner(organizationId, before);
      const memberships = user.memberships.map((entry) =>
        entry.organizationId === organizationId ? { organizationId, role } : entry,
      );
      await replace(user, memberships);
      await audit.record(acting, {
        organizationId,
        kind: "member.role-changed",
        message: `${user.username} is ${role} now.`,
        details: { userId, before: { role: before }, after: { role } },
      });
      return { user: { ...user, memberships }, role };
    },

    /** Takes the membership and the API tokens of it; the account stays, for other organisations. */
    async remove(acting: MemberActing, userId: string): Promise<void> {
      const { organizationId } = acting.caller;
      const { user, role } = await get(organizationId, userId);
      checkReach(acting.caller, role);
      await checkNotLastOwner(organizationId, role);
      await replace(
        user,
        user.memberships.filter((entry) => entry.organizationId !== organizationId),
      );
      await store.accounts.deleteApiTokensOf(organizationId, userId);
      await audit.record(acting, {
        organizationId,
        kind: "member.removed",
        message: `${user.username} was removed.`,
        severity: "warning",
        details: { userId, role },
      });
    },

    /** Makes whoever created an organisation its owner. */
    async addOwner(organizationId: string, userId: string): Promise<void> {
      const user = await store.accounts.findUser(userId);
      if (user === null || roleIn(user, organizationId) !== undefined) return;
      await replace(user, [...user.memberships, { organizationId, role: "owner" }]);
    },
  };
}
