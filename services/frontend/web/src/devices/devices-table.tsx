import { Skeleton } from "@patternfly/react-core";
import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr, type IAction } from "@patternfly/react-table";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { LabelList } from "../components/label-list.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import type { Device } from "./device-filter.ts";
import { PresenceLabel, StateLabel } from "./device-labels.tsx";
import type { Selection } from "./use-selection.ts";

interface DevicesTableProps {
  devices: readonly Device[];
  /** Absent: the person may change nothing. */
  selection?: Selection;
  templateNames: Record<string, string>;
  actionsOf: (device: Device) => IAction[];
}

const hrefOfLabel = (key: string, value: string): string =>
  `/devices?${new URLSearchParams({ label: `${key}=${value}` }).toString()}`;

function templatesOf(device: Device, names: Record<string, string>): ReactNode {
  if (device.templates.length === 0) return <span className="rciots-muted">none</span>;
  return device.templates.map(({ templateId }) => names[templateId] ?? "unknown").join(", ");
}

/** Where a device is: connected, or since when not. */
function Connection({ device }: { device: Device }): ReactNode {
  const { online, lastSeenAt } = device.presence;
  if (device.status === "pending" || device.status === "denied") {
    return <span className="rciots-muted">not admitted</span>;
  }
  return (
    <span className="rciots-connection">
      <PresenceLabel online={online} />
      {!online && (
        <span className="rciots-muted">
          {lastSeenAt === null ? "never seen" : <TimeAgo at={lastSeenAt} />}
        </span>
      )}
    </span>
  );
}

export function DevicesTable({ devices, selection, templateNames, actionsOf }: DevicesTableProps): ReactNode {
  return (
    <Table className="rciots-device-table" aria-label="Devices" variant="compact" gridBreakPoint="grid-lg">
      <Thead>
        <Tr>
          {selection !== undefined && <Th screenReaderText="Selected" />}
          <Th width={20}>Name</Th>
          <Th>Connection</Th>
          <Th>State</Th>
          <Th modifier="nowrap">Templates</Th>
          <Th>Labels</Th>
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
            <Td dataLabel="Connection">
              <Connection device={device} />
            </Td>
            <Td dataLabel="State">
              <StateLabel device={device} />
            </Td>
            <Td dataLabel="Templates" modifier="breakWord">
              {templatesOf(device, templateNames)}
            </Td>
            <Td dataLabel="Labels">
              <LabelList labels={device.labels} max={3} hrefOf={hrefOfLabel} />
            </Td>
            {selection !== undefined && (
              <Td isActionCell>
                <ActionsColumn items={actionsOf(device)} popperProps={{ position: "right" }} />
              </Td>
            )}
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

/** In place of the table while the first page is read. */
export function DevicesSkeleton(): ReactNode {
  return (
    <div role="status" aria-label="Loading devices" className="rciots-rows">
      {[0, 1, 2, 3, 4, 5, 6, 7].map((row) => (
        <Skeleton key={row} height="2.25rem" />
      ))}
    </div>
  );
}
