import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useApi } from "../../api/api-context.ts";
import { unwrap, type Schema } from "../../api/client.ts";

export type Pod = Schema<"Pod">;

/** All pages are read, one after the other, up to so many pods. */
const maxPods = 2_000;

/** Pods of the device's cluster, as its agent sees them; read anew when asked. */
export function usePods(id: string, isWanted: boolean) {
  const api = useApi();
  const query = useInfiniteQuery({
    queryKey: ["devices", id, "pods"],
    enabled: isWanted,
    initialPageParam: null as string | null,
    staleTime: 15_000,
    queryFn: ({ signal, pageParam }) =>
      unwrap(
        api.GET("/api/v1/devices/{id}/pods", {
          params: { path: { id }, query: pageParam === null ? {} : { cursor: pageParam } },
          signal,
        }),
      ),
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });
  const pods = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const { hasNextPage, isFetching, fetchNextPage } = query;
  useEffect(() => {
    if (hasNextPage && !isFetching && pods.length < maxPods) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage, pods.length]);
  return { ...query, pods, isWhole: !hasNextPage };
}

export const podKey = ({ namespace, name }: Pick<Pod, "namespace" | "name">): string =>
  `${namespace}/${name}`;
