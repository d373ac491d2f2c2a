import { createContext, use } from "react";
import type { paths } from "../api/schema.ts";

/** `GET /me`: the account, the organisation chosen and the role in it. */
export type Account = paths["/api/v1/me"]["get"]["responses"]["200"]["content"]["application/json"];
export type Role = NonNullable<Account["role"]>;

export interface Session {
  account: Account;
  /** The organisation of this tab; undefined for a person who belongs to none. */
  organization: Account["organizations"][number] | undefined;
  switchOrganization: (organizationId: string) => void;
  signOut: () => Promise<void>;
  /** After something that changes the account or its organisations. */
  refresh: () => Promise<void>;
}

export const SessionContext = createContext<Session | null>(null);

/** Who is signed in; only within pages that need that. */
export function useSession(): Session {
  const session = use(SessionContext);
  if (session === null) throw new Error("useSession needs somebody signed in.");
  return session;
}

const roles: readonly Role[] = ["viewer", "operator", "admin", "owner"];

/** Whether the person may do what needs this role. The platform checks again; this only spares a refusal. */
export function useMay(least: Role): boolean {
  const { account, organization } = useSession();
  if (account.role === null || organization?.status === "suspended") return false;
  return roles.indexOf(account.role) >= roles.indexOf(least);
}
