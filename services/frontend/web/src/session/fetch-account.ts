import { unwrap, type Api } from "../api/client.ts";
import { hasCode, problemOf } from "../api/problem.ts";
import type { CredentialStore } from "./credential-store.ts";
import type { Account } from "./session.ts";

/** Who is signed in; null: nobody. A remembered organisation that the person has left is forgotten. */
export async function fetchAccount(api: Api, credentials: CredentialStore): Promise<Account | null> {
  try {
    const account = await unwrap(api.GET("/api/v1/me"));
    credentials.setCsrfToken(account.csrfToken);
    return account;
  } catch (error) {
    if (problemOf(error).status === 401) return null;
    if (!hasCode(error, "organization_not_found") || credentials.read().organizationId === null) throw error;
    credentials.setOrganization(null);
    return fetchAccount(api, credentials);
  }
}
