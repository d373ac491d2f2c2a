import { useQuery } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";

/** Names who made a version: a member, Git, or somebody who is gone. */
export function useAuthor(): (createdBy: string) => string {
  const api = useApi();
  const members = useQuery({
    queryKey: ["members", "names"],
    queryFn: async ({ signal }) => {
      const { items } = await unwrap(api.GET("/api/v1/members", { signal }));
      return new Map(items.map(({ id, username }) => [id, username]));
    },
    staleTime: 60_000,
  });
  return (createdBy) => {
    if (createdBy === "git") return "Git";
    return members.data?.get(createdBy) ?? (members.isPending ? "" : "a former member");
  };
}
