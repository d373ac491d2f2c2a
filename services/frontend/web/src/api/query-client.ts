import { QueryClient } from "@tanstack/react-query";
import { problemOf } from "./problem.ts";

const maxRetries = 3;

/** A refusal is final; no answer, or a busy platform, is worth another try. */
function isWorthRetrying(failures: number, thrown: unknown): boolean {
  const { status } = problemOf(thrown);
  return failures < maxRetries && (status === 0 || status === 502 || status === 503 || status === 504);
}

/**
 * The first word of each query's key is the resource, such as `["devices", id]`: live hints invalidate by it. Data
 * counts as fresh for a moment only, for whatever the live socket may miss.
 */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { staleTime: 10_000, retry: isWorthRetrying, refetchOnWindowFocus: true },
      mutations: { retry: false },
    },
  });
}
