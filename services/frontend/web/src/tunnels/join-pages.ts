import type { Pages } from "../components/use-pages.ts";
import type { Way } from "./tunnel-queries.ts";

const timeOf = (way: Way | undefined): string => way?.tunnel.createdAt ?? "";

/**
 * Two lists as one, the newest first. What is older than the end of a list that goes on is held back: there may be
 * something newer than it on that list's next page.
 */
export function joinPages(one: Pages<Way>, other: Pages<Way>): Pages<Way> {
  const lists = [one, other];
  const open = lists.filter(({ hasMore }) => hasMore);
  const reached = open.map(({ items }) => timeOf(items.at(-1))).sort();
  const horizon = reached.at(-1) ?? "";
  const items = lists
    .flatMap((list) => list.items)
    .filter((way) => timeOf(way) >= horizon)
    .sort((a, b) => timeOf(b).localeCompare(timeOf(a)));
  return {
    items,
    isPending: lists.some(({ isPending }) => isPending),
    error: one.error ?? other.error,
    hasMore: open.length > 0,
    isLoadingMore: lists.some(({ isLoadingMore }) => isLoadingMore),
    loadMore() {
      for (const list of open) if (timeOf(list.items.at(-1)) === horizon) list.loadMore();
    },
    retry() {
      for (const list of lists) if (list.error !== null) list.retry();
    },
  };
}
