import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { ifMatch, unwrap, type Api, type Schema } from "../api/client.ts";
import type { paths } from "../api/schema.ts";
import type { Token } from "./token.ts";

const resource = "provisioning-tokens";
/** An organisation has tens of tokens; what goes beyond this many is found by the API. */
const maxTokens = 2_000;

type Body<Path extends keyof paths, Method extends "post" | "patch"> =
  paths[Path] extends Record<Method, { requestBody?: { content: { "application/json": infer Content } } }>
    ? Content
    : never;
export type NewToken = Body<"/api/v1/provisioning-tokens", "post">;
export type TokenChange = Body<"/api/v1/provisioning-tokens/{id}", "patch">;
export type CreatedToken = Token & { token: string };

async function readAll(api: Api, signal: AbortSignal): Promise<Token[]> {
  const tokens: Token[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: 500, ...(cursor === undefined ? {} : { cursor }) };
    const page = await unwrap(api.GET("/api/v1/provisioning-tokens", { params: { query }, signal }));
    tokens.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && tokens.length < maxTokens);
  return tokens;
}

export function useTokens() {
  const api = useApi();
  return useQuery({ queryKey: [resource], queryFn: ({ signal }) => readAll(api, signal) });
}

export function useToken(id: string) {
  const api = useApi();
  return useQuery({
    queryKey: [resource, id],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/provisioning-tokens/{id}", { params: { path: { id } }, signal })),
    placeholderData: keepPreviousData,
  });
}

/** The newest devices of a token. While somebody waits for one, it is asked for, whatever the live socket may miss. */
export function useTokenDevices(id: string, options: { isWaiting?: boolean } = {}) {
  const api = useApi();
  return useQuery({
    queryKey: ["devices", "of-token", id],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/provisioning-tokens/{id}/devices", {
          params: { path: { id }, query: { limit: 10 } },
          signal,
        }),
      ),
    refetchInterval: options.isWaiting === true ? 3_000 : false,
  });
}
export type TokenDevice = Schema<"Device">;

function useRefresh(): () => Promise<void> {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: [resource] });
}

export function useCreateToken() {
  const api = useApi();
  return useMutation({
    mutationFn: (body: NewToken) => unwrap(api.POST("/api/v1/provisioning-tokens", { body })),
    onSuccess: useRefresh(),
  });
}

export function useChangeToken() {
  const api = useApi();
  return useMutation({
    mutationFn: ({ token, change }: { token: Token; change: TokenChange }) =>
      unwrap(
        api.PATCH("/api/v1/provisioning-tokens/{id}", {
          params: { path: { id: token.id }, header: ifMatch(token.version) },
          body: change,
        }),
      ),
    // Also where it was refused: somebody else may have changed it.
    onSettled: useRefresh(),
  });
}

export function useDeleteToken() {
  const api = useApi();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.DELETE("/api/v1/provisioning-tokens/{id}", { params: { path: { id } } })),
    onSuccess: useRefresh(),
  });
}

export function useApproveDevice() {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.POST("/api/v1/devices/{id}/approve", { params: { path: { id } }, body: { labels: {} } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["devices"] }),
  });
}
