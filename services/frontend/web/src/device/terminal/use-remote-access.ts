import { useQuery } from "@tanstack/react-query";
import { useApi } from "../../api/api-context.ts";
import { unwrap } from "../../api/client.ts";

/** What the organisation lets its people do on devices. */
export function useRemoteAccess() {
  const api = useApi();
  return useQuery({
    queryKey: ["remote-access"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/organization/remote-access", { signal })),
  });
}
