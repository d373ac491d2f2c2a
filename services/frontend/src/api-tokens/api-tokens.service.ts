import { conflict, hashToken, newId, newToken, notFound, type Bus } from "@rciots/runtime";
import type { ApiToken, Store } from "@rciots/store";
import type { Acting, Audit } from "../audit/audit.ts";
import { hasRole, type Member, type Scope } from "../auth/caller.ts";
import { readPage, type Page } from "../http/cursor.ts";

const maxTokensOfUser = 100;
const dayMs = 86_400_000;
const defaultLifetimeMs = 90 * dayMs;
/** Two years: who needs one for longer says so by asking for one that never expires. */
export const maxLifetimeMs = 731 * dayMs;

export interface OwnedToken {
  token: ApiToken;
  username: string;
}

export type ApiTokensService = ReturnType<typeof createApiTokensService>;

interface MemberActing extends Acting {
  caller: Member;
}

/** Tokens for programs, each of one person in one organisation. */
export function createApiTokensService(options: {
  store: Pick<Store, "accounts" | "userDirectory">;
  audit: Audit;
  bus: Bus;
}) {
  const { store, audit, bus } = options;

  /** Own ones for everybody, all of the organisation for its admins. */
  const seesAll = (caller: Member): boolean => hasRole(caller.role, "admin");

  return {
    /** The token itself is in the answer, once. An expiry that is not given is in ninety days; null: never. */
    async create(
      acting: MemberActing,
      input: { name: string; scopes: Scope[]; expiresAt: Date | null | undefined },
    ): Promise<{ token: string; stored: ApiToken }> {
      const { caller } = acting;
      if ((await store.accounts.countApiTokens(caller.organizationId, caller.userId)) >= maxTokensOfUser) {
        const message = `You have ${maxTokensOfUser} API tokens; revoke one first.`;
        throw conflict({ code: "too_many_tokens", message });
      }
      const token = newToken("rca");
      const stored: ApiToken = {
        _id: newId("tok"),
        organizationId: caller.organizationId,
        userId: caller.userId,
        name: input.name,
        hash: hashToken(token),
        scopes: [...new Set(input.scopes)],
        expiresAt: input.expiresAt === undefined ? new Date(Date.now() + defaultLifetimeMs) : input.expiresAt,
        lastUsedAt: null,
        createdAt: new Date(),
      };
      await store.accounts.insertApiToken(stored);
      await audit.record(acting, {
        organizationId: caller.organizationId,
        kind: "api-token.created",
        message: `API token ${stored.name} was created.`,
        details: { apiTokenId: stored._id, scopes: stored.scopes, expiresAt: stored.expiresAt },
      });
      return { token, stored };
    },

    async list(
      caller: Member,
      page: { limit: number; cursor?: string | undefined },
    ): Promise<Page<OwnedToken>> {
      const own = seesAll(caller) ? {} : { userId: caller.userId };
      const { items, nextCursor } = await readPage({
        kind: "api-tokens",
        limit: page.limit,
        cursor: page.cursor,
        read: (before, limit) =>
          store.accounts.listApiTokens(caller.organizationId, {
            ...own,
            limit,
            ...(before === undefined ? {} : { before }),
          }),
        positionOf: (token) => token._id,
      });
      const owners = await store.userDirectory.findMany([...new Set(items.map(({ userId }) => userId))]);
      const names = new Map(owners.map(({ _id, username }) => [_id, username]));
      return {
        items: items.map((token) => ({ token, username: names.get(token.userId) ?? token.userId })),
        nextCursor,
      };
    },

    async revoke(acting: MemberActing, id: string): Promise<void> {
      const { caller } = acting;
      const found = await store.accounts.findApiToken(caller.organizationId, id);
      if (found === null || (found.userId !== caller.userId && !seesAll(caller))) {
        throw notFound({ code: "api_token_not_found", message: "There is no such API token." });
      }
      if (!(await store.accounts.deleteApiToken(caller.organizationId, id))) return;
      bus.publish("account:changed", { userId: found.userId });
      await audit.record(acting, {
        organizationId: caller.organizationId,
        kind: "api-token.revoked",
        message: `API token ${found.name} was revoked.`,
        details: { apiTokenId: id, userId: found.userId },
      });
    },
  };
}
