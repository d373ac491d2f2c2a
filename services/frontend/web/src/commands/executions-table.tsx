import { Button } from "@patternfly/react-core";
import {
  ActionsColumn,
  ExpandableRowContent,
  Table,
  Tbody,
  Td,
  Th,
  Thead,
  Tr,
} from "@patternfly/react-table";
import { useState, type ReactNode } from "react";
import { Link } from "react-router";
import { TimeAgo } from "../components/time-ago.tsx";
import { useNow } from "../components/use-now.ts";
import { useMay } from "../session/session.ts";
import { isOver, useCancelExecution, type Execution } from "./command-queries.ts";
import { ExecutionLabel } from "./execution-state.tsx";
import { OutputPanel, sizeText } from "./output-panel.tsx";

const second = 1_000;

export function durationText(ms: number): string {
  if (ms < 10 * second) return `${(ms / second).toFixed(1)} s`;
  if (ms < 120 * second) return `${Math.round(ms / second)} s`;
  const minutes = Math.round(ms / 60_000);
  return minutes < 120 ? `${minutes} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

function Duration({ execution }: { execution: Execution }): ReactNode {
  const now = useNow();
  const { startedAt, finishedAt } = execution;
  if (startedAt === null) return <span className="rciots-muted">-</span>;
  const end = finishedAt === null ? now : Date.parse(finishedAt);
  return durationText(Math.max(0, end - Date.parse(startedAt)));
}

function result({ exitCode, signal }: Execution): ReactNode {
  if (exitCode !== null) return exitCode;
  return signal ?? <span className="rciots-muted">-</span>;
}

interface RowProps {
  execution: Execution;
  rowIndex: number;
  /** What stands first: the device, or what was run. */
  name: ReactNode;
  isOpen: boolean;
  onToggle: () => void;
}

function Row({ execution, rowIndex, name, isOpen, onToggle }: RowProps): ReactNode {
  const may = useMay("operator");
  const cancel = useCancelExecution();
  const mayCancel = may && !isOver(execution.state) && !execution.isCanceling;
  return (
    <Tbody isExpanded={isOpen}>
      <Tr>
        {may && (
          <Td
            expand={{ rowIndex, isExpanded: isOpen, onToggle, expandId: `output-of-${execution.id}` }}
            dataLabel="Output"
          />
        )}
        <Td dataLabel="Name" modifier="breakWord">
          {name}
        </Td>
        <Td dataLabel="State">
          <ExecutionLabel execution={execution} />
          {execution.message !== null && <span className="rciots-run-words"> {execution.message}</span>}
        </Td>
        <Td dataLabel="Result">{result(execution)}</Td>
        <Td dataLabel="Duration" modifier="nowrap">
          <Duration execution={execution} />
        </Td>
        <Td dataLabel="Started" modifier="nowrap">
          <TimeAgo at={execution.startedAt} never="-" />
        </Td>
        {may && (
          <Td isActionCell>
            <ActionsColumn
              items={[
                { title: isOpen ? "Hide the output" : "Show the output", onClick: onToggle },
                {
                  title: "Cancel it here",
                  isAriaDisabled: !mayCancel,
                  onClick: () => mayCancel && cancel.mutate(execution),
                },
              ]}
            />
          </Td>
        )}
      </Tr>
      {may && isOpen && (
        <Tr isExpanded>
          <Td colSpan={7}>
            <ExpandableRowContent>
              <OutputPanel execution={execution} />
              {execution.outputBytes > 0 && (
                <p className="rciots-run-words">{sizeText(execution.outputBytes)} were written.</p>
              )}
            </ExpandableRowContent>
          </Td>
        </Tr>
      )}
    </Tbody>
  );
}

interface ExecutionsTableProps {
  executions: readonly Execution[];
  label: string;
  /** Of the first column. */
  heading: string;
  nameOf: (execution: Execution) => ReactNode;
}

/** Commands on devices, each with its output under it. */
export function ExecutionsTable({ executions, label, heading, nameOf }: ExecutionsTableProps): ReactNode {
  const may = useMay("operator");
  // Where there is one, its output is what somebody came for.
  const [only] = executions.length === 1 ? executions : [];
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const isOpen = (id: string): boolean => toggled.has(id) !== (only?.id === id);
  const toggle = (id: string): void => {
    const next = new Set(toggled);
    if (!next.delete(id)) next.add(id);
    setToggled(next);
  };
  return (
    <Table aria-label={label} variant="compact" gridBreakPoint="grid-lg">
      <Thead>
        <Tr>
          {may && <Th screenReaderText="Output" />}
          <Th width={25}>{heading}</Th>
          <Th width={35}>State</Th>
          <Th>Result</Th>
          <Th modifier="nowrap">Duration</Th>
          <Th>Started</Th>
          {may && <Th screenReaderText="Actions" />}
        </Tr>
      </Thead>
      {executions.map((execution, rowIndex) => (
        <Row
          key={execution.id}
          execution={execution}
          rowIndex={rowIndex}
          name={nameOf(execution)}
          isOpen={isOpen(execution.id)}
          onToggle={() => toggle(execution.id)}
        />
      ))}
    </Table>
  );
}

export const deviceLink = ({ deviceId, deviceName }: Execution): ReactNode => (
  <Link to={`/devices/${deviceId}`}>{deviceName}</Link>
);

export const runLink = ({ runId, title, createdBy }: Execution): ReactNode => (
  <>
    <Link to={`/commands/${runId}`}>{title}</Link>
    <span className="rciots-run-words"> by {createdBy.name}</span>
  </>
);

export function NewCommandButton({ to = "/commands/new" }: { to?: string }): ReactNode {
  return (
    <Button variant="primary" component={(props) => <Link {...props} to={to} />}>
      Run a command
    </Button>
  );
}
