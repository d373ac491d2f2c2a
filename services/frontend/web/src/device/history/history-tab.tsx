import {
  Button,
  EmptyState,
  EmptyStateBody,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useSearchParams } from "react-router";
import { useApi } from "../../api/api-context.ts";
import { unwrap, type Schema } from "../../api/client.ts";
import { ErrorState } from "../../components/error-state.tsx";
import { PageLoading } from "../../components/page-loading.tsx";
import type { Device } from "../use-device.ts";
import { CompareModal } from "./compare-modal.tsx";
import { RevisionTable } from "./revision-table.tsx";
import { RollBackModal } from "./roll-back-modal.tsx";

export type Revision = Schema<"DeviceRevision">;

function useRevisions(id: string) {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ["devices", id, "revisions"],
    initialPageParam: null as string | null,
    queryFn: ({ signal, pageParam }) =>
      unwrap(
        api.GET("/api/v1/devices/{id}/revisions", {
          params: {
            path: { id },
            query: { limit: 50, ...(pageParam === null ? {} : { cursor: pageParam }) },
          },
          signal,
        }),
      ),
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });
}

/** `?show=3` opens one revision, `?show=3-5` compares two. */
function useShown(): [number[], (revisions: number[]) => void] {
  const [search, setSearch] = useSearchParams();
  const shown = (search.get("show") ?? "")
    .split("-")
    .map(Number)
    .filter((number) => number > 0);
  return [shown.slice(0, 2), (next) => setSearch(next.length === 0 ? {} : { show: next.join("-") })];
}

/** What the device was told to run, and how it went. */
export function HistoryTab({ device }: { device: Device }): ReactNode {
  const query = useRevisions(device.id);
  const [selected, setSelected] = useState<number[]>([]);
  const [shown, setShown] = useShown();
  const [rollingBackTo, setRollingBackTo] = useState<number | null>(null);
  if (query.isPending) return <PageLoading label="Loading the history" />;
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const revisions = query.data.pages.flatMap(({ items }) => items);
  if (revisions.length === 0) {
    return (
      <EmptyState titleText="No history yet" headingLevel="h2">
        <EmptyStateBody>Each change of what the device should run becomes a revision here.</EmptyStateBody>
      </EmptyState>
    );
  }
  return (
    <>
      <Toolbar>
        <ToolbarContent>
          <ToolbarItem>
            <Button
              variant="secondary"
              isAriaDisabled={selected.length !== 2}
              onClick={() => setShown([...selected].sort((a, b) => a - b))}
            >
              Compare two
            </Button>
          </ToolbarItem>
          <ToolbarItem alignSelf="center" className="rciots-muted">
            {selected.length === 2 ? "" : `Select ${2 - selected.length} to compare.`}
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      <RevisionTable
        device={device}
        revisions={revisions}
        selected={selected}
        onSelect={(revision, isOn) =>
          setSelected((before) =>
            isOn ? [...before.slice(-1), revision] : before.filter((each) => each !== revision),
          )
        }
        onShow={(revision) => setShown([revision])}
        onRollBack={setRollingBackTo}
      />
      {query.hasNextPage && (
        <Button
          variant="secondary"
          className="rciots-card-foot"
          isLoading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Show older
        </Button>
      )}
      {shown.length > 0 && (
        <CompareModal deviceId={device.id} revisions={shown} onClose={() => setShown([])} />
      )}
      {rollingBackTo !== null && (
        <RollBackModal device={device} revision={rollingBackTo} onClose={() => setRollingBackTo(null)} />
      )}
    </>
  );
}
