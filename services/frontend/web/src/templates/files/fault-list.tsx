import { Alert, Button, List, ListItem } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { ProblemAlert } from "../../components/problem-alert.tsx";
import { faultsOf, messageOf, type FileFault } from "./faults.ts";

interface FaultListProps {
  /** What was thrown; nothing shows where that is null. */
  error: unknown;
  title: string;
  /** Absent: the places are told, not led to. */
  onOpen?: (fault: FileFault) => void;
}

function placeOf({ file, line, column }: FileFault): string {
  const parts = [file, line === undefined ? "" : `${line}`, column === undefined ? "" : `${column}`];
  return parts.filter((part) => part !== "" && part !== undefined).join(":");
}

/** Why files were refused: each fault with the place it is at. Any other refusal as it is. */
export function FaultList({ error, title, onOpen }: FaultListProps): ReactNode {
  const faults = faultsOf(error);
  if (faults.length === 0) return <ProblemAlert error={error} title={title} />;
  return (
    <Alert variant="danger" isInline title={title}>
      <List isPlain>
        {faults.map((fault, index) => (
          <ListItem key={index}>
            {fault.file !== undefined &&
              (onOpen === undefined ? (
                <strong>{placeOf(fault)} </strong>
              ) : (
                <Button variant="link" isInline onClick={() => onOpen(fault)}>
                  {placeOf(fault)}
                </Button>
              ))}{" "}
            {messageOf(fault)}
          </ListItem>
        ))}
      </List>
    </Alert>
  );
}
