import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  Label,
  LabelGroup,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { KeyIcon } from "@patternfly/react-icons/dist/esm/icons/key-icon";
import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { PagedList } from "../components/paged-list.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useToasts } from "../components/toasts.ts";
import { usePages } from "../components/use-pages.ts";
import { useMay } from "../session/session.ts";
import { CreatedTokenModal, CreateTokenModal } from "./create-token-modal.tsx";

type ApiToken = Schema<"ApiToken">;

function RevokeModal({ token, onClose }: { token: ApiToken; onClose: () => void }): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const revoke = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/api-tokens/{id}", { params: { path: { id: token.id } } })),
    async onSuccess() {
      toasts.add({ title: `API token ${token.name} was revoked` });
      onClose();
      await queries.invalidateQueries({ queryKey: ["api-tokens"] });
    },
  });
  return (
    <ConfirmModal
      title={`Revoke ${token.name}?`}
      confirmLabel="Revoke"
      isDanger
      isPending={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoke.mutate()}
      onClose={onClose}
    >
      Whatever uses it is refused from now on. It can&apos;t be brought back.
    </ConfirmModal>
  );
}

function ApiTokensTable({
  tokens,
  onRevoke,
}: {
  tokens: ApiToken[];
  onRevoke: (token: ApiToken) => void;
}): ReactNode {
  return (
    <Table aria-label="API tokens" variant="compact">
      <Thead>
        <Tr>
          <Th>Name</Th>
          <Th>Whose</Th>
          <Th>Scope</Th>
          <Th modifier="nowrap">Last used</Th>
          <Th>Expires</Th>
          <Th>Created</Th>
          <Th screenReaderText="Actions" />
        </Tr>
      </Thead>
      <Tbody>
        {tokens.map((token) => (
          <Tr key={token.id}>
            <Td dataLabel="Name" modifier="breakWord">
              {token.name}
            </Td>
            <Td dataLabel="Whose">{token.username}</Td>
            <Td dataLabel="Scope">
              <LabelGroup aria-label="Scope">
                {token.scopes.map((scope) => (
                  <Label key={scope} isCompact>
                    {scope}
                  </Label>
                ))}
              </LabelGroup>
            </Td>
            <Td dataLabel="Last used">
              <TimeAgo at={token.lastUsedAt} />
            </Td>
            <Td dataLabel="Expires">
              <TimeAgo at={token.expiresAt} />
            </Td>
            <Td dataLabel="Created">
              <TimeAgo at={token.createdAt} />
            </Td>
            <Td isActionCell>
              <ActionsColumn items={[{ title: "Revoke", isDanger: true, onClick: () => onRevoke(token) }]} />
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

function NoTokens({ onCreate }: { onCreate: () => void }): ReactNode {
  return (
    <EmptyState titleText="No API tokens" headingLevel="h2" icon={KeyIcon}>
      <EmptyStateBody>
        Programs and scripts use the platform with a token in place of a password.
      </EmptyStateBody>
      <EmptyStateFooter>
        <EmptyStateActions>
          <Button onClick={onCreate}>New API token</Button>
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}

export function ApiTokensTab(): ReactNode {
  const api = useApi();
  const mayCreate = useMay("viewer");
  const [isCreating, setIsCreating] = useState(false);
  const [created, setCreated] = useState<string>();
  const [revoking, setRevoking] = useState<ApiToken>();
  const tokens = usePages<ApiToken>(["api-tokens"], (cursor, signal) => {
    const query = { limit: 100, ...(cursor === undefined ? {} : { cursor }) };
    return unwrap(api.GET("/api/v1/api-tokens", { params: { query }, signal }));
  });
  return (
    <>
      {tokens.items.length > 0 && mayCreate && (
        <Toolbar>
          <ToolbarContent>
            <ToolbarItem>
              <Button onClick={() => setIsCreating(true)}>New API token</Button>
            </ToolbarItem>
          </ToolbarContent>
        </Toolbar>
      )}
      <PagedList pages={tokens} empty={<NoTokens onCreate={() => setIsCreating(true)} />}>
        {(items) => <ApiTokensTable tokens={items} onRevoke={setRevoking} />}
      </PagedList>
      {isCreating && <CreateTokenModal onCreated={setCreated} onClose={() => setIsCreating(false)} />}
      {created !== undefined && <CreatedTokenModal token={created} onClose={() => setCreated(undefined)} />}
      {revoking && <RevokeModal token={revoking} onClose={() => setRevoking(undefined)} />}
    </>
  );
}
