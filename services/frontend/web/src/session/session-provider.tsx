import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, type ReactNode } from "react";
import { unwrap } from "../api/client.ts";
import { useApi } from "../api/api-context.ts";
import { ErrorState } from "../components/error-state.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import type { CredentialStore } from "./credential-store.ts";
import { fetchAccount } from "./fetch-account.ts";
import { SessionContext, type Account, type Session } from "./session.ts";

interface SessionProviderProps {
  credentials: CredentialStore;
  /** Shown while nobody is signed in. */
  signedOut: ReactNode;
  children: ReactNode;
}

function useSessionOf(account: Account | null | undefined, credentials: CredentialStore): Session | null {
  const api = useApi();
  const queries = useQueryClient();
  const signOut = useMutation({ mutationFn: () => unwrap(api.POST("/api/v1/logout")) }).mutateAsync;

  return useMemo(() => {
    if (!account) return null;
    return {
      account,
      organization: account.organizations.find(({ id }) => id === account.organizationId),
      switchOrganization(organizationId) {
        credentials.setOrganization(organizationId);
        // Nothing of the one organisation may show in the other.
        void queries.resetQueries();
      },
      async signOut() {
        await signOut();
        credentials.setCsrfToken(null);
        queries.clear();
        queries.setQueryData(["me"], null);
      },
      refresh: () => queries.invalidateQueries({ queryKey: ["me"] }),
    };
  }, [account, credentials, queries, signOut]);
}

/** Finds out who is signed in, and shows the pages or the way in. */
export function SessionProvider({ credentials, signedOut, children }: SessionProviderProps): ReactNode {
  const api = useApi();
  const me = useQuery({
    queryKey: ["me"],
    queryFn: () => fetchAccount(api, credentials),
    staleTime: 60_000,
  });
  const session = useSessionOf(me.data, credentials);
  if (me.isPending) return <PageLoading label="Signing in" />;
  if (me.isError && me.data === undefined) {
    return <ErrorState error={me.error} onRetry={() => void me.refetch()} />;
  }
  if (session === null) return signedOut;
  return <SessionContext value={session}>{children}</SessionContext>;
}
