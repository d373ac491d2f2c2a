import { badRequest, conflict, hashToken, newToken, notFound } from "@rciots/runtime";
import { isDuplicateKey, type Device, type ProvisioningToken, type Store } from "@rciots/store";
import { difference, type Acting, type Audit } from "../audit/audit.ts";
import type { Member } from "../auth/caller.ts";
import { readPage, type Page } from "../http/cursor.ts";
import { changesOf, changeVersioned } from "../http/optimistic-change.ts";

/** What an operator chooses. */
export type TokenChoices = Pick<
  ProvisioningToken,
  "name" | "approval" | "enabled" | "maxDevices" | "expiresAt" | "labels" | "templateIds"
>;

export type ProvisioningTokensService = ReturnType<typeof createProvisioningTokensService>;

interface MemberActing extends Acting {
  caller: Member;
}

const audited = ["name", "approval", "enabled", "maxDevices", "expiresAt", "labels", "templateIds"] as const;

/** Tokens that let devices in. */
export function createProvisioningTokensService(options: {
  store: Pick<Store, "devices" | "provisioningTokens" | "templates">;
  audit: Audit;
}) {
  const { store, audit } = options;

  async function get(organizationId: string, id: string): Promise<ProvisioningToken> {
    const found = await store.provisioningTokens.get(organizationId, id);
    if (found === undefined) {
      throw notFound({
        code: "provisioning_token_not_found",
        message: "There is no such provisioning token.",
      });
    }
    return found;
  }

  async function checkTemplates(organizationId: string, templateIds: readonly string[]): Promise<void> {
    const found = await store.templates.findMany(organizationId, templateIds);
    const missing = templateIds.filter((id) => !found.some((template) => template._id === id));
    if (missing.length > 0) {
      const message = `There is no template ${missing.join(", ")}.`;
      throw badRequest({ code: "template_not_found", message, details: { templateIds: missing } });
    }
  }

  function nameTaken(error: unknown): unknown {
    if (!isDuplicateKey(error)) return error;
    return conflict({ code: "name_taken", message: "There is a provisioning token of this name already." });
  }

  return {
    get,

    /** The token itself is in the answer, once. */
    async create(
      acting: MemberActing,
      choices: TokenChoices,
    ): Promise<{ token: string; stored: ProvisioningToken }> {
      const { organizationId, userId } = acting.caller;
      await checkTemplates(organizationId, choices.templateIds);
      const token = newToken("rcp");
      const stored = await store.provisioningTokens
        .create({
          ...choices,
          organizationId,
          hash: hashToken(token),
          hint: token.slice(0, 8),
          createdBy: userId,
        })
        .catch((error: unknown) => {
          throw nameTaken(error);
        });
      await audit.record(acting, {
        organizationId,
        kind: "provisioning-token.created",
        message: `Provisioning token ${stored.name} was created.`,
        details: { provisioningTokenId: stored._id, ...choices },
      });
      return { token, stored };
    },

    async list(
      caller: Member,
      page: { limit: number; cursor?: string | undefined },
    ): Promise<Page<ProvisioningToken>> {
      const { organizationId } = caller;
      return readPage({
        kind: "provisioning-tokens",
        limit: page.limit,
        cursor: page.cursor,
        read: (before, limit) =>
          store.provisioningTokens.list({
            organizationId,
            limit,
            ...(before === undefined ? {} : { before }),
          }),
        positionOf: (token) => token._id,
      });
    },

    /** Those that are still there, newest first. */
    async listDevices(
      caller: Member,
      id: string,
      page: { limit: number; cursor?: string | undefined },
    ): Promise<Page<Device>> {
      const { organizationId } = caller;
      await get(organizationId, id);
      return readPage({
        kind: "provisioning-token-devices",
        limit: page.limit,
        cursor: page.cursor,
        read: (before, limit) =>
          store.devices.listEnrolledWith(organizationId, id, {
            limit,
            ...(before === undefined ? {} : { before }),
          }),
        positionOf: (device) => device._id,
      });
    },

    async update(
      acting: MemberActing,
      id: string,
      wanted: Partial<TokenChoices>,
      ifMatch: number | undefined,
    ): Promise<ProvisioningToken> {
      const { organizationId } = acting.caller;
      if (wanted.templateIds !== undefined) await checkTemplates(organizationId, wanted.templateIds);
      const { before, after, isChanged } = await changeVersioned({
        ifMatch,
        read: () => get(organizationId, id),
        change: (current) => changesOf(current, wanted),
        write: (current, change) =>
          store.provisioningTokens
            .update(organizationId, id, change, current.version)
            .catch((error: unknown) => {
              throw nameTaken(error);
            }),
      });
      if (isChanged) {
        await audit.record(acting, {
          organizationId,
          kind: "provisioning-token.changed",
          message: `Provisioning token ${after.name} was changed.`,
          details: { provisioningTokenId: id, ...difference(before, after, audited) },
        });
      }
      return after;
    },

    /** Devices that enrolled with it stay. */
    async remove(acting: MemberActing, id: string): Promise<void> {
      const { organizationId } = acting.caller;
      const { name } = await get(organizationId, id);
      if (!(await store.provisioningTokens.remove(organizationId, id))) return;
      await audit.record(acting, {
        organizationId,
        kind: "provisioning-token.deleted",
        message: `Provisioning token ${name} was deleted.`,
        details: { provisioningTokenId: id },
      });
    },
  };
}
