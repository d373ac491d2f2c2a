import { Button, Label, Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState, type ReactNode } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { ErrorState } from "../components/error-state.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useMay } from "../session/session.ts";
import { MakeCurrentModal } from "./make-current-modal.tsx";
import { shortCommit } from "./sync-status.tsx";
import { useVersions, type Template, type TemplateVersion } from "./template-queries.ts";
import { useAuthor } from "./use-author.ts";
import { VersionComparison } from "./version-comparison.tsx";

interface VersionsTableProps {
  versions: TemplateVersion[];
  chosen: readonly string[];
  onChoose: (id: string, isChosen: boolean) => void;
  onMakeCurrent: (version: TemplateVersion) => void;
}

function CommitCell({ commit }: Pick<TemplateVersion, "commit">): ReactNode {
  if (commit === null) return <span className="rciots-muted">none</span>;
  return (
    <>
      {commit.subject}
      <div className="rciots-muted">
        {shortCommit(commit.id)} by {commit.author}
      </div>
    </>
  );
}

function VersionsTable({ versions, chosen, onChoose, onMakeCurrent }: VersionsTableProps): ReactNode {
  const author = useAuthor();
  const may = useMay("operator");
  const navigate = useNavigate();
  const hasCommits = versions.some(({ commit }) => commit !== null);
  const actionsOf = (version: TemplateVersion) => [
    { title: "Show files", onClick: () => void navigate(`?tab=files&version=${version.id}`) },
    { title: "Show rendered objects", onClick: () => void navigate(`?tab=rendered&version=${version.id}`) },
    ...(may && !version.isCurrent ? [{ title: "Make current", onClick: () => onMakeCurrent(version) }] : []),
  ];
  return (
    <Table aria-label="Versions" variant="compact">
      <Thead>
        <Tr>
          <Th screenReaderText="Choose to compare" />
          <Th>Version</Th>
          {hasCommits && <Th>Commit</Th>}
          <Th>Made</Th>
          <Th>By</Th>
          <Th>Objects</Th>
          <Th screenReaderText="Actions" />
        </Tr>
      </Thead>
      <Tbody>
        {versions.map((version, rowIndex) => (
          <Tr key={version.id}>
            <Td
              select={{
                rowIndex,
                isSelected: chosen.includes(version.id),
                isDisabled: chosen.length === 2 && !chosen.includes(version.id),
                onSelect: (_event, isChosen) => onChoose(version.id, isChosen),
              }}
            />
            <Td dataLabel="Version">
              <span>
                {version.number}{" "}
                {version.isCurrent && (
                  <Label isCompact color="blue">
                    Current
                  </Label>
                )}
              </span>
            </Td>
            {hasCommits && (
              <Td dataLabel="Commit" modifier="breakWord">
                <CommitCell commit={version.commit} />
              </Td>
            )}
            <Td dataLabel="Made">
              <TimeAgo at={version.createdAt} />
            </Td>
            <Td dataLabel="By">{author(version.createdBy)}</Td>
            <Td dataLabel="Objects">{version.objectCount}</Td>
            <Td isActionCell>
              <ActionsColumn items={actionsOf(version)} />
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

/** `?compare=<id>..<id>`: the two versions to compare, the earlier first. */
function useComparison() {
  const [search, setSearch] = useSearchParams();
  const [before, after] = (search.get("compare") ?? "").split("..");
  return {
    compared: before === undefined || after === undefined ? null : { before, after },
    compare: (ids: readonly string[]) => setSearch({ tab: "versions", compare: ids.join("..") }),
  };
}

/** All versions, the newest first; any two can be compared, and an earlier one made the current one. */
export function VersionsTab({ template }: { template: Template }): ReactNode {
  const found = useVersions(template.id);
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [raised, setRaised] = useState<TemplateVersion | null>(null);
  const { compared, compare } = useComparison();
  if (compared !== null) return <VersionComparison template={template} {...compared} />;
  if (found.isPending) return <PageLoading label="Loading versions" />;
  if (found.data === undefined)
    return <ErrorState error={found.error} onRetry={() => void found.refetch()} />;
  const versions = found.data.pages.flatMap(({ items }) => items);
  const choose = (id: string, isChosen: boolean): void =>
    setChosen((before) => (isChosen ? [...before, id].slice(-2) : before.filter((other) => other !== id)));
  // The list is newest first.
  const inOrder = versions
    .filter(({ id }) => chosen.includes(id))
    .map(({ id }) => id)
    .reverse();
  return (
    <>
      <Toolbar>
        <ToolbarContent>
          <ToolbarItem>
            <Button variant="secondary" isDisabled={inOrder.length !== 2} onClick={() => compare(inOrder)}>
              Compare
            </Button>
          </ToolbarItem>
          <ToolbarItem alignSelf="center">
            <span className="rciots-muted">
              {inOrder.length === 2 ? "Two versions chosen" : "Choose two versions to compare them"}
            </span>
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      <VersionsTable versions={versions} chosen={chosen} onChoose={choose} onMakeCurrent={setRaised} />
      {found.hasNextPage && (
        <Button
          variant="secondary"
          className="rciots-load-more"
          isLoading={found.isFetchingNextPage}
          onClick={() => void found.fetchNextPage()}
        >
          Show more
        </Button>
      )}
      {raised !== null && (
        <MakeCurrentModal template={template} version={raised} onClose={() => setRaised(null)} />
      )}
    </>
  );
}
