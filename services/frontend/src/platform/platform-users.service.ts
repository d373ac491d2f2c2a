import { conflict, notFound, type Bus } from "@rciots/runtime";
import type { Store, User, UserFilter } from "@rciots/store";
import { difference, platformScope, type Acting, type Audit } from "../audit/audit.ts";
import type { Caller } from "../auth/caller.ts";
import type { Exclusively } from "../exclusive.ts";
import { readPage, type Page } from "../http/cursor.ts";

export type PlatformUsersService = ReturnType<typeof createPlatformUsersService>;

export interface KnownUser {
  user: User;
  /** Names of the organisations the person belongs to, by id. */
  organizationNames: ReadonlyMap<string, string>;
}

export type UserChange = Partial<Pick<User, "status" | "isPlatformAdmin">>;

/** The people of all organisations, for administrators of the platform. */
export function createPlatformUsersService(options: {
  store: Pick<Store, "accounts" | "organizations" | "userDirectory">;
  audit: Audit;
  bus: Pick<Bus, "publish">;
  exclusively: Exclusively;
}) {
  const { store, audit, bus, exclusively } = options;

  async function withNames(users: User[]): Promise<KnownUser[]> {
    const ids = users.flatMap((user) => user.memberships.map(({ organizationId }) => organizationId));
    const organizations = await store.organizations.findMany([...new Set(ids)]);
    const organizationNames = new Map(organizations.map(({ _id, name }) => [_id, name]));
    return users.map((user) => ({ user, organizationNames }));
  }

  async function get(userId: string): Promise<User> {
    const user = await store.accounts.findUser(userId);
    if (user === null) throw notFound({ code: "user_not_found", message: "There is no such user." });
    return user;
  }

  /** Somebody must be left who can undo it. */
  async function checkNotLastAdmin(before: User, change: UserChange): Promise<void> {
    const isAdmin = before.isPlatformAdmin && before.status === "active";
    const staysAdmin = (change.isPlatformAdmin ?? true) && (change.status ?? "active") === "active";
    if (!isAdmin || staysAdmin || (await store.userDirectory.countPlatformAdmins()) > 1) return;
    throw conflict({
      code: "last_platform_admin",
      message: "The platform needs an administrator; make somebody else one first.",
    });
  }

  async function record(acting: Acting, before: User, after: User): Promise<void> {
    const fields: (keyof UserChange)[] = ["status", "isPlatformAdmin"];
    const details = { userId: after._id, ...difference(before, after, fields) };
    const verb =
      before.status === after.status ? "changed" : after.status === "active" ? "enabled" : "disabled";
    const places = [platformScope, ...after.memberships.map(({ organizationId }) => organizationId)];
    await audit.record(
      acting,
      ...places.map((organizationId) => ({
        organizationId,
        kind: `user.${verb}`,
        message: `The account ${after.username} was ${verb} by an administrator of the platform.`,
        severity: "warning" as const,
        details,
      })),
    );
  }

  async function apply(acting: Acting, userId: string, change: UserChange): Promise<KnownUser> {
    const before = await get(userId);
    await checkNotLastAdmin(before, change);
    const after = await store.userDirectory.change(userId, change);
    if (after === null) throw notFound({ code: "user_not_found", message: "There is no such user." });
    // API tokens of a disabled person are refused by themselves, and work again when the person is enabled.
    if (after.status === "disabled") await store.accounts.deleteSessionsOf(userId);
    bus.publish("account:changed", { userId });
    const isChanged = before.status !== after.status || before.isPlatformAdmin !== after.isPlatformAdmin;
    if (isChanged) await record(acting, before, after);
    const [known] = await withNames([after]);
    return known ?? { user: after, organizationNames: new Map() };
  }

  return {
    async list(
      filter: UserFilter,
      page: { limit: number; cursor?: string | undefined },
    ): Promise<Page<KnownUser>> {
      const { items, nextCursor } = await readPage({
        kind: "users",
        limit: page.limit,
        cursor: page.cursor,
        read: (after, limit) =>
          store.userDirectory.list(filter, { limit, ...(after === undefined ? {} : { after }) }),
        positionOf: (user) => user._id,
      });
      return { items: await withNames(items), nextCursor };
    },

    /** Throws 409 for the own account, and where no administrator would be left. */
    async change(
      acting: Acting & { caller: Caller },
      userId: string,
      change: UserChange,
    ): Promise<KnownUser> {
      if (userId === acting.caller.userId) {
        const message = "This is your own account; another administrator has to change it.";
        throw conflict({ code: "own_account", message });
      }
      // One at a time: two administrators who disable each other must leave one.
      return exclusively("platform-admins", () => apply(acting, userId, change));
    },
  };
}
