import type { OrganizationVault } from "@rciots/desired-state";
import { badRequest, conflict, newId, notFound } from "@rciots/runtime";
import {
  isDuplicateKey,
  type GitCredential as StoredCredential,
  type Store,
  type TemplateName,
} from "@rciots/store";
import type { Acting, Audit } from "../audit/audit.ts";
import type { Member } from "../auth/caller.ts";
import { readPage, type Page } from "../http/cursor.ts";
import type { OpenedCredential } from "../templates/git-sync.service.ts";

/** What an operator gives; sealed as it is. */
export type CredentialInput = (
  | { kind: "basic"; username: string; password: string }
  | { kind: "ssh"; privateKey: string; knownHosts?: string | undefined }
) & { caCertificates?: string | undefined };

interface MemberActing extends Acting {
  caller: Member;
}

export type GitCredentialsService = ReturnType<typeof createGitCredentialsService>;

function unfold(input: CredentialInput): OpenedCredential {
  const { caCertificates } = input;
  if (input.kind === "basic") {
    const { username, password } = input;
    return { credential: { type: "basic", username, password }, caCertificates };
  }
  return {
    credential: { type: "ssh", privateKey: input.privateKey },
    knownHosts: input.knownHosts,
    caCertificates,
  };
}

/** Credentials of Git repositories. They go in, and never out again. */
export function createGitCredentialsService(options: {
  store: Pick<Store, "secrets" | "templates">;
  secretVault: Pick<OrganizationVault, "sealCredential" | "openCredential">;
  audit: Audit;
}) {
  const { store, secretVault, audit } = options;

  async function get(organizationId: string, id: string): Promise<StoredCredential> {
    const found = await store.secrets.findGitCredential(organizationId, id);
    if (found === null) {
      throw notFound({ code: "git_credential_not_found", message: "There is no such Git credential." });
    }
    return found;
  }

  function record(acting: MemberActing, credential: StoredCredential, verb: string): Promise<void> {
    return audit.record(acting, {
      organizationId: credential.organizationId,
      kind: `git-credential.${verb}`,
      message: `Git credential ${credential.name} was ${verb}.`,
      details: { gitCredentialId: credential._id, kind: credential.kind },
    });
  }

  return {
    get,

    async create(acting: MemberActing, name: string, input: CredentialInput): Promise<StoredCredential> {
      const { organizationId } = acting.caller;
      const id = newId("gcr");
      const sealed = await secretVault.sealCredential(organizationId, id, JSON.stringify(input));
      const stored = { _id: id, organizationId, name, kind: input.kind, sealed, createdAt: new Date() };
      await store.secrets.insertGitCredential(stored).catch((error: unknown) => {
        if (!isDuplicateKey(error)) throw error;
        throw conflict({ code: "name_taken", message: `There is a Git credential named "${name}" already.` });
      });
      await record(acting, stored, "created");
      return stored;
    },

    async replace(acting: MemberActing, id: string, input: CredentialInput): Promise<StoredCredential> {
      const { organizationId } = acting.caller;
      await get(organizationId, id);
      const sealed = await secretVault.sealCredential(organizationId, id, JSON.stringify(input));
      const stored = await store.secrets.replaceGitCredential(organizationId, id, {
        kind: input.kind,
        sealed,
      });
      if (stored === null) return get(organizationId, id);
      // A template that failed for the old value may be waiting for an hour.
      await store.templates.lookAgain(organizationId, id, new Date());
      await record(acting, stored, "replaced");
      return stored;
    },

    /** The templates that use a credential. */
    async usersOf(organizationId: string): Promise<(id: string) => TemplateName[]> {
      const uses = await store.templates.credentialUses(organizationId);
      return (id) => uses.filter(({ credentialId }) => credentialId === id);
    },

    async list(
      caller: Member,
      page: { limit: number; cursor?: string | undefined },
    ): Promise<Page<StoredCredential>> {
      return readPage({
        kind: "git-credentials",
        limit: page.limit,
        cursor: page.cursor,
        read: (after, limit) =>
          store.secrets.listGitCredentials(caller.organizationId, {
            limit,
            ...(after === undefined ? {} : { after }),
          }),
        positionOf: (credential) => credential.name,
      });
    },

    async remove(acting: MemberActing, id: string): Promise<void> {
      const { organizationId } = acting.caller;
      const stored = await get(organizationId, id);
      const templateCount = await store.templates.countByCredential(organizationId, id);
      if (templateCount > 0) {
        const message = `The credential is used by ${templateCount} template${templateCount === 1 ? "" : "s"}.`;
        throw conflict({ code: "git_credential_in_use", message, details: { templateCount } });
      }
      if (await store.secrets.deleteGitCredential(organizationId, id))
        await record(acting, stored, "deleted");
    },

    /** For a fetch. Throws 400 where a template names one that isn't there. */
    async open(organizationId: string, id: string): Promise<OpenedCredential> {
      const stored = await store.secrets.findGitCredential(organizationId, id);
      if (stored === null) {
        throw badRequest({ code: "git_credential_not_found", message: `There is no Git credential ${id}.` });
      }
      return unfold(JSON.parse(await secretVault.openCredential(stored)) as CredentialInput);
    },
  };
}
