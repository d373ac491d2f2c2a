import { Button, EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { ServerIcon } from "@patternfly/react-icons/dist/esm/icons/server-icon";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";
import { ErrorState } from "../components/error-state.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { PresenceLabel, StateLabel } from "../devices/device-labels.tsx";
import { useVersions, type Template } from "./template-queries.ts";

type Device = Schema<"Device">;

function useDevicesOf(templateId: string) {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ["devices", "of-template", templateId],
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) => {
      const cursor = pageParam === "" ? {} : { cursor: pageParam };
      const query = { templateId, limit: 50, sort: "name" as const, ...cursor };
      return unwrap(api.GET("/api/v1/devices", { params: { query }, signal }));
    },
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
  });
}

/** Why it doesn't run what it should, where it says so. */
const reasonOf = ({ desired, overlayError, observed }: Device): string | null =>
  desired.error ?? overlayError ?? observed.message;

function DevicesTable({ devices, template }: { devices: Device[]; template: Template }): ReactNode {
  const versions = useVersions(template.id).data?.pages.flatMap(({ items }) => items) ?? [];
  const versionOf = (device: Device): string => {
    const pinned = device.templates.find(({ templateId }) => templateId === template.id)?.versionId ?? null;
    if (pinned === null) return "current";
    const number = versions.find(({ id }) => id === pinned)?.number;
    return number === undefined ? "pinned to an earlier one" : `pinned to ${number}`;
  };
  return (
    <Table aria-label="Devices with this template" variant="compact">
      <Thead>
        <Tr>
          <Th>Name</Th>
          <Th>Connection</Th>
          <Th>State</Th>
          <Th>Version</Th>
          <Th>Reported</Th>
        </Tr>
      </Thead>
      <Tbody>
        {devices.map((device) => (
          <Tr key={device.id}>
            <Td dataLabel="Name" modifier="breakWord">
              <Link to={`/devices/${device.id}`}>{device.name}</Link>
            </Td>
            <Td dataLabel="Connection">
              <PresenceLabel online={device.presence.online} />
            </Td>
            <Td dataLabel="State">
              <StateLabel device={device} />
              {reasonOf(device) !== null && <div className="rciots-muted">{reasonOf(device)}</div>}
            </Td>
            <Td dataLabel="Version">{versionOf(device)}</Td>
            <Td dataLabel="Reported">
              <TimeAgo at={device.observed.reportedAt} />
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

/** The devices that have the template, with how they are. */
export function DevicesTab({ template }: { template: Template }): ReactNode {
  const found = useDevicesOf(template.id);
  if (found.isPending) return <PageLoading label="Loading devices" />;
  if (found.data === undefined)
    return <ErrorState error={found.error} onRetry={() => void found.refetch()} />;
  const devices = found.data.pages.flatMap(({ items }) => items);
  if (devices.length === 0) {
    return (
      <EmptyState titleText="No device has it" headingLevel="h2" icon={ServerIcon}>
        <EmptyStateBody>Assign it on a device&apos;s page, or with a provisioning token.</EmptyStateBody>
      </EmptyState>
    );
  }
  return (
    <>
      <DevicesTable devices={devices} template={template} />
      {found.hasNextPage && (
        <Button
          variant="secondary"
          className="rciots-load-more"
          isLoading={found.isFetchingNextPage}
          onClick={() => void found.fetchNextPage()}
        >
          Show more
        </Button>
      )}
    </>
  );
}
