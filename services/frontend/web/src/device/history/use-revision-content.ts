import { queryOptions } from "@tanstack/react-query";
import type { Api } from "../../api/client.ts";
import { unwrap } from "../../api/client.ts";

/** A revision never changes; its rendering does with the device's labels, which a minute's age may miss. */
export const revisionContent = (api: Api, id: string, revision: number) =>
  queryOptions({
    queryKey: ["device-content", id, revision],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/devices/{id}/revisions/{revision}", { params: { path: { id, revision } }, signal }),
      ),
    staleTime: 60_000,
  });
