import {
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
  Flex,
  Label,
} from "@patternfly/react-core";
import { ExpandableRowContent, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Schema } from "../api/client.ts";
import { CopyableId } from "../components/copyable-id.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { changedFields, isIdentifier, otherDetails, words } from "../events/event-values.ts";

type AuditEvent = Schema<"Event">;

const colors = { info: "blue", warning: "orange", error: "red" } as const;

function Changes({ event }: { event: AuditEvent }): ReactNode {
  const fields = changedFields(event.details);
  if (fields.length === 0) return null;
  return (
    <Table aria-label="What changed" variant="compact" borders={false}>
      <Thead>
        <Tr>
          <Th>Field</Th>
          <Th>Before</Th>
          <Th>After</Th>
        </Tr>
      </Thead>
      <Tbody>
        {fields.map(({ field, before, after }) => (
          <Tr key={field}>
            <Td dataLabel="Field">{field}</Td>
            <Td dataLabel="Before" modifier="breakWord">
              {before}
            </Td>
            <Td dataLabel="After" modifier="breakWord">
              {after}
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

function Term({ name, children }: { name: string; children: ReactNode }): ReactNode {
  return (
    <DescriptionListGroup>
      <DescriptionListTerm>{name}</DescriptionListTerm>
      <DescriptionListDescription>{children}</DescriptionListDescription>
    </DescriptionListGroup>
  );
}

function Details({ event }: { event: AuditEvent }): ReactNode {
  const { actor, address, at, details, deviceId } = event;
  const requestId = details["requestId"];
  return (
    <DescriptionList isHorizontal isCompact columnModifier={{ xl: "2Col" }}>
      <Term name="When">{new Date(at).toLocaleString()}</Term>
      <Term name="From address">{address ?? "the platform itself"}</Term>
      <Term name={words(actor.kind)}>
        {actor.name} {actor.kind !== "address" && <CopyableId value={actor.id} />}
      </Term>
      {deviceId !== null && (
        <Term name="Device">
          <Link to={`/devices/${deviceId}`}>Show the device</Link>
        </Term>
      )}
      {otherDetails(details).map(({ name, value }) => (
        <Term key={name} name={name}>
          {isIdentifier(value) ? <CopyableId value={value} /> : value}
        </Term>
      ))}
      {typeof requestId === "string" && (
        <Term name="Request">
          <CopyableId value={requestId} />
        </Term>
      )}
    </DescriptionList>
  );
}

interface EventRowProps {
  event: AuditEvent;
  index: number;
  isExpanded: boolean;
  onToggle: () => void;
}

/** One event; what changed and where from unfolds below it. */
export function EventRow({ event, index, isExpanded, onToggle }: EventRowProps): ReactNode {
  const { actor, at, kind, message, severity } = event;
  return (
    <Tbody isExpanded={isExpanded}>
      <Tr>
        <Td expand={{ rowIndex: index, isExpanded, onToggle, expandId: "event" }} />
        <Td dataLabel="When" modifier="nowrap">
          <TimeAgo at={at} />
        </Td>
        <Td dataLabel="What" modifier="breakWord">
          {severity !== "info" && (
            <>
              <Label isCompact color={colors[severity]}>
                {severity}
              </Label>{" "}
            </>
          )}
          {message}
        </Td>
        <Td dataLabel="Who" modifier="breakWord">
          {actor.name}
        </Td>
        <Td dataLabel="Kind" className="rciots-wide-only">
          <code>{kind}</code>
        </Td>
      </Tr>
      <Tr isExpanded={isExpanded}>
        <Td colSpan={5}>
          <ExpandableRowContent>
            {isExpanded && (
              <Flex direction={{ default: "column" }} gap={{ default: "gapMd" }}>
                <Changes event={event} />
                <Details event={event} />
              </Flex>
            )}
          </ExpandableRowContent>
        </Td>
      </Tr>
    </Tbody>
  );
}
