import { useQuery } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Api } from "../api/client.ts";
import type { paths } from "../api/schema.ts";

export type Secret =
  paths["/api/v1/secrets"]["get"]["responses"]["200"]["content"]["application/json"]["items"][number];

/** An organisation has at most 1,000: all are read, so that a name that is taken is known. */
async function readAll(api: Api, signal: AbortSignal): Promise<Secret[]> {
  const found: Secret[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: 500, ...(cursor === undefined ? {} : { cursor }) };
    const page = await unwrap(api.GET("/api/v1/secrets", { params: { query }, signal }));
    found.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}

/** All of the organisation, by name, with the templates that refer to them. */
export function useSecrets() {
  const api = useApi();
  return useQuery({ queryKey: ["secrets"], queryFn: ({ signal }) => readAll(api, signal) });
}
