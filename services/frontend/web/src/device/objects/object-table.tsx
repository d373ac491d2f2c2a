import { Alert, Label } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { ReactNode } from "react";
import type { Schema } from "../../api/client.ts";
import { healthWords, type Health } from "./healths.ts";

type ObjectStatus = Schema<"ObjectStatus">;

const looks: Record<Health, "success" | "danger" | "warning" | "info" | undefined> = {
  Current: "success",
  InProgress: "info",
  Failed: "danger",
  NotFound: "warning",
  Terminating: "warning",
  Unknown: undefined,
};

const appliedWords: Record<ObjectStatus["applied"], string> = {
  applied: "applied",
  unchanged: "unchanged",
  failed: "refused",
  pruned: "deleted",
};

const keyOf = ({ apiVersion, kind, namespace = "", name }: ObjectStatus): string =>
  [apiVersion, kind, namespace, name].join("/");

function HealthLabel({ health }: { health: Health }): ReactNode {
  const status = looks[health];
  return (
    <Label isCompact {...(status === undefined ? { color: "grey" as const } : { status })}>
      {healthWords[health]}
    </Label>
  );
}

function titleOf({ health, applied }: ObjectStatus): string {
  if (applied === "failed") return "The API server refuses it";
  if (health === "Current" || applied === "pruned") return "Note";
  return health === "Failed" ? "It failed" : "It waits";
}

/** The API server's words stand under the object they are about. */
function ObjectRows({ object }: { object: ObjectStatus }): ReactNode {
  const { kind, namespace, name, health, applied, message } = object;
  const isBad = health === "Failed" || applied === "failed";
  return (
    <Tbody isExpanded={message !== undefined}>
      <Tr>
        <Td dataLabel="Kind">{kind}</Td>
        <Td dataLabel="Name" modifier="breakWord">
          {name}
        </Td>
        <Td dataLabel="Namespace">
          {namespace === undefined ? <span className="rciots-muted">none</span> : namespace}
        </Td>
        <Td dataLabel="Health">
          <HealthLabel health={health} />
        </Td>
        <Td dataLabel="Last apply">{appliedWords[applied]}</Td>
      </Tr>
      {message !== undefined && (
        <Tr isExpanded>
          <Td colSpan={5}>
            <Alert isInline isPlain variant={isBad ? "danger" : "info"} title={titleOf(object)}>
              {message}
            </Alert>
          </Td>
        </Tr>
      )}
    </Tbody>
  );
}

export function ObjectTable({ items }: { items: readonly ObjectStatus[] }): ReactNode {
  return (
    <Table variant="compact" aria-label="Objects, the worst first">
      <Thead>
        <Tr>
          <Th>Kind</Th>
          <Th>Name</Th>
          <Th>Namespace</Th>
          <Th>Health</Th>
          <Th>Last apply</Th>
        </Tr>
      </Thead>
      {items.map((object) => (
        <ObjectRows key={keyOf(object)} object={object} />
      ))}
    </Table>
  );
}
