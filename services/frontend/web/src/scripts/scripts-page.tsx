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
import { CodeIcon } from "@patternfly/react-icons/dist/esm/icons/code-icon";
import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState, type ReactNode } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import type { Script } from "../commands/command-draft.ts";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PagedList } from "../components/paged-list.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useMay } from "../session/session.ts";
import { useDeleteScript, useScriptPages } from "./script-queries.ts";

function NewButton(): ReactNode {
  return <Button component={(props) => <Link {...props} to="/scripts/new" />}>New script</Button>;
}

function DeleteScript({ script, onClose }: { script: Script; onClose: () => void }): ReactNode {
  const remove = useDeleteScript(onClose);
  return (
    <ConfirmModal
      title={`Delete ${script.name}?`}
      confirmLabel="Delete"
      isDanger
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate(script)}
      onClose={onClose}
    >
      Runs that were made of it keep its text. It can&apos;t be brought back.
    </ConfirmModal>
  );
}

function ScriptsTable({ scripts }: { scripts: readonly Script[] }): ReactNode {
  const may = useMay("operator");
  const navigate = useNavigate();
  const [deleting, setDeleting] = useState<Script | null>(null);
  return (
    <>
      <Table aria-label="Scripts" variant="compact">
        <Thead>
          <Tr>
            <Th width={30}>Name</Th>
            <Th width={40}>Description</Th>
            <Th>Interpreter</Th>
            <Th>Changed</Th>
            {may && <Th screenReaderText="Actions" />}
          </Tr>
        </Thead>
        <Tbody>
          {scripts.map((script) => (
            <Tr key={script.id}>
              <Td dataLabel="Name" modifier="breakWord">
                <Link to={`/scripts/${script.id}`}>{script.name}</Link>
              </Td>
              <Td dataLabel="Description" modifier="breakWord">
                {script.description}
              </Td>
              <Td dataLabel="Interpreter" modifier="breakWord">
                {script.interpreter}
              </Td>
              <Td dataLabel="Changed" modifier="nowrap">
                <TimeAgo at={script.updatedAt} />
              </Td>
              {may && (
                <Td isActionCell>
                  <ActionsColumn
                    items={[
                      { title: "Run", onClick: () => void navigate(`/commands/new?script=${script.id}`) },
                      { title: "Edit", onClick: () => void navigate(`/scripts/${script.id}`) },
                      { isSeparator: true },
                      { title: "Delete", isDanger: true, onClick: () => setDeleting(script) },
                    ]}
                  />
                </Td>
              )}
            </Tr>
          ))}
        </Tbody>
      </Table>
      {deleting !== null && <DeleteScript script={deleting} onClose={() => setDeleting(null)} />}
    </>
  );
}

function NoScripts({ isFiltered }: { isFiltered: boolean }): ReactNode {
  const may = useMay("operator");
  if (isFiltered) return <p className="rciots-muted">No script matches.</p>;
  return (
    <EmptyState titleText="No scripts yet" headingLevel="h2" icon={CodeIcon}>
      <EmptyStateBody>
        Keep here what is run on devices again and again: a text for a shell, Python or another interpreter,
        with parameters that are given for each run.
      </EmptyStateBody>
      {may && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <NewButton />
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

/** The organisation's saved scripts. */
export function ScriptsPage(): ReactNode {
  const may = useMay("operator");
  const [search, setSearch] = useSearchParams();
  const q = (search.get("q") ?? "").slice(0, 100);
  const pages = useScriptPages(q);
  const isEmpty = !pages.isPending && pages.error === null && pages.items.length === 0 && q === "";
  const find = (text: string): void => setSearch(text === "" ? {} : { q: text }, { replace: true });
  return (
    <>
      <PageHeader
        title="Scripts"
        description="Saved scripts that can be run on devices."
        {...(may && !isEmpty ? { actions: <NewButton /> } : {})}
      />
      <PageSection>
        {!isEmpty && (
          <Toolbar>
            <ToolbarContent>
              <ToolbarItem>
                <SearchInput
                  aria-label="Find scripts by name"
                  placeholder="Find by name"
                  value={q}
                  onChange={(_event, text) => find(text.slice(0, 100))}
                  onClear={() => find("")}
                />
              </ToolbarItem>
            </ToolbarContent>
          </Toolbar>
        )}
        <PagedList pages={pages} empty={<NoScripts isFiltered={q !== ""} />}>
          {(scripts) => <ScriptsTable scripts={scripts} />}
        </PagedList>
      </PageSection>
    </>
  );
}
