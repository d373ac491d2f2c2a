import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Api } from "../api/client.ts";
import type { paths } from "../api/schema.ts";

export type GitCredential =
  paths["/api/v1/git-credentials"]["get"]["responses"]["200"]["content"]["application/json"]["items"][number];
export type CredentialValue = NonNullable<
  paths["/api/v1/git-credentials/{id}"]["put"]["requestBody"]
>["content"]["application/json"];

async function readAll(api: Api, signal: AbortSignal): Promise<GitCredential[]> {
  const found: GitCredential[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: 500, ...(cursor === undefined ? {} : { cursor }) };
    const page = await unwrap(api.GET("/api/v1/git-credentials", { params: { query }, signal }));
    found.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}

/** All of the organisation, by name, with the templates that use them. */
export function useGitCredentials() {
  const api = useApi();
  return useQuery({ queryKey: ["git-credentials"], queryFn: ({ signal }) => readAll(api, signal) });
}

/** Stores a new credential, or, given an id, another value of one. */
export function useStoreCredential(id: string | null, onStored: (id: string) => void) {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ name, value }: { name: string; value: CredentialValue }) =>
      unwrap(
        id === null
          ? api.POST("/api/v1/git-credentials", { body: { name, credential: value } })
          : api.PUT("/api/v1/git-credentials/{id}", { params: { path: { id } }, body: value }),
      ),
    async onSuccess(stored) {
      await queries.invalidateQueries({ queryKey: ["git-credentials"] });
      onStored(stored.id);
    },
  });
}
