import {
  Button,
  EmptyState,
  EmptyStateBody,
  ToggleGroup,
  ToggleGroupItem,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useSearchParams } from "react-router";
import { useApi } from "../../api/api-context.ts";
import { unwrap } from "../../api/client.ts";
import { ErrorState } from "../../components/error-state.tsx";
import { PageLoading } from "../../components/page-loading.tsx";
import type { Device } from "../use-device.ts";
import { EventTable } from "./event-table.tsx";

const severities = ["info", "warning", "error"] as const;
type Severity = (typeof severities)[number];

function useEvents(id: string, severity: Severity | null) {
  const api = useApi();
  return useInfiniteQuery({
    // Under "events" as well as the device: either hint brings the new ones.
    queryKey: ["events", id, severity],
    initialPageParam: null as string | null,
    queryFn: ({ signal, pageParam }) =>
      unwrap(
        api.GET("/api/v1/devices/{id}/events", {
          params: {
            path: { id },
            query: {
              limit: 50,
              ...(severity === null ? {} : { severity }),
              ...(pageParam === null ? {} : { cursor: pageParam }),
            },
          },
          signal,
        }),
      ),
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });
}

/** What happened with the device: by people, by itself, by the platform. */
export function EventsTab({ device }: { device: Device }): ReactNode {
  const [search, setSearch] = useSearchParams();
  const severity = severities.find((each) => each === search.get("severity")) ?? null;
  const query = useEvents(device.id, severity);
  const events = query.data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <>
      <Toolbar>
        <ToolbarContent>
          <ToolbarItem>
            <ToggleGroup aria-label="Severity">
              <ToggleGroupItem
                text="All"
                isSelected={severity === null}
                onChange={() => setSearch({}, { replace: true })}
              />
              {severities.map((each) => (
                <ToggleGroupItem
                  key={each}
                  text={each}
                  isSelected={severity === each}
                  onChange={() => setSearch({ severity: each }, { replace: true })}
                />
              ))}
            </ToggleGroup>
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      {query.isPending && <PageLoading label="Loading events" />}
      {query.isError && <ErrorState error={query.error} onRetry={() => void query.refetch()} />}
      {query.isSuccess && events.length === 0 && (
        <EmptyState titleText="No events" headingLevel="h2">
          <EmptyStateBody>Nothing of this kind happened with the device.</EmptyStateBody>
        </EmptyState>
      )}
      {events.length > 0 && <EventTable events={events} />}
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
    </>
  );
}
