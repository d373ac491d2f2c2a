import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  PageSection,
} from "@patternfly/react-core";
import { SearchIcon } from "@patternfly/react-icons/dist/esm/icons/search-icon";
import { Table, Th, Thead, Tr } from "@patternfly/react-table";
import { useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";
import { PageHeader } from "../components/page-header.tsx";
import { PagedList } from "../components/paged-list.tsx";
import { usePages } from "../components/use-pages.ts";
import { toQuery, useAuditFilter, type AuditScope } from "./audit-filter.ts";
import { AuditToolbar } from "./audit-toolbar.tsx";
import { EventRow } from "./event-row.tsx";
import { ExportMenu } from "./export-menu.tsx";

type AuditEvent = Schema<"Event">;

function EventsTable({ events }: { events: AuditEvent[] }): ReactNode {
  const [expanded, setExpanded] = useState<ReadonlySet<string>>(new Set());
  const toggle = (id: string): void =>
    setExpanded((before) => {
      const after = new Set(before);
      if (!after.delete(id)) after.add(id);
      return after;
    });
  return (
    <Table aria-label="Events" variant="compact" isExpandable>
      <Thead>
        <Tr>
          <Th screenReaderText="Show more" />
          <Th>When</Th>
          <Th>What</Th>
          <Th>Who</Th>
          <Th className="rciots-wide-only">Kind</Th>
        </Tr>
      </Thead>
      {events.map((event, index) => (
        <EventRow
          key={event.id}
          event={event}
          index={index}
          isExpanded={expanded.has(event.id)}
          onToggle={() => toggle(event.id)}
        />
      ))}
    </Table>
  );
}

function NothingFound({ isFiltered, onClear }: { isFiltered: boolean; onClear: () => void }): ReactNode {
  return (
    <EmptyState
      titleText={isFiltered ? "No event matches" : "Nothing has happened yet"}
      headingLevel="h2"
      icon={SearchIcon}
    >
      <EmptyStateBody>
        {isFiltered
          ? "Change or clear the filters to see more."
          : "What people, programs and devices do in this organisation is listed here."}
      </EmptyStateBody>
      {isFiltered && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button variant="link" onClick={onClear}>
              Clear all filters
            </Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

function AuditLog({ scope, description }: { scope: AuditScope; description: string }): ReactNode {
  const api = useApi();
  const state = useAuditFilter();
  const query = toQuery(state.filter);
  const events = usePages<AuditEvent>(["events", scope, query], (cursor, signal) => {
    const page = { limit: 50, ...(cursor === undefined ? {} : { cursor }) };
    if (scope === "organization") {
      return unwrap(api.GET("/api/v1/events", { params: { query: { ...query, ...page } }, signal }));
    }
    const { deviceId: _deviceId, connections: _connections, ...ofPlatform } = query;
    return unwrap(
      api.GET("/api/v1/platform/events", { params: { query: { ...ofPlatform, ...page } }, signal }),
    );
  });
  return (
    <>
      <PageHeader title="Audit log" description={description} />
      <PageSection>
        <AuditToolbar
          state={state}
          hasConnections={scope === "organization"}
          actions={<ExportMenu scope={scope} query={query} />}
        />
        <PagedList
          pages={events}
          empty={<NothingFound isFiltered={state.isFiltered} onClear={state.clear} />}
        >
          {(items) => <EventsTable events={items} />}
        </PagedList>
      </PageSection>
    </>
  );
}

export function AuditLogPage(): ReactNode {
  return <AuditLog scope="organization" description="Who did what, when and from where." />;
}

export function PlatformAuditLogPage(): ReactNode {
  return <AuditLog scope="platform" description="What happened to accounts, on the whole platform." />;
}
