import {
  Button,
  EmptyState,
  EmptyStateBody,
  PageSection,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { CheckCircleIcon } from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link } from "react-router";
import { unwrap } from "../api/client.ts";
import { useApi } from "../api/api-context.ts";
import { ErrorState } from "../components/error-state.tsx";
import { LabelList } from "../components/label-list.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useMay } from "../session/session.ts";
import type { BulkActionName } from "./bulk-actions.ts";
import { BulkModal } from "./bulk-modal.tsx";
import { readFilter, type Device } from "./device-filter.ts";
import { DevicesSkeleton } from "./devices-table.tsx";
import { SelectionMenu } from "./selection-menu.tsx";
import type { BulkTarget } from "./use-bulk.ts";
import { useSelection, type Selection } from "./use-selection.ts";
import "./devices.css";

/** The newest; whoever has more approves all that match. */
const shownDevices = 200;
const pendingFilter = readFilter(new URLSearchParams({ status: "pending" }));

/** What the device says of itself: by this somebody recognises it. */
function Facts({ facts }: { facts: Device["facts"] }): ReactNode {
  const { hostname, os, architecture } = facts;
  const system = [os, architecture].filter((fact) => typeof fact === "string").join(", ");
  return (
    <>
      {typeof hostname === "string" ? hostname : <span className="rciots-muted">no host name</span>}
      {system !== "" && <span className="rciots-fact">{system}</span>}
    </>
  );
}

interface PendingTableProps {
  devices: readonly Device[];
  selection: Selection | undefined;
  onChoose: (action: BulkActionName, device: Device) => void;
}

function PendingTable({ devices, selection, onChoose }: PendingTableProps): ReactNode {
  return (
    <Table aria-label="Devices that wait" variant="compact" gridBreakPoint="grid-lg">
      <Thead>
        <Tr>
          {selection !== undefined && <Th screenReaderText="Selected" />}
          <Th width={20}>Name</Th>
          <Th>Says it is</Th>
          <Th>Labels</Th>
          <Th width={15}>Asked</Th>
          {selection !== undefined && <Th screenReaderText="Actions" />}
        </Tr>
      </Thead>
      <Tbody>
        {devices.map((device, rowIndex) => (
          <Tr key={device.id}>
            {selection !== undefined && (
              <Td
                select={{
                  rowIndex,
                  isSelected: selection.has(device.id),
                  onSelect: () => selection.toggle(device.id),
                  props: { "aria-label": `Select ${device.name}` },
                }}
              />
            )}
            <Td dataLabel="Name" modifier="breakWord">
              <Link to={`/devices/${device.id}`}>{device.name}</Link>
            </Td>
            <Td dataLabel="Says it is">
              <Facts facts={device.facts} />
            </Td>
            <Td dataLabel="Labels">
              <LabelList labels={device.labels} />
            </Td>
            <Td dataLabel="Asked">
              <TimeAgo at={device.createdAt} />
            </Td>
            {selection !== undefined && (
              <Td modifier="fitContent">
                <Button
                  variant="secondary"
                  size="sm"
                  onClick={() => onChoose("approve", device)}
                  aria-label={`Approve ${device.name}`}
                >
                  Approve
                </Button>{" "}
                <Button
                  variant="link"
                  size="sm"
                  isDanger
                  onClick={() => onChoose("deny", device)}
                  aria-label={`Deny ${device.name}`}
                >
                  Deny
                </Button>
              </Td>
            )}
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

export function PendingDevicesPage(): ReactNode {
  const api = useApi();
  const mayChange = useMay("operator");
  const query = { status: ["pending" as const], limit: shownDevices };
  const list = useQuery({
    queryKey: ["devices", query],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/devices", { params: { query }, signal })),
  });
  const shown = list.data?.items ?? [];
  const total = list.data?.total ?? 0;
  const selection = useSelection(pendingFilter, shown, total);
  const [asking, setAsking] = useState<{ action: BulkActionName; target: BulkTarget } | null>(null);
  return (
    <>
      <PageHeader
        title="Pending devices"
        description="They have enrolled with a token that asks for approval, and wait. Approve only what you recognise."
      />
      <PageSection>
        {list.isPending && <DevicesSkeleton />}
        {list.isError && <ErrorState error={list.error} onRetry={() => void list.refetch()} />}
        {list.data && shown.length === 0 && (
          <EmptyState titleText="No device waits" headingLevel="h2" icon={CheckCircleIcon} status="success">
            <EmptyStateBody>Devices appear here at once when they ask to be let in.</EmptyStateBody>
          </EmptyState>
        )}
        {shown.length > 0 && mayChange && (
          <Toolbar>
            <ToolbarContent>
              <ToolbarItem>
                <SelectionMenu selection={selection} shown={shown} total={total} />
              </ToolbarItem>
              {(["approve", "deny"] as const).map((action) => (
                <ToolbarItem key={action}>
                  <Button
                    variant={action === "approve" ? "primary" : "secondary"}
                    isDisabled={selection.count === 0}
                    onClick={() => setAsking({ action, target: selection.target })}
                  >
                    {action === "approve" ? "Approve" : "Deny"}
                  </Button>
                </ToolbarItem>
              ))}
            </ToolbarContent>
          </Toolbar>
        )}
        {shown.length > 0 && (
          <PendingTable
            devices={shown}
            selection={mayChange ? selection : undefined}
            onChoose={(action, device) => setAsking({ action, target: { ids: [device.id], count: 1 } })}
          />
        )}
      </PageSection>
      {asking !== null && (
        <BulkModal
          {...asking}
          onClose={() => setAsking(null)}
          onDone={() => {
            setAsking(null);
            selection.clear();
          }}
        />
      )}
    </>
  );
}
