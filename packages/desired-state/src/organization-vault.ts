import { AppError, createSealer, type Sealer, type Vault } from "@rciots/runtime";
import type { Secret, Store } from "@rciots/store";

/** Seals and opens what belongs to an organisation, under its own data key. */
export interface OrganizationVault {
  sealSecret(organizationId: string, name: string, value: string): Promise<string>;
  openSecret(secret: Pick<Secret, "organizationId" | "name" | "sealed">): Promise<string>;
  /** `value` is the credential as JSON. */
  sealCredential(organizationId: string, credentialId: string, value: string): Promise<string>;
  openCredential(credential: { organizationId: string; _id: string; sealed: string }): Promise<string>;
}

const secretAad = (organizationId: string, name: string): string => `secret:${organizationId}:${name}`;
const credentialAad = (organizationId: string, id: string): string =>
  `git-credential:${organizationId}:${id}`;

/** Data keys are opened once and kept: they never change for an organisation. */
export function createOrganizationVault({
  store,
  vault,
}: {
  store: Pick<Store, "content">;
  vault: Vault;
}): OrganizationVault {
  const sealers = new Map<string, Promise<Sealer>>();

  async function openSealer(organizationId: string): Promise<Sealer> {
    const wrapped = await store.content.dataKey(organizationId);
    if (wrapped === undefined) {
      throw new AppError({
        code: "organization_not_found",
        status: 404,
        message: "The organisation does not exist.",
      });
    }
    return createSealer(vault.unwrapDataKey(wrapped, organizationId));
  }

  function sealerOf(organizationId: string): Promise<Sealer> {
    const known = sealers.get(organizationId);
    if (known !== undefined) return known;
    const opened = openSealer(organizationId);
    sealers.set(organizationId, opened);
    // A failure must not be remembered.
    opened.catch(() => sealers.delete(organizationId));
    return opened;
  }

  return {
    async sealSecret(organizationId, name, value) {
      const sealer = await sealerOf(organizationId);
      return sealer.seal(Buffer.from(value, "utf8"), secretAad(organizationId, name));
    },
    async openSecret({ organizationId, name, sealed }) {
      const sealer = await sealerOf(organizationId);
      return sealer.open(sealed, secretAad(organizationId, name)).toString("utf8");
    },
    async sealCredential(organizationId, credentialId, value) {
      const sealer = await sealerOf(organizationId);
      return sealer.seal(Buffer.from(value, "utf8"), credentialAad(organizationId, credentialId));
    },
    async openCredential({ organizationId, _id, sealed }) {
      const sealer = await sealerOf(organizationId);
      return sealer.open(sealed, credentialAad(organizationId, _id)).toString("utf8");
    },
  };
}
