import {
  Button,
  EmptyState,
  EmptyStateBody,
  Switch,
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

interface Shown {
  severity: Severity | null;
  /** Every connection through a tunnel too, of which there may be very many. */
  withConnections: boolean;
}

function useEvents(id: string, { severity, withConnections }: Shown) {
  const api = useApi();
  return useInfiniteQuery({
    // Under "events" as well as the device: either hint brings the new ones.
    queryKey: ["events", id, { severity, ...(withConnections ? {} : { connections: "false" }) }],
    initialPageParam: null as string | null,
    queryFn: ({ signal, pageParam }) =>
      unwrap(
        api.GET("/api/v1/devices/{id}/events", {
          params: {
            path: { id },
            query: {
              limit: 50,
              ...(severity === null ? {} : { severity }),
              ...(withConnections ? {} : { connections: "false" }),
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
  const withConnections = search.get("connections") === "true";
  const query = useEvents(device.id, { severity, withConnections });
  const events = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const set = (name: string, value: string | null): void => {
    const after = new URLSearchParams(search);
    if (value === null) after.delete(name);
    else after.set(name, value);
    setSearch(after, { replace: true });
  };
  return (
    <>
      <Toolbar>
        <ToolbarContent>
          <ToolbarItem>
            <ToggleGroup aria-label="Severity">
              <ToggleGroupItem
                text="All"
                isSelected={severity === null}
                onChange={() => set("severity", null)}
              />
              {severities.map((each) => (
                <ToggleGroupItem
                  key={each}
                  text={each}
                  isSelected={severity === each}
                  onChange={() => set("severity", each)}
                />
              ))}
            </ToggleGroup>
          </ToolbarItem>
          <ToolbarItem alignSelf="center">
            <Switch
              id="device-connections"
              label="Single connections"
              isChecked={withConnections}
              onChange={(_event, isOn) => set("connections", isOn ? "true" : null)}
            />
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
