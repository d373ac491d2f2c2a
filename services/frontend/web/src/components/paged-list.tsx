import { Bullseye, Button } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { ErrorState } from "./error-state.tsx";
import { PageLoading } from "./page-loading.tsx";
import type { Pages } from "./use-pages.ts";

interface PagedListProps<Item> {
  pages: Pages<Item>;
  /** In place of an empty list: says the next step. */
  empty: ReactNode;
  children: (items: Item[]) => ReactNode;
}

/** What is there of a list, its state where it isn't there, and a way to the rest. */
export function PagedList<Item>({ pages, empty, children }: PagedListProps<Item>): ReactNode {
  if (pages.isPending) return <PageLoading />;
  if (pages.error !== null) return <ErrorState error={pages.error} onRetry={pages.retry} />;
  if (pages.items.length === 0) return empty;
  return (
    <>
      {children(pages.items)}
      {pages.hasMore && (
        <Bullseye className="rciots-more">
          <Button variant="secondary" isLoading={pages.isLoadingMore} onClick={pages.loadMore}>
            Show more
          </Button>
        </Bullseye>
      )}
    </>
  );
}
