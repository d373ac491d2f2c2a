import { useQuery } from "@tanstack/react-query";
import { unwrap } from "../api/client.ts";
import { useApi } from "../api/api-context.ts";

const none: Record<string, string> = {};

/** Names of the organisation's templates by their ids, as far as they are read. */
export function useTemplateNames(): Record<string, string> {
  const api = useApi();
  const { data } = useQuery({
    queryKey: ["templates", "names"],
    queryFn: async ({ signal }) => {
      const page = await unwrap(api.GET("/api/v1/templates", { params: { query: { limit: 500 } }, signal }));
      const byName = page.items.sort((a, b) => a.name.localeCompare(b.name));
      return Object.fromEntries(byName.map(({ id, name }) => [id, name]));
    },
  });
  return data ?? none;
}
