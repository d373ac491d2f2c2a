import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useApi } from "../../api/api-context.ts";
import { unwrap } from "../../api/client.ts";
import type { ObjectFilters } from "./use-object-filters.ts";

const pageSize = 100;

export function useObjects(
  id: string,
  { health, kind, name }: Pick<ObjectFilters, "health" | "kind" | "name">,
) {
  const api = useApi();
  const filter = {
    ...(health === null ? {} : { health }),
    ...(kind === "" ? {} : { kind }),
    ...(name === "" ? {} : { q: name }),
  };
  return useInfiniteQuery({
    queryKey: ["devices", id, "objects", filter],
    initialPageParam: null as string | null,
    queryFn: ({ signal, pageParam }) =>
      unwrap(
        api.GET("/api/v1/devices/{id}/objects", {
          params: {
            path: { id },
            query: { limit: pageSize, ...filter, ...(pageParam === null ? {} : { cursor: pageParam }) },
          },
          signal,
        }),
      ),
    getNextPageParam: ({ nextCursor }) => nextCursor,
    placeholderData: keepPreviousData,
  });
}
