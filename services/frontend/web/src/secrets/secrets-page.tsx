import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  PageSection,
  SearchInput,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { LockIcon } from "@patternfly/react-icons/dist/esm/icons/lock-icon";
import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useSearchParams } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useToasts } from "../components/toasts.ts";
import { useMay } from "../session/session.ts";
import { TemplateLinks } from "../templates/template-links.tsx";
import { SecretModal } from "./secret-modal.tsx";
import { useSecrets, type Secret } from "./secret-queries.ts";

function DeleteSecret({ secret, onClose }: { secret: Secret; onClose: () => void }): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const { name, templates } = secret;
  const remove = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/secrets/{name}", { params: { path: { name } } })),
    async onSuccess() {
      toasts.add({ title: `Secret ${name} was deleted` });
      onClose();
      await queries.invalidateQueries({ queryKey: ["secrets"] });
    },
  });
  const isUsed = templates.length > 0;
  return (
    <ConfirmModal
      title={`Delete ${name}?`}
      confirmLabel="Delete"
      isDanger
      {...(isUsed ? { typed: name } : {})}
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      {isUsed
        ? `${templates.map((template) => template.name).join(", ")} refer to it. Their devices keep what they run, and can't be given anything new until it is back.`
        : "No template refers to it. It can't be brought back."}
    </ConfirmModal>
  );
}

interface SecretsTableProps {
  secrets: readonly Secret[];
  onReplace: (secret: Secret) => void;
  onDelete: (secret: Secret) => void;
}

function SecretsTable({ secrets, onReplace, onDelete }: SecretsTableProps): ReactNode {
  const may = useMay("admin");
  return (
    <Table aria-label="Secrets" variant="compact">
      <Thead>
        <Tr>
          <Th>Name</Th>
          <Th>Used by</Th>
          <Th>Values so far</Th>
          <Th>Changed</Th>
          {may && <Th screenReaderText="Actions" />}
        </Tr>
      </Thead>
      <Tbody>
        {secrets.map((secret) => (
          <Tr key={secret.name}>
            <Td dataLabel="Name" modifier="breakWord">
              <code>{secret.name}</code>
            </Td>
            <Td dataLabel="Used by">
              <TemplateLinks templates={secret.templates} />
            </Td>
            <Td dataLabel="Values so far">{secret.version}</Td>
            <Td dataLabel="Changed">
              <TimeAgo at={secret.updatedAt} />
            </Td>
            {may && (
              <Td isActionCell>
                <ActionsColumn
                  items={[
                    { title: "Give a new value", onClick: () => onReplace(secret) },
                    { isSeparator: true },
                    { title: "Delete", isDanger: true, onClick: () => onDelete(secret) },
                  ]}
                />
              </Td>
            )}
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

function NoSecrets({ onAdd }: { onAdd: () => void }): ReactNode {
  const may = useMay("admin");
  return (
    <EmptyState titleText="No secrets yet" headingLevel="h2" icon={LockIcon}>
      <EmptyStateBody>
        {`Passwords and keys that templates refer to as \${secret.NAME}. They never stand in a template or in Git.`}
        {!may && " An administrator stores them."}
      </EmptyStateBody>
      {may && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button onClick={onAdd}>New secret</Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

function Search(): ReactNode {
  const [search, setSearch] = useSearchParams();
  const show = (q: string): void => setSearch(q === "" ? {} : { q }, { replace: true });
  return (
    <Toolbar>
      <ToolbarContent>
        <ToolbarItem>
          <SearchInput
            aria-label="Find secrets by name"
            placeholder="Find by name"
            value={search.get("q") ?? ""}
            onChange={(_event, q) => show(q)}
            onClear={() => show("")}
          />
        </ToolbarItem>
      </ToolbarContent>
    </Toolbar>
  );
}

/** Values that templates refer to; they go in here, and only devices get them out. */
export function SecretsPage(): ReactNode {
  const found = useSecrets();
  const may = useMay("admin");
  const [search] = useSearchParams();
  const [edited, setEdited] = useState<Secret | "new" | null>(null);
  const [deleting, setDeleting] = useState<Secret | null>(null);
  const secrets = found.data ?? [];
  const q = (search.get("q") ?? "").toLowerCase();
  const shown = secrets.filter(({ name }) => name.toLowerCase().includes(q));
  const isEmpty = found.isSuccess && secrets.length === 0;
  return (
    <>
      <PageHeader
        title="Secrets"
        description="Values that are filled into templates for each device. They are sealed, and never shown again."
        {...(may && !isEmpty
          ? { actions: <Button onClick={() => setEdited("new")}>New secret</Button> }
          : {})}
      />
      <PageSection>
        {found.isPending && <PageLoading label="Loading secrets" />}
        {found.isError && <ErrorState error={found.error} onRetry={() => void found.refetch()} />}
        {isEmpty && <NoSecrets onAdd={() => setEdited("new")} />}
        {secrets.length > 0 && (
          <>
            <Search />
            <SecretsTable secrets={shown} onReplace={setEdited} onDelete={setDeleting} />
            {shown.length === 0 && <p className="rciots-muted">No secret matches.</p>}
          </>
        )}
      </PageSection>
      {edited !== null && (
        <SecretModal
          name={edited === "new" ? null : edited.name}
          taken={secrets.map(({ name }) => name)}
          onClose={() => setEdited(null)}
        />
      )}
      {deleting !== null && <DeleteSecret secret={deleting} onClose={() => setDeleting(null)} />}
    </>
  );
}
