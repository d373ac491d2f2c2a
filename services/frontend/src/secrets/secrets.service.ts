import type { OrganizationVault } from "@rciots/desired-state";
import { conflict, notFound, type Bus } from "@rciots/runtime";
import type { Secret, Store, TemplateName } from "@rciots/store";
import type { Acting, Audit } from "../audit/audit.ts";
import type { Member } from "../auth/caller.ts";
import { readPage, type Page } from "../http/cursor.ts";

const maxSecrets = 1_000;

interface MemberActing extends Acting {
  caller: Member;
}

export type SecretsService = ReturnType<typeof createSecretsService>;

/** Values that templates refer to as `${secret.NAME}`. They go in, and only devices get them out. */
export function createSecretsService(options: {
  store: Pick<Store, "secrets" | "templates">;
  secretVault: Pick<OrganizationVault, "sealSecret">;
  audit: Audit;
  bus: Bus;
}) {
  const { store, secretVault, audit, bus } = options;

  /** Which devices use it is for each device's own content to say: all of the organisation look. */
  const announce = (organizationId: string): void => bus.publish("desired:changed", { organizationId });

  return {
    async put(acting: MemberActing, name: string, value: string): Promise<Secret> {
      const { organizationId } = acting.caller;
      const known = await store.secrets.find(organizationId, name);
      if (known === null && (await store.secrets.count(organizationId)) >= maxSecrets) {
        throw conflict({ code: "too_many_secrets", message: `There are ${maxSecrets} secrets already.` });
      }
      const sealed = await secretVault.sealSecret(organizationId, name, value);
      const secret = await store.secrets.put(organizationId, name, sealed);
      announce(organizationId);
      const verb = secret.version === 1 ? "created" : "changed";
      await audit.record(acting, {
        organizationId,
        kind: `secret.${verb}`,
        message: `Secret ${name} was ${verb}.`,
        details: { name, version: secret.version },
      });
      return secret;
    },

    async get(organizationId: string, name: string): Promise<Secret> {
      const found = await store.secrets.find(organizationId, name);
      if (found === null)
        throw notFound({ code: "secret_not_found", message: `There is no secret ${name}.` });
      return found;
    },

    async list(caller: Member, page: { limit: number; cursor?: string | undefined }): Promise<Page<Secret>> {
      return readPage({
        kind: "secrets",
        limit: page.limit,
        cursor: page.cursor,
        read: (after, limit) =>
          store.secrets.list(caller.organizationId, { limit, ...(after === undefined ? {} : { after }) }),
        positionOf: (secret) => secret.name,
      });
    },

    /** The templates whose current version refers to a secret. */
    async usersOf(organizationId: string): Promise<(name: string) => TemplateName[]> {
      const uses = await store.templates.secretUses(organizationId);
      return (name) => uses.filter(({ secrets }) => secrets.includes(name));
    },

    async remove(acting: MemberActing, name: string): Promise<void> {
      const { organizationId } = acting.caller;
      if (!(await store.secrets.delete(organizationId, name))) {
        throw notFound({ code: "secret_not_found", message: `There is no secret ${name}.` });
      }
      announce(organizationId);
      await audit.record(acting, {
        organizationId,
        kind: "secret.deleted",
        message: `Secret ${name} was deleted.`,
        severity: "warning",
        details: { name },
      });
    },
  };
}
