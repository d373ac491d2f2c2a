import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  Label,
  PageSection,
} from "@patternfly/react-core";
import { KeyIcon } from "@patternfly/react-icons/dist/esm/icons/key-icon";
import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
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
import { CredentialModal } from "./credential-modal.tsx";
import { useGitCredentials, type GitCredential } from "./credential-queries.ts";

const kinds = { basic: "Password or token", ssh: "SSH key" } as const;

function DeleteCredential(props: { credential: GitCredential; onClose: () => void }): ReactNode {
  const { credential, onClose } = props;
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const remove = useMutation({
    mutationFn: () =>
      unwrap(api.DELETE("/api/v1/git-credentials/{id}", { params: { path: { id: credential.id } } })),
    async onSuccess() {
      toasts.add({ title: `Git credential ${credential.name} was deleted` });
      onClose();
      await queries.invalidateQueries({ queryKey: ["git-credentials"] });
    },
  });
  return (
    <ConfirmModal
      title={`Delete ${credential.name}?`}
      confirmLabel="Delete"
      isDanger
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      {credential.templates.length === 0
        ? "No template uses it. It can't be brought back."
        : `${credential.templates.map(({ name }) => name).join(", ")} still use it: give them another one first.`}
    </ConfirmModal>
  );
}

interface CredentialsTableProps {
  credentials: readonly GitCredential[];
  onReplace: (credential: GitCredential) => void;
  onDelete: (credential: GitCredential) => void;
}

function CredentialsTable({ credentials, onReplace, onDelete }: CredentialsTableProps): ReactNode {
  const may = useMay("admin");
  return (
    <Table aria-label="Git credentials" variant="compact">
      <Thead>
        <Tr>
          <Th>Name</Th>
          <Th>Kind</Th>
          <Th>Used by</Th>
          <Th>Created</Th>
          {may && <Th screenReaderText="Actions" />}
        </Tr>
      </Thead>
      <Tbody>
        {credentials.map((credential) => (
          <Tr key={credential.id}>
            <Td dataLabel="Name" modifier="breakWord">
              {credential.name}
            </Td>
            <Td dataLabel="Kind">
              <Label isCompact>{kinds[credential.kind]}</Label>
            </Td>
            <Td dataLabel="Used by">
              <TemplateLinks templates={credential.templates} />
            </Td>
            <Td dataLabel="Created">
              <TimeAgo at={credential.createdAt} />
            </Td>
            {may && (
              <Td isActionCell>
                <ActionsColumn
                  items={[
                    { title: "Replace", onClick: () => onReplace(credential) },
                    { isSeparator: true },
                    { title: "Delete", isDanger: true, onClick: () => onDelete(credential) },
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

function NoCredentials({ onAdd }: { onAdd: () => void }): ReactNode {
  const may = useMay("admin");
  return (
    <EmptyState titleText="No Git credentials yet" headingLevel="h2" icon={KeyIcon}>
      <EmptyStateBody>
        {may
          ? "Templates from a repository that isn't public need one: a deploy token, or an SSH key."
          : "An administrator stores them, for templates from repositories that aren't public."}
      </EmptyStateBody>
      {may && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button onClick={onAdd}>New credential</Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

/** What the platform reads repositories with. */
export function GitCredentialsPage(): ReactNode {
  const found = useGitCredentials();
  const may = useMay("admin");
  const toasts = useToasts();
  const [edited, setEdited] = useState<GitCredential | "new" | null>(null);
  const [deleting, setDeleting] = useState<GitCredential | null>(null);
  const isEmpty = found.data?.length === 0;
  const stored = (): void => {
    toasts.add({ title: edited === "new" ? "The credential was stored" : "The credential was replaced" });
    setEdited(null);
  };
  return (
    <>
      <PageHeader
        title="Git credentials"
        description="What repositories are read with. They are sealed, and never shown again."
        {...(may && !isEmpty
          ? { actions: <Button onClick={() => setEdited("new")}>New credential</Button> }
          : {})}
      />
      <PageSection>
        {found.isPending && <PageLoading label="Loading Git credentials" />}
        {found.isError && <ErrorState error={found.error} onRetry={() => void found.refetch()} />}
        {isEmpty && <NoCredentials onAdd={() => setEdited("new")} />}
        {found.data !== undefined && !isEmpty && (
          <CredentialsTable credentials={found.data} onReplace={setEdited} onDelete={setDeleting} />
        )}
      </PageSection>
      {edited !== null && (
        <CredentialModal
          {...(edited === "new" ? {} : { existing: edited })}
          onStored={stored}
          onClose={() => setEdited(null)}
        />
      )}
      {deleting !== null && <DeleteCredential credential={deleting} onClose={() => setDeleting(null)} />}
    </>
  );
}
