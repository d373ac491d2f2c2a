import { Button } from "@patternfly/react-core";
import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { ReactNode } from "react";
import { LabelList } from "../components/label-list.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { TokenStateLabel, UsageMeter } from "./token-labels.tsx";
import { approvalText } from "./token-review.tsx";
import type { Token } from "./token.ts";
import type { TokenAction } from "./use-token-actions.tsx";

interface TokensTableProps {
  tokens: readonly Token[];
  openId: string | null;
  onOpen: (id: string) => void;
  /** Absent: the person may only look. */
  actionsOf?: ((token: Token) => TokenAction[]) | undefined;
  /** Ids of those that are ticked. */
  chosen: ReadonlySet<string>;
  onChoose: (ids: readonly string[], isChosen: boolean) => void;
}

export function TokensTable({
  tokens,
  openId,
  onOpen,
  actionsOf,
  chosen,
  onChoose,
}: TokensTableProps): ReactNode {
  const ids = tokens.map(({ id }) => id);
  return (
    <Table aria-label="Provisioning tokens" variant="compact">
      <Thead>
        <Tr>
          {actionsOf !== undefined && (
            <Th
              aria-label="Select the page"
              select={{
                isSelected: ids.every((id) => chosen.has(id)),
                onSelect: (_event, isChosen) => onChoose(ids, isChosen),
              }}
            />
          )}
          <Th>Name</Th>
          <Th>Status</Th>
          <Th>Devices</Th>
          <Th>Expires</Th>
          <Th>Approval</Th>
          <Th>Labels</Th>
          <Th modifier="nowrap">Created</Th>
          {actionsOf !== undefined && <Th screenReaderText="Actions" />}
        </Tr>
      </Thead>
      <Tbody>
        {tokens.map((token, index) => (
          <Tr key={token.id} isRowSelected={token.id === openId}>
            {actionsOf !== undefined && (
              <Td
                select={{
                  rowIndex: index,
                  isSelected: chosen.has(token.id),
                  onSelect: (_event, isChosen) => onChoose([token.id], isChosen),
                }}
              />
            )}
            <Td dataLabel="Name" modifier="breakWord">
              <Button variant="link" isInline onClick={() => onOpen(token.id)}>
                {token.name}
              </Button>
            </Td>
            <Td dataLabel="Status">
              <span>
                <TokenStateLabel token={token} />
              </span>
            </Td>
            <Td dataLabel="Devices">
              <UsageMeter token={token} />
            </Td>
            <Td dataLabel="Expires" modifier="nowrap">
              <TimeAgo at={token.expiresAt} />
            </Td>
            <Td dataLabel="Approval" modifier="nowrap">
              {approvalText(token.approval)}
            </Td>
            <Td dataLabel="Labels">
              <LabelList labels={token.labels} max={2} />
            </Td>
            <Td dataLabel="Created" modifier="nowrap">
              <TimeAgo at={token.createdAt} />
            </Td>
            {actionsOf !== undefined && (
              <Td isActionCell>
                <ActionsColumn items={actionsOf(token)} />
              </Td>
            )}
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}
