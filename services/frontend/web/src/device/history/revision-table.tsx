import { Label } from "@patternfly/react-core";
import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { TimeAgo } from "../../components/time-ago.tsx";
import { useMay } from "../../session/session.ts";
import { StateLabel } from "../device-labels.tsx";
import type { Device } from "../use-device.ts";
import { useTemplateNames, type TemplateNames } from "../use-template-names.ts";
import type { Revision } from "./history-tab.tsx";

interface RevisionTableProps {
  device: Device;
  revisions: readonly Revision[];
  selected: readonly number[];
  onSelect: (revision: number, isOn: boolean) => void;
  onShow: (revision: number) => void;
  onRollBack: (revision: number) => void;
}

function Sources({ revision, names }: { revision: Revision; names: TemplateNames }): ReactNode {
  if (revision.sources.length === 0) return <span className="rciots-muted">files of its own</span>;
  return revision.sources.map(({ templateId, versionId }, index) => {
    const number = names.numberOf(versionId);
    return (
      <span key={templateId}>
        {index > 0 && ", "}
        <Link to={`/templates/${templateId}`}>{names.nameOf(templateId)}</Link>
        {number === undefined ? "" : ` ${number}`}
      </span>
    );
  });
}

function RevisionRows(
  props: RevisionTableProps & { revision: Revision; index: number; names: TemplateNames },
) {
  const { device, revision, index, names, selected, onSelect, onShow, onRollBack } = props;
  const mayRollBack = useMay("operator");
  const { revision: number, message, state } = revision;
  const isCurrent = number === device.desired.revision;
  const roll = {
    title: "Roll back to it",
    isAriaDisabled: isCurrent,
    ...(isCurrent ? { description: "It is in force." } : {}),
    onClick: () => onRollBack(number),
  };
  const items = [{ title: "Show content", onClick: () => onShow(number) }, ...(mayRollBack ? [roll] : [])];
  return (
    <Tbody isExpanded={message !== null && state !== "healthy"}>
      <Tr>
        <Td
          select={{
            rowIndex: index,
            isSelected: selected.includes(number),
            onSelect: (_event, isOn) => onSelect(number, isOn),
          }}
        />
        <Td dataLabel="Revision">
          {number}{" "}
          {isCurrent && (
            <Label isCompact color="blue">
              current
            </Label>
          )}
        </Td>
        <Td dataLabel="State">
          <StateLabel state={state} />
        </Td>
        <Td dataLabel="Made of">
          <Sources revision={revision} names={names} />
          {revision.reason === "rollback" && <span className="rciots-muted"> (rollback)</span>}
        </Td>
        <Td dataLabel="Objects">{revision.objectCount}</Td>
        <Td dataLabel="Created">
          <TimeAgo at={revision.createdAt} />
        </Td>
        <Td isActionCell>
          <ActionsColumn items={items} />
        </Td>
      </Tr>
      {message !== null && state !== "healthy" && (
        <Tr isExpanded>
          <Td />
          <Td colSpan={6}>
            <pre className="rciots-device-words">{message}</pre>
          </Td>
        </Tr>
      )}
    </Tbody>
  );
}

export function RevisionTable(props: RevisionTableProps): ReactNode {
  const { revisions } = props;
  const names = useTemplateNames(
    revisions.flatMap(({ sources }) => sources.map(({ templateId }) => templateId)),
  );
  return (
    <Table variant="compact" aria-label="Revisions, newest first">
      <Thead>
        <Tr>
          <Th screenReaderText="Select" />
          <Th>Revision</Th>
          <Th>State</Th>
          <Th>Made of</Th>
          <Th>Objects</Th>
          <Th>Created</Th>
          <Th screenReaderText="Actions" />
        </Tr>
      </Thead>
      {revisions.map((revision, index) => (
        <RevisionRows key={revision.revision} {...props} revision={revision} index={index} names={names} />
      ))}
    </Table>
  );
}
