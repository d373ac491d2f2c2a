import type { Credentials } from "../api/client.ts";
import { readOrganizationChoice, writeOrganizationChoice } from "./organization-choice.ts";

export interface CredentialStore {
  read(): Credentials;
  setCsrfToken(token: string | null): void;
  setOrganization(organizationId: string | null): void;
}

/** What each call sends along, held outside React because calls are made outside of renders. */
export function createCredentialStore(): CredentialStore {
  let credentials: Credentials = { csrfToken: null, organizationId: readOrganizationChoice() };
  return {
    read: () => credentials,
    setCsrfToken: (csrfToken) => void (credentials = { ...credentials, csrfToken }),
    setOrganization(organizationId) {
      credentials = { ...credentials, organizationId };
      writeOrganizationChoice(organizationId);
    },
  };
}
