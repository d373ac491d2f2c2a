import {
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
  Label,
} from "@patternfly/react-core";
import { ExpandableRowContent, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState, type ReactNode } from "react";
import type { Schema } from "../../api/client.ts";
import { CopyableId } from "../../components/copyable-id.tsx";
import { TimeAgo } from "../../components/time-ago.tsx";
import { changedFields, otherDetails } from "../../events/event-values.ts";

type Event = Schema<"Event">;

const looks = { info: "info", warning: "warning", error: "danger" } as const;

/** What was there before and is there now, and whatever else the event tells. */
function rowsOf({ details, address }: Event): [string, ReactNode][] {
  const { requestId } = details;
  return [
    ...changedFields(details).map(({ field, before, after }): [string, ReactNode] => [
      field,
      `${before} → ${after}`,
    ]),
    ...otherDetails(details).map(({ name, value }): [string, ReactNode] => [name, value]),
    ...(address === null ? [] : [["From", address] as [string, ReactNode]]),
    ...(typeof requestId === "string"
      ? [["Request", <CopyableId key="request" value={requestId} />] as [string, ReactNode]]
      : []),
  ];
}

function EventRows({ event, index }: { event: Event; index: number }): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  const rows = rowsOf(event);
  const expand = {
    rowIndex: index,
    isExpanded: isOpen,
    onToggle: () => setIsOpen((open) => !open),
    expandId: "event",
  };
  return (
    <Tbody isExpanded={isOpen}>
      <Tr>
        <Td {...(rows.length === 0 ? {} : { expand })} />
        <Td dataLabel="When" modifier="nowrap">
          <TimeAgo at={event.at} />
        </Td>
        <Td dataLabel="What" modifier="breakWord">
          {event.severity !== "info" && (
            <Label isCompact status={looks[event.severity]}>
              {event.severity}
            </Label>
          )}{" "}
          {event.message}
        </Td>
        <Td dataLabel="Who">{event.actor.name}</Td>
      </Tr>
      {isOpen && (
        <Tr isExpanded>
          <Td />
          <Td colSpan={3}>
            <ExpandableRowContent>
              <DescriptionList isHorizontal isCompact>
                {rows.map(([term, value]) => (
                  <DescriptionListGroup key={term}>
                    <DescriptionListTerm>{term}</DescriptionListTerm>
                    <DescriptionListDescription>{value}</DescriptionListDescription>
                  </DescriptionListGroup>
                ))}
              </DescriptionList>
            </ExpandableRowContent>
          </Td>
        </Tr>
      )}
    </Tbody>
  );
}

export function EventTable({ events }: { events: readonly Event[] }): ReactNode {
  return (
    <Table variant="compact" aria-label="Events, newest first">
      <Thead>
        <Tr>
          <Th screenReaderText="Open" />
          <Th width={15}>When</Th>
          <Th>What</Th>
          <Th width={15}>Who</Th>
        </Tr>
      </Thead>
      {events.map((event, index) => (
        <EventRows key={event.id} event={event} index={index} />
      ))}
    </Table>
  );
}
