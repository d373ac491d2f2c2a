import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useEffect } from "react";
import { useApi } from "../../api/api-context.ts";
import { unwrap, type Schema } from "../../api/client.ts";
import { problemOf } from "../../api/problem.ts";

export type DiffItem = Schema<"DeviceDiff">["items"][number];

interface LiveDiff {
  start: () => void;
  /** Ends the call; the device is told. */
  cancel: () => void;
  isRunning: boolean;
  /** What was compared so far. */
  result: Omit<Schema<"DeviceDiff">, "nextCursor"> | undefined;
  error: unknown;
  errorText: string;
}

/** A comparison that a person asks for; it goes on by itself until everything was compared. */
export function useLiveDiff(id: string): LiveDiff {
  const api = useApi();
  const queries = useQueryClient();
  const [run, setRun] = useState(0);
  // Not under the device's own key: a hint about the device must not ask the device again.
  const queryKey = ["device-diff", id, run];
  const query = useInfiniteQuery({
    queryKey,
    initialPageParam: null as string | null,
    queryFn: ({ signal, pageParam }) =>
      unwrap(
        api.POST("/api/v1/devices/{id}/diff", {
          params: { path: { id } },
          body: { changedOnly: true, ...(pageParam === null ? {} : { cursor: pageParam }) },
          signal,
        }),
      ),
    getNextPageParam: ({ nextCursor }) => nextCursor,
    enabled: run > 0,
    staleTime: Infinity,
    gcTime: 0,
    retry: false,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
  const { hasNextPage, isFetching, isError, fetchNextPage } = query;
  const isStopped = isError || query.fetchStatus === "paused";
  useEffect(() => {
    if (hasNextPage && !isFetching && !isStopped) void fetchNextPage();
  }, [hasNextPage, isFetching, isStopped, fetchNextPage]);
  const pages = query.data?.pages;
  const last = pages?.at(-1);
  return {
    start: () => setRun((count) => count + 1),
    cancel() {
      void queries.cancelQueries({ queryKey });
      setRun(0);
    },
    isRunning: run > 0 && (isFetching || (hasNextPage && !isStopped)),
    result: last && { ...last, items: pages?.flatMap(({ items }) => items) ?? [] },
    error: query.error,
    errorText: query.error === null ? "" : problemOf(query.error).detail,
  };
}
