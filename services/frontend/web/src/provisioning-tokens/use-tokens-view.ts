import { useSearchParams } from "react-router";
import { tokenStates, type TokenFilter } from "./token.ts";

/** What the list shows, kept in the address so that it can be sent and come back to. */
export function useTokensView() {
  const [search, setSearch] = useSearchParams();
  const set = (changes: Record<string, string | readonly string[] | null>, isStep = false): void =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [key, value] of Object.entries(changes)) {
          next.delete(key);
          for (const item of typeof value === "string" ? [value] : (value ?? [])) next.append(key, item);
        }
        return next;
      },
      { replace: !isStep },
    );
  const filter: TokenFilter = {
    q: search.get("q") ?? "",
    states: tokenStates.filter((state) => search.getAll("status").includes(state)),
  };
  return {
    filter,
    setFilter: ({ q, states }: TokenFilter) => set({ q: q === "" ? null : q, status: states, page: null }),
    page: Math.max(1, Math.trunc(Number(search.get("page"))) || 1),
    setPage: (page: number) => set({ page: page === 1 ? null : String(page) }, true),
    openId: search.get("token"),
    open: (id: string | null) => set({ token: id, ...(id === null ? { install: null } : {}) }, true),
  };
}
